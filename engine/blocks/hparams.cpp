#include "engine/blocks/hparams.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace lemma {
namespace {

void readYarn(MetadataReader& r, RopeParams& rope) {
  YarnParams yarn;
  yarn.factor = r.real("rope.scaling.factor", 1, 1e6);
  yarn.originalContext = rope.originalContext;
  yarn.betaFast = r.realOr("rope.scaling.yarn_beta_fast", 32, 1e-3, 1e6);
  yarn.betaSlow = r.realOr("rope.scaling.yarn_beta_slow", 1, 1e-3, 1e6);
  r.require(rope.base > 1, Err::badValue, "rope.freq_base", "must be above 1 for YaRN");
  r.require(yarn.betaFast >= yarn.betaSlow, Err::badValue, "rope.scaling.yarn_beta_fast", "is below yarn_beta_slow");
  r.require(r.realOr("rope.scaling.yarn_ext_factor", 1, -1, 1e6) == 1, Err::unsupported, "rope.scaling.yarn_ext_factor",
            "is not 1, which this build does not know");
  // DeepSeek's models put YaRN's factor on attention into the scores, squared, and leave cos and sin as they are.
  const float logMultiplier = r.realOr("rope.scaling.yarn_log_multiplier", 0, 0, 10);
  if (logMultiplier > 0) {
    const float factor = 1 + logMultiplier * std::log(yarn.factor);
    rope.scoreFactor = factor * factor;
  } else {
    rope.magnitude *= 1 + 0.1f * std::log(yarn.factor);
  }
  rope.yarn = yarn;
}

}  // namespace

Hparams readDecoderHparams(MetadataReader& r) {
  namespace limit = hparam_limits;
  Hparams h;
  h.layers = r.whole("block_count", 1, limit::kLayers);
  h.embedding = r.whole("embedding_length", 1, limit::kWidth);
  h.feedForward = r.whole("feed_forward_length", 1, limit::kWidth);
  h.contextTrained = r.whole("context_length", 1, limit::kContext);
  h.heads = r.whole("attention.head_count", 1, limit::kHeads);
  h.kvHeads = r.wholeOr("attention.head_count_kv", h.heads, 1, limit::kHeads);
  h.headDim = r.wholeOr("attention.key_length", h.embedding / h.heads, 2, limit::kHeadDim);
  h.vDim = r.wholeOr("attention.value_length", h.embedding / h.heads, 1, limit::kHeadDim);
  h.normEps = r.real("attention.layer_norm_rms_epsilon", 0, 1);
  h.kv = {h.headDim, h.vDim, h.kvHeads};
  h.attentionScale = r.realOr("attention.scale", 1 / std::sqrt(double(h.headDim)), 1e-6, 1e6);
  r.require(h.heads % h.kvHeads == 0, Err::badValue, "attention.head_count_kv", "does not divide attention.head_count");
  return h;
}

ExpertParams readExperts(MetadataReader& r, bool normalise) {
  namespace limit = hparam_limits;
  ExpertParams e;
  e.count = r.whole("expert_count", 1, limit::kExperts);
  // Files older than the key are of models with experts in every layer.
  e.hidden = r.wholeOrOutputs("expert_feed_forward_length", "blk.0.ffn_gate_exps.weight", limit::kWidth);
  RouteParams& route = e.route;
  route.topK = r.whole("expert_used_count", 1, std::max(1, e.count));
  route.groups = r.wholeOr("expert_group_count", 1, 0, limit::kExperts);
  route.groups = std::max(1, route.groups);  // 0 says that there are none
  route.topGroups = std::max(1, r.wholeOr("expert_group_used_count", route.groups, 0, route.groups));
  r.require(e.count % route.groups == 0, Err::badValue, "expert_group_count", "does not divide expert_count");
  r.require(route.topK <= e.count / route.groups * route.topGroups, Err::badValue, "expert_used_count",
            "is more than the groups that are kept have");
  // As GGUF numbers them: 1 softmax, 2 sigmoid, 3 softmax over the chosen, which is 1 normalised. Files older than the
  // key are of softmax models.
  const int gating = r.wholeOr("expert_gating_func", 1, 0, 100);
  r.require(gating <= 3, Err::unsupported, "expert_gating_func", "is a number that this build does not know");
  route.scoring = gating == 2 ? Scoring::sigmoid : Scoring::softmax;
  // DeepSeek-V2 judges a group by its best expert, V3 by the sum of the two best; files do not say which.
  route.groupByTwoBest = route.scoring == Scoring::sigmoid;
  r.require(!route.groupByTwoBest || route.groups == 1 || e.count / route.groups >= 2, Err::badValue,
            "expert_group_count", "leaves fewer than two experts in a group");
  route.normalise = r.flagOr("expert_weights_norm", normalise) || gating == 3;
  route.scale = r.realOr("expert_weights_scale", 1, 0, 1e6);
  if (route.scale == 0) route.scale = 1;  // 0 says that there is none
  return e;
}

RopeParams readRope(MetadataReader& r, const Hparams& h, RopeStyle style) {
  RopeParams rope{.style = style};
  rope.dims = r.wholeOr("rope.dimension_count", h.headDim, 2, hparam_limits::kHeadDim);
  rope.base = r.realOr("rope.freq_base", 10000, 1, 1e12);
  if (r.flagOr("rope.half_split", false)) rope.style = RopeStyle::halfSplit;
  r.require(rope.dims % 2 == 0 && rope.dims <= h.headDim, Err::badValue, "rope.dimension_count",
            "is odd or larger than a head");
  rope.magnitude = r.realOr("rope.scaling.attn_factor", 1, 1e-3, 1e3);
  rope.originalContext =
      r.wholeOr("rope.scaling.original_context_length", h.contextTrained, 1, hparam_limits::kContext);
  const std::string scaling = r.textOr("rope.scaling.type", "none");
  if (scaling == "linear") {
    rope.freqScale = 1 / r.real("rope.scaling.factor", 1e-3, 1e6);
  } else if (scaling == "yarn") {
    readYarn(r, rope);
  } else {
    rope.longRope = scaling == "longrope";  // the factors of this and of Llama 3's method are tensors
    r.require(scaling == "none" || scaling == "llama3" || rope.longRope, Err::unsupported, "rope.scaling.type",
              "is " + quotedName(scaling) + ", which this build does not know");
    rope.freqScale = 1 / r.realOr("rope.scale_linear", 1, 1e-3, 1e6);  // as older files say it
  }
  return rope;
}

Result<int> readVocabulary(const ModelHeader& header) {
  const ModelTensor* table = header.tensor("token_embd.weight");
  if (!table) return fail(Err::notFound, "the tensor token_embd.weight is missing");
  if (table->ne[1] < 1 || table->ne[1] > hparam_limits::kVocabulary) {
    return fail(Err::badValue, "the tensor token_embd.weight has " + std::to_string(table->ne[1]) +
                                   " rows, outside 1 to " + std::to_string(hparam_limits::kVocabulary));
  }
  return int(table->ne[1]);
}

}  // namespace lemma
