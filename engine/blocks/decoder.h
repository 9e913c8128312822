// The whole of a decoder: pre-norm layers of grouped-query attention and a gated feed-forward block, root-mean-square
// norms, embeddings tied or not. Block of a model: no model's name in here. Engine's thread.
#pragma once

#include <memory>
#include <string_view>

#include "engine/blocks/hparams.h"
#include "engine/blocks/model_graph.h"
#include "engine/memory/weights.h"

namespace lemma {

// In what such decoders differ beyond their numbers.
struct DecoderForm {
  bool qkvBias = false;              // q, k and v must have a bias; elsewhere any matrix may have one
  bool headNorm = false;             // each head of q and k is normalised before it is rotated
  bool fused = false;                // q, k and v lie in attn_qkv, gate and up in ffn_up
  bool postNorms = false;            // what a block adds to the residual stream is normalised
  bool sinks = false;                // each head has a logit without a value
  const char* ffnNorm = "ffn_norm";  // the norm before the feed-forward block
  Gate gate = Gate::silu;
};

// Keys below `prefix`, the architecture's name; refuses experts.
Result<Hparams> readDenseHparams(const ModelHeader& header, std::string_view prefix, RopeStyle style);

// The same of a model whose layers, apart from the first ones perhaps, have experts. `normalise`: their weights, where
// the file does not say.
Result<Hparams> readExpertHparams(const ModelHeader& header, std::string_view prefix, RopeStyle style, bool normalise);

Result<std::unique_ptr<ModelGraph>> bindDecoder(const Hparams& h, const DecoderForm& form, WeightStore& weights);
// The first layer behind those, for bindDraft().
Result<std::unique_ptr<ModelGraph>> bindLayerBehind(const Hparams& h, const DecoderForm& form, WeightStore& weights);

}  // namespace lemma
