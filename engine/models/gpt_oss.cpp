// The architecture `gpt-oss`: gpt-oss of 20B and 120B. A decoder with biases everywhere, sinks in attention, a window
// in every second layer, and experts with a clamped gate; rotary positions in halves, stretched by YaRN.
#include "engine/blocks/decoder.h"
#include "engine/models/model_arch.h"

namespace lemma {
namespace {

Result<Hparams> readHparams(const ModelHeader& header) {
  LEMMA_TRY(h, readExpertHparams(header, "gpt-oss", RopeStyle::halfSplit, true));
  MetadataReader r(header, "gpt-oss");
  h.window = r.whole("attention.sliding_window", 1, hparam_limits::kContext);
  h.windowPeriod = r.wholeOr("attention.sliding_window_pattern", 2, 1, hparam_limits::kLayers);
  LEMMA_CHECK(r.result());
  h.experts->gate = Gate::clampedSwish;
  if (h.rope.yarn) h.rope.yarn->wholeBounds = false;
  return h;
}

Result<std::unique_ptr<ModelGraph>> bind(const Hparams& h, WeightStore& weights) {
  return bindDecoder(h, {.qkvBias = true, .sinks = true, .ffnNorm = "post_attention_norm"}, weights);
}

}  // namespace

extern const ModelArch kArch_gpt_oss{.ggufName = "gpt-oss", .readHparams = readHparams, .bind = bind};

}  // namespace lemma
