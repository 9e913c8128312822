#include "engine/blocks/decoder.h"

#include <string>
#include <vector>

#include "engine/blocks/dense_ffn.h"
#include "engine/blocks/gqa.h"
#include "engine/blocks/moe_ffn.h"
#include "engine/blocks/norm.h"
#include "engine/blocks/rope.h"
#include "engine/blocks/token_ends.h"

namespace lemma {
namespace {

struct Layer {
  TensorView attentionNorm, ffnNorm;
  GqaWeights attention;
  DenseFfnWeights ffn;  // hidden 0: experts instead
  MoeFfnWeights moe;
};

class Decoder final : public ModelGraph {
 public:
  Decoder(const Hparams& h, const DecoderForm& form)
      : h_(h),
        form_(form),
        shape_{.embedding = h.embedding,
               .heads = h.heads,
               .kvHeads = h.kvHeads,
               .headDim = h.headDim,
               .vDim = h.vDim,
               .scale = h.attentionScale,
               .ropeDims = h.rope.dims,
               .ropeStyle = h.rope.style,
               .ropeMagnitude = h.rope.magnitude,
               .qkvBias = form.qkvBias,
               .headNorm = form.headNorm,
               .fused = form.fused,
               .sinks = form.sinks,
               .postNorm = form.postNorms,
               .normEps = h.normEps} {}

  Result<void> bind(WeightStore& weights, int first, int count) {
    first_ = first;
    LEMMA_TRY(ends, bindTokenEnds(weights, h_));
    LEMMA_TRY(frequencies, ropeFrequencies(h_.rope, weights, h_.context));
    LEMMA_TRY(windowed, ropeFrequencies(h_.windowRope.value_or(h_.rope), weights, h_.context));
    ends_ = ends;
    frequencies_ = frequencies;
    windowFrequencies_ = windowed;
    const DenseFfnForm ffn{
        .gate = form_.gate, .fused = form_.fused, .postNorm = form_.postNorms, .normEps = h_.normEps};
    for (int i = first; i < first + count; ++i) {
      const std::string prefix = "blk." + std::to_string(i) + ".";
      LEMMA_TRY(attentionNorm, weights.require(prefix + "attn_norm.weight", {h_.embedding}));
      LEMMA_TRY(attention, bindGqa(weights, prefix, shape_));
      LEMMA_TRY(ffnNorm, weights.require(prefix + form_.ffnNorm + ".weight", {h_.embedding}));
      Layer layer{attentionNorm, ffnNorm, attention, {}, {}};
      if (h_.experts && i >= h_.experts->denseLayers) {
        LEMMA_TRY(moe, bindMoeFfn(weights, prefix, h_.embedding, *h_.experts));
        layer.moe = std::move(moe);
      } else {
        LEMMA_TRY(dense, bindDenseFfn(weights, prefix, h_.embedding, h_.feedForward, ffn));
        layer.ffn = std::move(dense);
      }
      layers_.push_back(std::move(layer));
    }
    return {};
  }

  void embed(GraphBuilder& g) const override { embedTokens(g, ends_, h_); }

  void layer(GraphBuilder& g, int index) const override {
    const Layer& l = layers_[size_t(index)];
    const TensorView x = g.residual(), normed = g.activation(h_.embedding);
    rmsNorm(g, x, l.attentionNorm, normed, h_.normEps);
    GqaShape shape = shape_;
    const bool windowed = h_.hasWindow(first_ + index);
    if (windowed) shape.window = h_.window;
    if (windowed && h_.windowRope) shape.ropeMagnitude = h_.windowRope->magnitude;
    gqa(g, l.attention, shape, index, windowed ? windowFrequencies_ : frequencies_, normed, x);
    rmsNorm(g, x, l.ffnNorm, normed, h_.normEps);
    const auto guess = [&, this] {
      if (size_t(index) + 1 == layers_.size() || layers_[size_t(index) + 1].ffn.hidden > 0) return;
      const Layer& next = layers_[size_t(index) + 1];
      guessExperts(g, next.moe, *h_.experts, next.ffnNorm, h_.normEps, x);
    };
    if (l.ffn.hidden > 0) {
      guess();
      denseFfn(g, l.ffn, normed, x);
    } else {
      moeFfn(g, l.moe, *h_.experts, normed, x, guess);
    }
  }

  void head(GraphBuilder& g) const override { headLogits(g, ends_, h_); }

 private:
  const Hparams h_;
  const DecoderForm form_;
  const GqaShape shape_;
  TokenEnds ends_;
  TensorView frequencies_, windowFrequencies_;
  int first_ = 0;  // the layer of the model that is layers_[0]
  std::vector<Layer> layers_;
};

Result<std::unique_ptr<ModelGraph>> bindLayers(const Hparams& h, const DecoderForm& form, WeightStore& weights,
                                               int first, int count) {
  auto decoder = std::make_unique<Decoder>(h, form);
  LEMMA_CHECK(decoder->bind(weights, first, count));
  return decoder;
}

Result<Hparams> readHparams(const ModelHeader& header, MetadataReader& r, RopeStyle style) {
  Hparams h = readDecoderHparams(r);
  h.rope = readRope(r, h, style);
  r.require(h.rope.scoreFactor == 1, Err::unsupported, "rope.scaling.yarn_log_multiplier",
            "asks for a factor on attention that this build does not know in this form");
  LEMMA_CHECK(r.result());
  LEMMA_TRY(vocabulary, readVocabulary(header));
  h.vocabulary = vocabulary;
  return h;
}

}  // namespace

Result<Hparams> readDenseHparams(const ModelHeader& header, std::string_view prefix, RopeStyle style) {
  MetadataReader r(header, prefix);
  r.require(r.wholeOr("expert_count", 0, 0, hparam_limits::kWidth) == 0, Err::unsupported, "expert_count",
            "says that this is a mixture of experts, which this build does not run in this form");
  return readHparams(header, r, style);
}

Result<Hparams> readExpertHparams(const ModelHeader& header, std::string_view prefix, RopeStyle style, bool normalise) {
  MetadataReader r(header, prefix);
  ExpertParams experts = readExperts(r, normalise);
  experts.denseLayers = r.wholeOr("leading_dense_block_count", 0, 0, hparam_limits::kLayers);
  LEMMA_TRY(h, readHparams(header, r, style));
  h.experts = experts;
  return h;
}

Result<std::unique_ptr<ModelGraph>> bindDecoder(const Hparams& h, const DecoderForm& form, WeightStore& weights) {
  return bindLayers(h, form, weights, 0, h.layers);
}

Result<std::unique_ptr<ModelGraph>> bindLayerBehind(const Hparams& h, const DecoderForm& form, WeightStore& weights) {
  return bindLayers(h, form, weights, h.layers, 1);
}

}  // namespace lemma
