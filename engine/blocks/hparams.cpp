#include "engine/blocks/hparams.h"

#include <cmath>
#include <string>

namespace lemma {
namespace {

void readYarn(MetadataReader& r, int contextTrained, RopeParams& rope) {
  YarnParams yarn;
  yarn.factor = r.real("rope.scaling.factor", 1, 1e6);
  yarn.originalContext = r.wholeOr("rope.scaling.original_context_length", contextTrained, 1, hparam_limits::kContext);
  yarn.betaFast = r.realOr("rope.scaling.yarn_beta_fast", 32, 1e-3, 1e6);
  yarn.betaSlow = r.realOr("rope.scaling.yarn_beta_slow", 1, 1e-3, 1e6);
  r.require(rope.base > 1, Err::badValue, "rope.freq_base", "must be above 1 for YaRN");
  r.require(yarn.betaFast >= yarn.betaSlow, Err::badValue, "rope.scaling.yarn_beta_fast", "is below yarn_beta_slow");
  r.require(r.realOr("rope.scaling.yarn_ext_factor", 1, -1, 1e6) == 1, Err::unsupported, "rope.scaling.yarn_ext_factor",
            "is not 1, which this build does not know");
  r.require(!r.has("rope.scaling.yarn_log_multiplier"), Err::unsupported, "rope.scaling.yarn_log_multiplier",
            "asks for a factor on attention that this build does not know in this form");
  rope.magnitude = r.realOr("rope.scaling.attn_factor", 1, 1e-3, 1e3) * (1 + 0.1f * std::log(yarn.factor));
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
  h.attentionScale = r.realOr("attention.scale", 1 / std::sqrt(double(h.headDim)), 1e-6, 1e6);
  r.require(h.heads % h.kvHeads == 0, Err::badValue, "attention.head_count_kv", "does not divide attention.head_count");
  return h;
}

RopeParams readRope(MetadataReader& r, const Hparams& h, RopeStyle style) {
  RopeParams rope{.style = style};
  rope.dims = r.wholeOr("rope.dimension_count", h.headDim, 2, hparam_limits::kHeadDim);
  rope.base = r.realOr("rope.freq_base", 10000, 1, 1e12);
  if (r.flagOr("rope.half_split", false)) rope.style = RopeStyle::halfSplit;
  r.require(rope.dims % 2 == 0 && rope.dims <= h.headDim, Err::badValue, "rope.dimension_count",
            "is odd or larger than a head");
  const std::string scaling = r.textOr("rope.scaling.type", "none");
  if (scaling == "linear") {
    rope.freqScale = 1 / r.real("rope.scaling.factor", 1e-3, 1e6);
  } else if (scaling == "yarn") {
    readYarn(r, h.contextTrained, rope);
  } else {
    r.require(scaling == "none" || scaling == "llama3", Err::unsupported, "rope.scaling.type",
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
