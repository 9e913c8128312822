// The architecture `glm4moe`: GLM-4.5, 4.6 and Air. A decoder with rotary positions in halves of a part of each head;
// the first layers are dense, the others have experts chosen by sigmoid and bias beside a shared one. The first
// of the layers at the end guesses the token after the next. The larger models normalise each head of q and k.
#include <string>

#include "engine/blocks/decoder.h"
#include "engine/blocks/draft.h"
#include "engine/models/model_arch.h"

namespace lemma {
namespace {

Result<Hparams> readHparams(const ModelHeader& header) {
  namespace limit = hparam_limits;
  LEMMA_TRY(h, readExpertHparams(header, "glm4moe", RopeStyle::halfSplit, false));
  MetadataReader r(header, "glm4moe");
  h.draftLayers = r.wholeOr("nextn_predict_layers", 0, 0, h.layers - 1);
  h.layers -= h.draftLayers;
  if (!r.has("expert_gating_func")) h.experts->route.scoring = Scoring::sigmoid;
  const int shared = r.wholeOr("expert_shared_count", 0, 0, 64);
  r.require(int64_t(shared) * h.experts->hidden <= limit::kWidth, Err::tooLarge, "expert_shared_count",
            "makes the shared expert wider than this build takes");
  LEMMA_CHECK(r.result());
  h.experts->sharedHidden = shared * h.experts->hidden;
  return h;
}

DecoderForm formOf(const WeightStore& weights) {
  const bool headNorm = weights.header().tensor("blk.0.attn_q_norm.weight") != nullptr;
  return {.headNorm = headNorm, .ffnNorm = "post_attention_norm"};
}

Result<std::unique_ptr<ModelGraph>> bind(const Hparams& h, WeightStore& weights) {
  return bindDecoder(h, formOf(weights), weights);
}

Result<std::unique_ptr<ModelGraph>> bindDraftLayer(const Hparams& h, WeightStore& weights) {
  LEMMA_TRY(layer, bindLayerBehind(h, formOf(weights), weights));
  return bindDraft(h, weights, std::move(layer));
}

}  // namespace

extern const ModelArch kArch_glm4moe{
    .ggufName = "glm4moe", .readHparams = readHparams, .bind = bind, .bindDraft = bindDraftLayer};

}  // namespace lemma
