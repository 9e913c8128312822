// The architecture `phi3`: Phi-3 mini and medium, Phi-3.5 mini, Phi-4 and Phi-4 mini. A decoder whose q, k and v lie in
// one matrix, gate and up in another; rotary positions in halves, perhaps of a part of each head, with LongRoPE's
// factors where the file has them; a window in every layer where the file has one.
#include "engine/blocks/decoder.h"
#include "engine/models/model_arch.h"

namespace lemma {
namespace {

Result<Hparams> readHparams(const ModelHeader& header) {
  LEMMA_TRY(h, readDenseHparams(header, "phi3", RopeStyle::halfSplit));
  MetadataReader r(header, "phi3");
  h.window = r.wholeOr("attention.sliding_window", 0, 0, hparam_limits::kContext);
  LEMMA_CHECK(r.result());
  return h;
}

Result<std::unique_ptr<ModelGraph>> bind(const Hparams& h, WeightStore& weights) {
  return bindDecoder(h, {.fused = true}, weights);
}

}  // namespace

extern const ModelArch kArch_phi3{.ggufName = "phi3", .readHparams = readHparams, .bind = bind};

}  // namespace lemma
