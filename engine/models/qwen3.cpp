// The architecture `qwen3`: dense Qwen3 and the R1-0528 distil of 8B. A dense decoder that normalises each head of q
// and k; heads of a width of their own (attention.key_length); rotary positions in halves.
#include "engine/blocks/decoder.h"
#include "engine/models/model_arch.h"

namespace lemma {
namespace {

Result<Hparams> readHparams(const ModelHeader& header) {
  return readDenseHparams(header, "qwen3", RopeStyle::halfSplit);
}

Result<std::unique_ptr<ModelGraph>> bind(const Hparams& h, WeightStore& weights) {
  return bindDecoder(h, {.headNorm = true}, weights);
}

}  // namespace

extern const ModelArch kArch_qwen3{.ggufName = "qwen3", .readHparams = readHparams, .bind = bind};

}  // namespace lemma
