// The architecture `qwen2`: Qwen2, Qwen2.5 and the R1 distils of 1.5B to 32B. A dense decoder whose q, k and v have
// biases; rotary positions in halves.
#include "engine/blocks/decoder.h"
#include "engine/models/model_arch.h"

namespace lemma {
namespace {

Result<Hparams> readHparams(const ModelHeader& header) {
  return readDenseHparams(header, "qwen2", RopeStyle::halfSplit);
}

Result<std::unique_ptr<ModelGraph>> bind(const Hparams& h, WeightStore& weights) {
  return bindDecoder(h, {.qkvBias = true}, weights);
}

}  // namespace

extern const ModelArch kArch_qwen2{.ggufName = "qwen2", .readHparams = readHparams, .bind = bind};

}  // namespace lemma
