// The architecture `qwen2moe`: Qwen1.5-MoE and Qwen2 57B-A14B. The decoder of qwen2 with experts in every layer, beside
// a shared one that is weighted by a gate of its own.
#include "engine/blocks/decoder.h"
#include "engine/models/model_arch.h"

namespace lemma {
namespace {

Result<Hparams> readHparams(const ModelHeader& header) {
  LEMMA_TRY(h, readExpertHparams(header, "qwen2moe", RopeStyle::halfSplit, false));
  MetadataReader r(header, "qwen2moe");
  h.experts->sharedHidden =
      r.wholeOrOutputs("expert_shared_feed_forward_length", "blk.0.ffn_gate_shexp.weight", hparam_limits::kWidth);
  h.experts->sharedGate = true;
  LEMMA_CHECK(r.result());
  return h;
}

Result<std::unique_ptr<ModelGraph>> bind(const Hparams& h, WeightStore& weights) {
  return bindDecoder(h, {.qkvBias = true}, weights);
}

}  // namespace

extern const ModelArch kArch_qwen2moe{.ggufName = "qwen2moe", .readHparams = readHparams, .bind = bind};

}  // namespace lemma
