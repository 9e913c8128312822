// A weight matrix as products read it, and the two ways to multiply a piece of it: up to kFewRows rows as a mat-vec,
// more through a panel. Formats without kernels are decoded to floats on the way. Pure functions, any thread.
#pragma once

#include <algorithm>

#include "kernels/api/tensor_view.h"
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu {

class WeightHome;
class WeightHomes;

constexpr int kChunksAThread = 8;     // enough that threads of different speed end together
constexpr int64_t kFewOutputs = 512;  // most outputs of a chunk of few rows
constexpr int kStrip = 48;            // rows multiplied before their results are finished

struct Matrix {
  const std::byte* data = nullptr;
  uint64_t rowBytes = 0;
  int64_t k = 0, n = 0;
  const FormatKernels* format = nullptr;  // F32's where rows are decoded first
  bool decode = false;                    // whether they are, by decodeRow()
  WeightHome* home = nullptr;             // of its pages; null with one node
  TensorView view;
};

// For matrices of k inputs; null = the format has no kernels.
const FormatKernels* formatOf(const KernelTable& kernels, Type type, int64_t k);

// Null too where rows are decoded first for another reason.
const FormatKernels* kernelsFor(const KernelTable& kernels, const TensorView& weight);

// `view` is {k, n}; asFloats: multiplied with floats although its format has kernels for other activations. With
// `homes` the matrix has one.
Matrix matrixOf(const TensorView& view, const KernelTable& kernels, bool asFloats = false,
                WeightHomes* homes = nullptr);

int64_t panelBytes(const Matrix& m);
int64_t decodedBytes(int64_t k);  // of the float rows that a format without kernels needs

// Outputs n0 .. n0 + n of at most kFewRows rows. `rows` says acts, layout, actStride, tokens, out, ldOut and scratch.
void multiplyFew(const Matrix& m, int64_t n0, int64_t n, MatVecArgs rows, float* decoded);
// Unpacks outputs n0 .. n0 + n (at most kPanel) of the segment from k0 on.
void unpackPanel(const Matrix& m, int64_t n0, int n, int64_t k0, int64_t segment, float* decoded, std::byte* panel);

constexpr int64_t roundUp(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

}  // namespace lemma::cpu
