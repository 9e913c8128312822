// Feed-forward block of experts: a router chooses some for each row, and one more that every row passes may stand
// beside them. Block of a model: no model's name in here. Engine's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/blocks/dense_ffn.h"
#include "engine/blocks/hparams.h"

namespace lemma {

struct MoeFfnWeights {
  Linear router;
  TensorView choiceBias;  // {experts}, or empty
  std::shared_ptr<const ExpertSet> gate, up, down;
  ExpertOrigin origin;
  DenseFfnWeights shared;  // hidden 0 = none
};

// `prefix`ffn_gate_inp, exp_probs_b.bias, ffn_{gate,up,down}_exps, and ffn_{gate,up,down}_shexp, ffn_gate_inp_shexp.
Result<MoeFfnWeights> bindMoeFfn(const WeightStore& weights, const std::string& prefix, int64_t embedding,
                                 const ExpertParams& experts);

// residual += experts(in); both {embedding, rows}. `guess` is called when the choice is known and nothing is computed
// yet.
void moeFfn(GraphBuilder& g, const MoeFfnWeights& w, const ExpertParams& experts, const TensorView& in,
            const TensorView& residual, const std::function<void()>& guess = {});

// Where experts have to be read: those of the next layer are guessed by its router, from what the residual stream
// {embedding, rows} holds before this layer's feed-forward block. `norm` is the next layer's before its router.
void guessExperts(GraphBuilder& g, const MoeFfnWeights& next, const ExpertParams& experts, const TensorView& norm,
                  float eps, const TensorView& residual);

}  // namespace lemma
