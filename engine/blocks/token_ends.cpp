#include "engine/blocks/token_ends.h"

#include "engine/blocks/norm.h"

namespace lemma {

Result<TokenEnds> bindTokenEnds(const WeightStore& weights, const Hparams& h) {
  LEMMA_TRY(table, weights.require("token_embd.weight", {h.embedding, h.vocabulary}));
  LEMMA_TRY(norm, weights.require("output_norm.weight", {h.embedding}));
  LEMMA_TRY(output, weights.optional("output.weight", {h.embedding, h.vocabulary}));
  return TokenEnds{table, norm, {output.empty() ? table : output, {}}};
}

void embedTokens(GraphBuilder& g, const TokenEnds& w, const Hparams& h) {
  g.add({.kind = OpKind::embed, .in = {w.tokens}, .out = {g.residual()}, .p = {.scale = h.embeddingScale}});
}

void headLogits(GraphBuilder& g, const TokenEnds& w, const Hparams& h) {
  const TensorView picked = g.hidden();
  g.add({.kind = OpKind::selectRows, .in = {g.residual()}, .out = {picked}, .p = {.wantedRows = true}});
  rmsNorm(g, picked, w.outputNorm, picked, h.normEps, 0, true);
  linear(g, w.output, picked, g.logits(), {}, true);
}

}  // namespace lemma
