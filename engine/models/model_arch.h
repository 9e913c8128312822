// What an architecture is to the engine: its numbers, its tensors, its forward pass. One architecture is one file in
// this folder that ends in `extern const ModelArch kArch_<file name>`; CMake makes the table. Constant data, any
// thread.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "kernels/api/op.h"
#include "kernels/api/result.h"

namespace lemma {

struct GgufHeader;
class GraphBuilder;
class WeightStore;

// Rotary positions: the frequencies are a weight of the graph, made once from these numbers.
struct RopeParams {
  RopeStyle style = RopeStyle::interleaved;
  int dims = 0;            // rotated dims at the front of each head
  float base = 10000.0f;   // theta
  float freqScale = 1.0f;  // linear scaling: positions are multiplied by this
};

// The metadata of a file after it was checked once; no other code reads raw metadata for arithmetic.
struct Hparams {
  int layers = 0;
  int embedding = 0;  // width of the residual stream
  int vocabulary = 0;
  int contextTrained = 0;
  int heads = 0, kvHeads = 0;
  int headDim = 0;  // of q and k
  int vDim = 0;     // of v
  int feedForward = 0;
  float normEps = 0;
  float attentionScale = 1;  // of q . k
  RopeParams rope;
};

// What protects memory and time from a hostile file; far above any model that exists.
namespace hparam_limits {
inline constexpr int kLayers = 512;
inline constexpr int kHeads = 1024;
inline constexpr int kHeadDim = 4096;
inline constexpr int kWidth = 1 << 20;  // of the residual stream and of feed-forward layers
inline constexpr int kVocabulary = 1 << 24;
inline constexpr int kContext = 1 << 24;
}  // namespace hparam_limits

// A model bound to its weights: says which ops make each stage, for the rows that the builder was made for.
class ModelGraph {
 public:
  virtual ~ModelGraph() = default;
  virtual void embed(GraphBuilder& g) const = 0;             // tokens -> residual stream
  virtual void layer(GraphBuilder& g, int layer) const = 0;  // residual stream -> residual stream
  virtual void head(GraphBuilder& g) const = 0;              // residual stream -> logits of the wanted rows
};

struct ModelArch {
  std::string_view ggufName;  // general.architecture
  Result<Hparams> (*readHparams)(const GgufHeader& header);
  // Finds every tensor and checks its shape; the error names the tensor.
  Result<std::unique_ptr<ModelGraph>> (*bind)(const Hparams& hparams, WeightStore& weights);
};

std::span<const ModelArch* const> modelArchTable();  // written by CMake

}  // namespace lemma
