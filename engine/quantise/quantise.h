// Writes a model anew with its matrices in other types. What is done survives a kill: OUT.part and OUT.part.log hold
// it, and the next call with the same source and options goes on behind it. Tensors pass through in pieces of a few
// rows, so a model larger than memory is no matter. Owner: one thread calls; work is spread over threads of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/model_file/model_file.h"
#include "engine/quantise/imatrix.h"
#include "engine/quantise/recipe.h"
#include "kernels/api/backend.h"

namespace lemma {

struct QuantiseOptions {
  Recipe recipe;
  std::vector<TypeRule> rules;
  const Imatrix* imatrix = nullptr;  // null = all columns count the same
  std::string imatrixName;           // for the metadata
  int threads = 1;
};

struct QuantisedTensor {
  std::string name;
  Type from{}, to{};
  uint64_t bytesFrom = 0, bytesTo = 0;
};

struct QuantiseProgress {
  const QuantisedTensor* tensor = nullptr;
  uint64_t done = 0, total = 0;  // values
  uint64_t resumed = 0;          // of `done`: from an earlier run
};

struct Quantised {
  std::vector<QuantisedTensor> tensors;
  uint64_t bytesFrom = 0, bytesTo = 0;  // whole files
  uint64_t resumedTensors = 0;
};

// `file` may be of any format; what is written is GGUF. `progress` is called on the calling thread. Err::cancelled
// where the flag was set: what is done is kept.
Result<Quantised> quantise(const ModelFile& file, const std::string& out, const QuantiseOptions& options,
                           const std::function<void(const QuantiseProgress&)>& progress, const CancelFlag& cancel);

}  // namespace lemma
