// Multi-token prediction (DeepSeek-V3, arXiv:2412.19437, section 2.2): the embedding of the next token and the model's
// own view of this one, both normalised, become the input of one more layer, whose head guesses the token after next.
// Block of a model: no model's name in here. Engine's thread.
#pragma once

#include <memory>

#include "engine/blocks/hparams.h"
#include "engine/blocks/model_graph.h"
#include "engine/memory/weights.h"

namespace lemma {

// `layer` says the first layer behind the model's own as its layer 0. Around it blk.N.nextn.{enorm, hnorm, eh_proj,
// shared_head_norm} and, where they are not the model's, embed_tokens and shared_head_head. Finds in the residual
// stream what the head of the model was given.
Result<std::unique_ptr<ModelGraph>> bindDraft(const Hparams& h, WeightStore& weights,
                                              std::unique_ptr<ModelGraph> layer);

}  // namespace lemma
