// The two ends of a decoder: tokens to the residual stream, and the residual stream to logits, over one table where
// the embeddings are tied. Block of a model: no model's name in here. Engine's thread.
#pragma once

#include "engine/blocks/hparams.h"
#include "engine/blocks/linear.h"

namespace lemma {

struct TokenEnds {
  TensorView tokens;      // {embedding, vocabulary}
  TensorView outputNorm;  // {embedding}
  Linear output;          // {embedding, vocabulary}
};

// token_embd, output_norm, and output where the file has one.
Result<TokenEnds> bindTokenEnds(const WeightStore& weights, const Hparams& h);

// tokens -> residual stream, times h.embeddingScale.
void embedTokens(GraphBuilder& g, const TokenEnds& w, const Hparams& h);
// Residual stream -> logits of the wanted rows.
void headLogits(GraphBuilder& g, const TokenEnds& w, const Hparams& h);

}  // namespace lemma
