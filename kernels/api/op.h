// The operations a model is written in: coarse, plain values. A model file says what, the backend says how
// (fusion, kernels, threads). Nothing in an Op changes from step to step; that is StepData.
// Row counts: activations are views with ne[1] = the largest number of rows; each run uses StepData::rows of
// them, or StepData::wanted after selectRows (OpParams::wantedRows).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/api/expert_source.h"
#include "kernels/api/tensor_view.h"

namespace lemma {

enum class OpKind : uint8_t {
  embed,         // out[d, rows] = decode(in0[d, vocab] row token) * scale
  rmsNorm,       // out[d, rows] = in0 * rsqrt(mean(in0^2) + eps) * in1[d]; with headDim: each head of headDim by itself
  matMul,        // out[n, rows] = in0[k, rows] x in1[k, n]^T (+ in2[n] bias) (+ in3[n, rows] residual); out may be in3
  rope,          // in place on in0[heads*headDim, rows] at StepData::pos; in1[ropeDims/2] = F32 inverse frequencies
  kvWrite,       // in0 = k[kvHeads*headDim, rows], in1 = v[kvHeads*vDim, rows] -> out0 = K pool, out1 = V pool;
                 // vDim 0: k alone, in1 and out1 empty
  attention,     // out[heads*vDim, rows] = softmax(in0 q . K * scale) V over positions <= pos of the row's sequence,
                 // with a window over the last `window` of them; in1 = K pool, in2 = V pool; in3[heads] = logits that
                 // count in each head's softmax without a value (attention sinks), or empty; all in float32
  attentionMla,  // Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): out[heads*vDim, rows] from
                 // in0 = q[heads*headDim, rows] (headDim = nope + ropeDims, already rotated) and in1 = pool of
                 // {latent + ropeDims}: the normed latent, then the rotated key that all heads share. Keys of a head
                 // are in2 x latent and that key, values in3 x latent. in2 = {nope, latent, heads}, or with
                 // keysByLatent {latent, nope, heads}; in3 = {latent, vDim, heads}
  route,         // The experts of each row: in0 = scores[experts, rows], in1 = bias[experts] on the choice alone, or
                 // empty -> out0 = their numbers[topK, rows] I32, out1 = their weights[topK, rows]; see RouteParams
  moeFfn,        // out[d, rows] (+)= sum over the chosen of weight * down(gate(x), up(x)), gated by OpParams::gate:
                 // in0 = x[d, rows], in1 and in2 = outputs of route, in3 = residual[d, rows] or empty; experts = gate,
                 // up, down, any of them with biases; from origin where there is one
  chooseExperts,  // Tells origin of the experts in0[topK, rows] I32; with OpParams::guess that rows may choose them
                  // later
  glu,            // out[n, rows] = gate(in0) * in1 by OpParams::gate; in0 may be {1, rows}: one number for the row
  add,            // out = in0 + in1
  selectRows,     // out[d, wanted] = rows wantedRows of in0[d, rows]
};

// What a gate g makes of it, and of the value u that it gates.
enum class Gate : uint8_t {
  silu,          // g * sigmoid(g) * u
  geluTanh,      // g * (1 + tanh(sqrt(2 / pi) * (g + 0.044715 g^3))) / 2 * u
  clampedSwish,  // g' * sigmoid(1.702 g') * (u' + 1), g' = min(g, 7), u' = u within -7 .. 7
  sigmoid,       // sigmoid(g) * u
};
inline constexpr int kGates = 4;

enum class RopeStyle : uint8_t { interleaved, halfSplit };  // pairs (2i, 2i+1) or (i, i + ropeDims/2)

enum class Scoring : uint8_t { softmax, sigmoid };

// How experts are chosen. Groups of neighbouring experts are judged first where there are several: by their best
// expert, or by the sum of their two best; the experts of all but the topGroups best are out. Of the rest the topK
// with the largest score + bias are taken (of equals the first); their weights are the scores alone.
struct RouteParams {
  int32_t topK = 0;
  int32_t groups = 1, topGroups = 1;
  bool groupByTwoBest = false;
  Scoring scoring = Scoring::softmax;
  bool normalise = false;  // weights are divided by their sum
  float scale = 1;         // and multiplied by this
  bool operator==(const RouteParams&) const = default;
};

struct OpParams {
  float eps = 0;
  float scale = 1;    // embed; attention: logit scale; rope: factor on cos and sin (YaRN's attention factor)
  int32_t heads = 0;  // rope: heads in in0; attention: query heads
  int32_t kvHeads = 0;
  int32_t headDim = 0;   // of q and k
  int32_t vDim = 0;      // of v
  int32_t ropeDims = 0;  // rotated dims of each head
  int32_t ropeFrom = 0;  // the first of them
  int32_t window = 0;    // attention: positions that a row sees, itself the last; 0 = all
  RopeStyle ropeStyle = RopeStyle::interleaved;
  Gate gate = Gate::silu;
  bool keysByLatent = false;  // attentionMla: in2 is stored by rows of the latent
  RouteParams route;
  bool guess = false;       // chooseExperts
  bool wantedRows = false;  // this op runs on StepData::wanted rows, not StepData::rows
  bool operator==(const OpParams&) const = default;
};

// The same matrix of every expert, {in, out} of one type each: slices of one tensor or tensors of their own.
struct ExpertSet {
  std::vector<TensorView> experts;
  std::vector<TensorView> biases;  // {out} of every expert, or none
};

// KV pools, one pair a layer: K is {headDim, pageTokens, kvHeads, pages}, V is {vDim, pageTokens, kvHeads, pages},
// F32, F16 or Q8_0 (dims whole blocks). Position p of a sequence is slot p % pageTokens of page
// pageTable[seq][p / pageTokens].
struct Op {
  OpKind kind{};
  std::array<TensorView, 4> in{};
  std::array<TensorView, 2> out{};
  std::array<std::shared_ptr<const ExpertSet>, 3> experts{};  // moeFfn: gate, up, down
  std::shared_ptr<const std::vector<bool>> elsewhere;         // moeFfn: experts that are left to another op, or null
  ExpertOrigin origin{};  // chooseExperts, moeFfn; a backend may read the views instead
  OpParams p{};
  bool outlives = false;  // what it writes is read behind the list too, so it must be in memory after a run
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
  int32_t fewest = 0;  // fewest rows a run may have: what only fewer would need can be left out
};

}  // namespace lemma
