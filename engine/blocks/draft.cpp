#include "engine/blocks/draft.h"

#include <string>

#include "engine/blocks/linear.h"
#include "engine/blocks/norm.h"
#include "engine/blocks/token_ends.h"

namespace lemma {
namespace {

class Draft final : public ModelGraph {
 public:
  Draft(const Hparams& h, std::unique_ptr<ModelGraph> layer) : h_(h), layer_(std::move(layer)) {}

  Result<void> bind(WeightStore& weights) {
    const std::string prefix = "blk." + std::to_string(h_.layers) + ".nextn.";
    LEMMA_TRY(main, bindTokenEnds(weights, h_));
    LEMMA_TRY(table, weights.optional(prefix + "embed_tokens.weight", {h_.embedding, h_.vocabulary}));
    LEMMA_TRY(output, weights.optional(prefix + "shared_head_head.weight", {h_.embedding, h_.vocabulary}));
    LEMMA_TRY(norm, weights.require(prefix + "shared_head_norm.weight", {h_.embedding}));
    LEMMA_TRY(tokenNorm, weights.require(prefix + "enorm.weight", {h_.embedding}));
    LEMMA_TRY(hiddenNorm, weights.require(prefix + "hnorm.weight", {h_.embedding}));
    LEMMA_TRY(join, bindLinear(weights, prefix + "eh_proj", int64_t(2) * h_.embedding, h_.embedding));
    ends_ = {table.empty() ? main.tokens : table, norm, output.empty() ? main.output : Linear{output, {}}};
    tokenNorm_ = tokenNorm;
    hiddenNorm_ = hiddenNorm;
    join_ = join;
    return {};
  }

  void embed(GraphBuilder& g) const override {
    const TensorView both = g.activation(int64_t(2) * h_.embedding);
    const TensorView token = columns(both, 0, h_.embedding), hidden = columns(both, h_.embedding, h_.embedding);
    g.add({.kind = OpKind::embed, .in = {ends_.tokens}, .out = {token}, .p = {.scale = h_.embeddingScale}});
    rmsNorm(g, token, tokenNorm_, token, h_.normEps);
    rmsNorm(g, g.residual(), hiddenNorm_, hidden, h_.normEps);
    linear(g, join_, both, g.residual());
  }
  void layer(GraphBuilder& g, int index) const override { layer_->layer(g, index); }
  void head(GraphBuilder& g) const override { headLogits(g, ends_, h_); }

 private:
  const Hparams h_;  // of the whole model
  const std::unique_ptr<ModelGraph> layer_;
  TokenEnds ends_;
  TensorView tokenNorm_, hiddenNorm_;
  Linear join_;  // {2 embedding, embedding}
};

}  // namespace

Result<std::unique_ptr<ModelGraph>> bindDraft(const Hparams& h, WeightStore& weights,
                                              std::unique_ptr<ModelGraph> layer) {
  auto draft = std::make_unique<Draft>(h, std::move(layer));
  LEMMA_CHECK(draft->bind(weights));
  return draft;
}

}  // namespace lemma
