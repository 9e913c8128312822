// The operations a model is written in: coarse, plain values. A model file says what, the backend says how
// (fusion, kernels, threads). Nothing in an Op changes from step to step; that is StepData.
// Row counts: activations are views with ne[1] = the largest number of rows; each run uses StepData::rows of
// them, or StepData::wanted after selectRows (OpParams::wantedRows).
#pragma once

#include <array>
#include <cstdint>

#include "kernels/api/tensor_view.h"

namespace lemma {

enum class OpKind : uint8_t {
  embed,       // out[d, rows] = decode(in0[d, vocab] row token)
  rmsNorm,     // out[d, rows] = in0 * rsqrt(mean(in0^2) + eps) * in1[d]; with headDim: each head of headDim by itself
  matMul,      // out[n, rows] = in0[k, rows] x in1[k, n]^T (+ in2[n] bias) (+ in3[n, rows] residual); out may be in3
  rope,        // in place on in0[heads*headDim, rows] at StepData::pos; in1[ropeDims/2] = F32 inverse frequencies
  kvWrite,     // in0 = k[kvHeads*headDim, rows], in1 = v[kvHeads*vDim, rows] -> out0 = K pool, out1 = V pool
  attention,   // out[heads*vDim, rows] = softmax(in0 q . K * scale) V over positions <= pos of the row's sequence;
               // in1 = K pool, in2 = V pool; softmax and sums in float32
  swiGlu,      // out[n, rows] = silu(in0) * in1
  add,         // out = in0 + in1
  selectRows,  // out[d, wanted] = rows wantedRows of in0[d, rows]
};

enum class RopeStyle : uint8_t { interleaved, halfSplit };  // pairs (2i, 2i+1) or (i, i + ropeDims/2)

struct OpParams {
  float eps = 0;
  float scale = 1;    // attention: logit scale; rope: factor on cos and sin (YaRN's attention factor)
  int32_t heads = 0;  // rope: heads in in0; attention: query heads
  int32_t kvHeads = 0;
  int32_t headDim = 0;   // of q and k
  int32_t vDim = 0;      // of v
  int32_t ropeDims = 0;  // rotated dims at the front of each head
  RopeStyle ropeStyle = RopeStyle::interleaved;
  bool wantedRows = false;  // this op runs on StepData::wanted rows, not StepData::rows
  bool operator==(const OpParams&) const = default;
};

// KV pools, one pair a layer: K is {headDim, pageTokens, kvHeads, pages}, V is {vDim, pageTokens, kvHeads, pages},
// F32, F16 or Q8_0 (dims whole blocks). Position p of a sequence is slot p % pageTokens of page
// pageTable[seq][p / pageTokens].
struct Op {
  OpKind kind{};
  std::array<TensorView, 4> in{};
  std::array<TensorView, 2> out{};
  OpParams p{};
};

// Everything that changes from step to step. Host memory, alive until the step's fence was waited for.
struct StepData {
  int32_t rows = 0;
  int32_t wanted = 0;
  const int32_t* tokens = nullptr;     // [rows]
  const int32_t* pos = nullptr;        // [rows] position in the row's sequence
  const int32_t* seqOfRow = nullptr;   // [rows] row of the page table
  const int32_t* pageTable = nullptr;  // [seqs, pageTableStride]
  int32_t pageTableStride = 0;
  const int32_t* wantedRows = nullptr;  // [wanted] ascending
};

struct RowBucket {
  int32_t rows = 0;    // most rows a run may have
  int32_t wanted = 0;  // most wanted rows
};

}  // namespace lemma
