// The architecture `qwen3moe`: Qwen3 of 30B and 235B. The decoder of qwen3 with experts in every layer, whose weights
// add up to one.
#include "engine/blocks/decoder.h"
#include "engine/models/model_arch.h"

namespace lemma {
namespace {

Result<Hparams> readHparams(const ModelHeader& header) {
  return readExpertHparams(header, "qwen3moe", RopeStyle::halfSplit, true);
}

Result<std::unique_ptr<ModelGraph>> bind(const Hparams& h, WeightStore& weights) {
  return bindDecoder(h, {.headNorm = true}, weights);
}

}  // namespace

extern const ModelArch kArch_qwen3moe{.ggufName = "qwen3moe", .readHparams = readHparams, .bind = bind};

}  // namespace lemma
