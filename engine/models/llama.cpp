// The architecture `llama`: Llama 1 to 3, Mistral, SmolLM2 and what else is stored in its form. Pre-norm layers of
// grouped-query attention and a gated feed-forward block; rotary positions in interleaved pairs (GGUF's order).
#include <cmath>
#include <string>
#include <vector>

#include "engine/blocks/dense_ffn.h"
#include "engine/blocks/gqa.h"
#include "engine/blocks/norm.h"
#include "engine/gguf/metadata_reader.h"
#include "engine/models/model_arch.h"

namespace lemma {
namespace {

Result<Hparams> readHparams(const GgufHeader& header) {
  namespace limit = hparam_limits;
  MetadataReader r(header, "llama");
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
  h.rope.dims = r.wholeOr("rope.dimension_count", h.headDim, 2, limit::kHeadDim);
  h.rope.base = r.realOr("rope.freq_base", 10000, 1, 1e12);
  r.require(h.heads % h.kvHeads == 0, Err::badValue, "attention.head_count_kv", "does not divide attention.head_count");
  r.require(h.rope.dims % 2 == 0 && h.rope.dims <= h.headDim, Err::badValue, "rope.dimension_count",
            "is odd or larger than a head");
  r.require(r.wholeOr("expert_count", 0, 0, limit::kWidth) == 0, Err::unsupported, "expert_count",
            "says that this is a mixture of experts, which this build does not run in this form");

  const std::string scaling = r.textOr("rope.scaling.type", "none");
  if (scaling == "linear") {
    h.rope.freqScale = 1 / r.real("rope.scaling.factor", 1e-3, 1e6);
  } else {
    r.require(scaling == "none" || scaling == "llama3", Err::unsupported, "rope.scaling.type",
              "is " + quotedName(scaling) + ", which this build does not know");
    h.rope.freqScale = 1 / r.realOr("rope.scale_linear", 1, 1e-3, 1e6);  // as older files say it
  }
  LEMMA_CHECK(r.result());

  const GgufTensor* table = header.tensor("token_embd.weight");
  if (!table) return fail(Err::notFound, "the tensor token_embd.weight is missing");
  if (table->ne[1] < 1 || table->ne[1] > limit::kVocabulary) {
    return fail(Err::badValue, "the tensor token_embd.weight has " + std::to_string(table->ne[1]) +
                                   " rows, outside 1 to " + std::to_string(limit::kVocabulary));
  }
  h.vocabulary = int(table->ne[1]);
  return h;
}

// base^(-2i/dims), each divided by its factor in rope_freqs.weight where there is one (Llama 3's scaling).
Result<TensorView> ropeFrequencies(const Hparams& h, WeightStore& weights) {
  const int64_t half = h.rope.dims / 2;
  std::vector<float> factors(size_t(half), 1.0f), frequencies;
  LEMMA_TRY(stored, weights.optional("rope_freqs.weight", {half}));
  if (!stored.empty()) typeInfo(stored.type)->decode(stored.data(), factors.data(), half);
  for (int64_t i = 0; i < half; ++i) {
    const float factor = factors[size_t(i)];
    if (!(factor > 0) || std::isinf(factor)) {
      return fail(Err::badValue, "the tensor rope_freqs.weight holds a factor that is not above zero");
    }
    const float power = std::pow(h.rope.base, float(2 * i) / float(h.rope.dims));
    frequencies.push_back(1.0f / power * h.rope.freqScale / factor);
  }
  return weights.constant(std::move(frequencies));
}

struct Layer {
  TensorView attentionNorm, ffnNorm;
  GqaWeights attention;
  DenseFfnWeights ffn;
};

class Llama final : public ModelGraph {
 public:
  static Result<std::unique_ptr<ModelGraph>> bind(const Hparams& h, WeightStore& weights) {
    auto m = std::make_unique<Llama>();
    m->h_ = h;
    m->shape_ = {.embedding = h.embedding,
                 .heads = h.heads,
                 .kvHeads = h.kvHeads,
                 .headDim = h.headDim,
                 .vDim = h.vDim,
                 .scale = h.attentionScale,
                 .ropeDims = h.rope.dims,
                 .ropeStyle = h.rope.style};
    LEMMA_TRY(table, weights.require("token_embd.weight", {h.embedding, h.vocabulary}));
    LEMMA_TRY(outputNorm, weights.require("output_norm.weight", {h.embedding}));
    LEMMA_TRY(output, weights.optional("output.weight", {h.embedding, h.vocabulary}));
    LEMMA_TRY(frequencies, ropeFrequencies(h, weights));
    m->tokens_ = table;
    m->outputNorm_ = outputNorm;
    m->output_.weight = output.empty() ? table : output;  // tied embeddings
    m->frequencies_ = frequencies;
    for (int i = 0; i < h.layers; ++i) {
      const std::string prefix = "blk." + std::to_string(i) + ".";
      LEMMA_TRY(attentionNorm, weights.require(prefix + "attn_norm.weight", {h.embedding}));
      LEMMA_TRY(attention, bindGqa(weights, prefix, m->shape_));
      LEMMA_TRY(ffnNorm, weights.require(prefix + "ffn_norm.weight", {h.embedding}));
      LEMMA_TRY(ffn, bindDenseFfn(weights, prefix, h.embedding, h.feedForward));
      m->layers_.push_back({attentionNorm, ffnNorm, attention, ffn});
    }
    return m;
  }

  void embed(GraphBuilder& g) const override {
    g.add({.kind = OpKind::embed, .in = {g.weight(tokens_)}, .out = {g.residual()}});
  }

  void layer(GraphBuilder& g, int index) const override {
    const Layer& l = layers_[size_t(index)];
    const TensorView x = g.residual(), normed = g.activation(h_.embedding);
    rmsNorm(g, x, l.attentionNorm, normed, h_.normEps);
    gqa(g, l.attention, shape_, index, frequencies_, normed, x);
    rmsNorm(g, x, l.ffnNorm, normed, h_.normEps);
    denseFfn(g, l.ffn, normed, x);
  }

  void head(GraphBuilder& g) const override {
    const TensorView picked = g.wantedActivation(h_.embedding);
    g.add({.kind = OpKind::selectRows, .in = {g.residual()}, .out = {picked}, .p = {.wantedRows = true}});
    rmsNorm(g, picked, outputNorm_, picked, h_.normEps, 0, true);
    linear(g, output_, picked, g.logits(), {}, true);
  }

 private:
  Hparams h_;
  GqaShape shape_;
  TensorView tokens_, outputNorm_, frequencies_;
  Linear output_;
  std::vector<Layer> layers_;
};

}  // namespace

extern const ModelArch kArch_llama{.ggufName = "llama", .readHparams = readHparams, .bind = Llama::bind};

}  // namespace lemma
