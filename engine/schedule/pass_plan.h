// A pass as its devices do it: the ops cut into runs, each of one device, and what has to be brought to a device before
// a run. Pure values and functions, any thread.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/blocks/graph.h"

namespace lemma {

struct PlacedOp {
  Op op;
  int stage = 0;  // counted from 0
  int device = 0;
};

struct PassPlan {
  static constexpr size_t kResidual = 0, kLogits = 1, kHidden = 2;  // as GraphBuilder::activations() has them
  struct Move {                                                     // of an activation, whole
    size_t activation = 0;
    int from = 0, to = 0;
  };
  struct Run {
    int device = 0;
    size_t first = 0, end = 0;  // of the ops
    std::vector<Move> moves;    // before it
  };
  std::vector<PlacedOp> ops;  // Op::outlives says what other runs read
  std::vector<Activation> activations;
  std::vector<Run> runs;
  int firstDevice = 0;  // is given the residual stream
  int lastDevice = 0;   // has what the head made

  // The activation that a view of an op in that stage lies in; none where it is something else.
  std::optional<size_t> activationOf(const TensorView& view, int stage) const;
};

// With `keepHidden` what the head was given is read when the pass is over.
PassPlan planPass(std::vector<PlacedOp> ops, std::span<const Activation> activations, int devices, bool keepHidden);

}  // namespace lemma
