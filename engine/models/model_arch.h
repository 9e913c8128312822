// What an architecture is to the engine: its numbers, its tensors, its forward pass. One architecture is one file in
// this folder that ends in `extern const ModelArch kArch_<file name>`; CMake makes the table. Constant data, any
// thread.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "engine/blocks/hparams.h"
#include "engine/blocks/model_graph.h"
#include "kernels/api/result.h"

namespace lemma {

class WeightStore;

struct ModelArch {
  std::string_view ggufName;  // general.architecture
  Result<Hparams> (*readHparams)(const ModelHeader& header);
  // Finds every tensor and checks its shape; the error names the tensor.
  Result<std::unique_ptr<ModelGraph>> (*bind)(const Hparams& hparams, WeightStore& weights);
  // The first of Hparams::draftLayers as a model of one layer; null where this build does not run such layers. Its
  // embed() finds in the residual stream what the head of the model was given.
  Result<std::unique_ptr<ModelGraph>> (*bindDraft)(const Hparams& hparams, WeightStore& weights) = nullptr;
};

std::span<const ModelArch* const> modelArchTable();  // written by CMake

}  // namespace lemma
