// Every op in its most obvious form: scalar, weights decoded a row at a time, sums in double. The oracle that other
// backends are held against. Shapes are those of kernels/api/op.h and were checked by checkOp().
// Called by the reference backend's worker thread only.
#pragma once

#include "kernels/api/backend.h"

namespace lemma::ref {

// Err::cancelled once the flag is set (looked at after each weight row or attention head),
// Err::badValue for a token, position or page outside its table.
Result<void> run(const Op& op, const StepData& step, const CancelFlag& cancel);

}  // namespace lemma::ref
