// What the obvious forms of ops are written with. Shapes were checked by checkOp(). The reference backend's worker
// thread only.
#pragma once

#include <vector>

#include "kernels/api/backend.h"

namespace lemma::ref {

inline float* row(const TensorView& v, int64_t i) { return reinterpret_cast<float*>(v.data() + i * v.nb[1]); }
inline int32_t* rowOfIds(const TensorView& v, int64_t i) { return reinterpret_cast<int32_t*>(v.data() + i * v.nb[1]); }
inline int rowsOf(const Op& op, const StepData& step) { return op.p.wantedRows ? step.wanted : step.rows; }

tl::unexpected<Error> cancelled();
tl::unexpected<Error> outside(const Op& op, const char* what, int64_t value);

// Row i of a weight of any format as floats; matrix `plane` of a set of them.
void decodeRow(const TensorView& v, int64_t i, std::vector<float>& out, int64_t plane = 0);
double dot(const float* a, const float* b, int64_t n);
float gated(Gate kind, float g, float u);

// The bytes of one position of one head in a KV pool {dim, pageTokens, kvHeads, pages}.
Result<std::byte*> kvSlot(const Op& op, const TensorView& pool, const StepData& step, int32_t seq, int32_t pos,
                          int head);

// Ops with a file of their own.
Result<void> attentionMla(const Op& op, const StepData& step, const CancelFlag& cancel);
Result<void> route(const Op& op, const StepData& step);
Result<void> moeFfn(const Op& op, const StepData& step, const CancelFlag& cancel);

}  // namespace lemma::ref
