// The architecture `deepseek2`: DeepSeek-V2, V2-Lite, V3, R1, Kimi-K2. Latent attention; a few dense layers, then
// experts beside a shared one; rotary positions in interleaved pairs, stretched by YaRN.
#include <cmath>
#include <string>
#include <vector>

#include "engine/blocks/draft.h"
#include "engine/blocks/latent_attention.h"
#include "engine/blocks/moe_ffn.h"
#include "engine/blocks/norm.h"
#include "engine/blocks/rope.h"
#include "engine/blocks/token_ends.h"
#include "engine/models/model_arch.h"

namespace lemma {
namespace {

Result<Hparams> readHparams(const ModelHeader& header) {
  namespace limit = hparam_limits;
  MetadataReader r(header, "deepseek2");
  Hparams h = readDecoderHparams(r);
  // Layers that guess the token after the next are counted among the others.
  h.draftLayers = r.wholeOr("nextn_predict_layers", 0, 0, h.layers - 1);
  h.layers -= h.draftLayers;

  LatentParams latent;
  latent.queryRank = r.wholeOr("attention.q_lora_rank", 0, 0, limit::kWidth);
  latent.kvRank = r.whole("attention.kv_lora_rank", 1, limit::kWidth);
  // Newer files give the cache's shape as key and value length, and that of heads by keys of their own.
  h.headDim = r.wholeOr("attention.key_length_mla", h.headDim, 2, limit::kHeadDim);
  h.vDim = r.wholeOr("attention.value_length_mla", h.vDim, 1, limit::kHeadDim);
  h.latent = latent;

  h.rope = readRope(r, h, RopeStyle::interleaved);
  r.require(h.rope.dims < h.headDim, Err::badValue, "rope.dimension_count", "is a whole head");
  h.attentionScale = r.realOr("attention.scale", 1 / std::sqrt(double(h.headDim)), 1e-6, 1e6) * h.rope.scoreFactor;
  h.kvHeads = 1;
  h.kv = {.keyDim = latent.kvRank + h.rope.dims, .valueDim = 0, .heads = 1};

  ExpertParams experts = readExperts(r, false);
  experts.denseLayers = r.wholeOr("leading_dense_block_count", 0, 0, limit::kLayers);
  const int shared = r.wholeOr("expert_shared_count", 0, 0, 64);
  r.require(int64_t(shared) * experts.hidden <= limit::kWidth, Err::tooLarge, "expert_shared_count",
            "makes the shared expert wider than this build takes");
  LEMMA_CHECK(r.result());
  experts.sharedHidden = shared * experts.hidden;
  h.experts = experts;
  LEMMA_TRY(vocabulary, readVocabulary(header));
  h.vocabulary = vocabulary;
  return h;
}

struct Layer {
  TensorView attentionNorm, ffnNorm;
  LatentAttentionWeights attention;
  DenseFfnWeights dense;  // hidden 0: experts instead
  MoeFfnWeights moe;
};

Result<Layer> bindLayer(WeightStore& weights, const Hparams& h, int index) {
  const std::string prefix = "blk." + std::to_string(index) + ".";
  Layer l;
  LEMMA_TRY(attentionNorm, weights.require(prefix + "attn_norm.weight", {h.embedding}));
  LEMMA_TRY(attention, bindLatentAttention(weights, prefix, h));
  LEMMA_TRY(ffnNorm, weights.require(prefix + "ffn_norm.weight", {h.embedding}));
  l.attentionNorm = attentionNorm;
  l.attention = attention;
  l.ffnNorm = ffnNorm;
  if (index < h.experts->denseLayers) {
    LEMMA_TRY(dense, bindDenseFfn(weights, prefix, h.embedding, h.feedForward));
    l.dense = dense;
  } else {
    LEMMA_TRY(moe, bindMoeFfn(weights, prefix, h.embedding, *h.experts));
    l.moe = std::move(moe);
  }
  return l;
}

// `place`: of the layer's keys and values among the pools. `next`: the layer behind it, or null.
void decoderLayer(GraphBuilder& g, const Layer& l, const Layer* next, const Hparams& h, int place,
                  const TensorView& frequencies) {
  const TensorView x = g.residual(), normed = g.activation(h.embedding);
  rmsNorm(g, x, l.attentionNorm, normed, h.normEps);
  latentAttention(g, l.attention, h, place, frequencies, normed, x);
  rmsNorm(g, x, l.ffnNorm, normed, h.normEps);
  const auto guess = [&] {
    if (next && next->dense.hidden == 0) guessExperts(g, next->moe, *h.experts, next->ffnNorm, h.normEps, x);
  };
  if (l.dense.hidden > 0) {
    guess();
    denseFfn(g, l.dense, normed, x);
  } else {
    moeFfn(g, l.moe, *h.experts, normed, x, guess);
  }
}

class DeepSeek2 final : public ModelGraph {
 public:
  explicit DeepSeek2(const Hparams& h) : h_(h) {}

  Result<void> bind(WeightStore& weights, int first, int count) {
    LEMMA_TRY(ends, bindTokenEnds(weights, h_));
    LEMMA_TRY(frequencies, ropeFrequencies(h_.rope, weights, h_.context));
    ends_ = ends;
    frequencies_ = frequencies;
    for (int i = 0; i < count; ++i) {
      LEMMA_TRY(layer, bindLayer(weights, h_, first + i));
      layers_.push_back(std::move(layer));
    }
    return {};
  }

  void embed(GraphBuilder& g) const override { embedTokens(g, ends_, h_); }
  void layer(GraphBuilder& g, int index) const override {
    const size_t next = size_t(index) + 1;
    decoderLayer(g, layers_[next - 1], next < layers_.size() ? &layers_[next] : nullptr, h_, index, frequencies_);
  }
  void head(GraphBuilder& g) const override { headLogits(g, ends_, h_); }

 private:
  const Hparams h_;
  TokenEnds ends_;
  TensorView frequencies_;
  std::vector<Layer> layers_;
};

Result<std::unique_ptr<ModelGraph>> bindLayers(const Hparams& h, WeightStore& weights, int first, int count) {
  auto model = std::make_unique<DeepSeek2>(h);
  LEMMA_CHECK(model->bind(weights, first, count));
  return model;
}

Result<std::unique_ptr<ModelGraph>> bind(const Hparams& h, WeightStore& weights) {
  return bindLayers(h, weights, 0, h.layers);
}

Result<std::unique_ptr<ModelGraph>> bindDraftLayer(const Hparams& h, WeightStore& weights) {
  LEMMA_TRY(layer, bindLayers(h, weights, h.layers, 1));
  return bindDraft(h, weights, std::move(layer));
}

}  // namespace

extern const ModelArch kArch_deepseek2{
    .ggufName = "deepseek2", .readHparams = readHparams, .bind = bind, .bindDraft = bindDraftLayer};

}  // namespace lemma
