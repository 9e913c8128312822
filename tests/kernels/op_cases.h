// The one list of kernel cases: op x shape x format, with inputs, run on every backend and compared with the reference.
// Pure values made from fixed seeds, so a case is the same on every machine. Test code only.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "kernels/api/backend.h"

namespace lemma::test {

// Whole-result error |x - y| / |y| allowed against the reference, by what a backend may do differently.
inline constexpr double kExact = 0;          // moves or decodes values
inline constexpr double kFloat = 1e-5;       // float32 arithmetic in another order
inline constexpr double kSixteenBit = 1e-3;  // may round to 16 bits: attention over a cache of F16
inline constexpr double kEightBit = 1.5e-2;  // may round activations (or q) to 8 bits
inline constexpr double kRounding = 1e-3;    // encodes to 8 bits: a tie may fall the other way
inline constexpr double kBfloat = 4e-3;      // rounds activations to BF16: 8 bits of precision

struct CaseTensor {
  TensorView shape;              // without a buffer; rows may be apart (nb[1]), or ne[0] and ne[1] turned
  std::vector<std::byte> bytes;  // what it holds before the run
  bool weight = false;           // goes through Backend::prepare
  uint64_t shift = 0;            // bytes before it in its buffer: files hold weights at any byte
  bool perRow = false;           // ne[1] are the rows of the batch
  int scales = -1;               // of a matrix: the tensor of its BlockScales, one for scaleIn x scaleOut elements
  int32_t scaleIn = 0, scaleOut = 0;
};

struct OpCase {
  std::string name;
  OpKind kind{};
  OpParams params;
  std::vector<CaseTensor> tensors;
  std::array<int, 4> in{-1, -1, -1, -1};  // indices into tensors, -1 = none
  std::array<int, 2> out{-1, -1};
  std::array<int, 3> experts{-1, -1, -1};  // {in, out, experts} tensors, one matrix an expert
  std::array<int, 3> biases{-1, -1, -1};   // {out, experts} of them
  std::vector<int> results;                // tensors to compare after the run
  double tolerance = kFloat;
  bool bfloats = false;  // a large matrix of BF16 or F8 and many rows: kBfloat on the target that rounds these
  int rows = 0;
  std::vector<int32_t> tokens, pos, seqOfRow, pageTable, wantedRows;
  int32_t pageTableStride = 0;

  int runRows() const { return params.wantedRows ? int(wantedRows.size()) : rows; }
};

// Every case. Only those that `wantsNumbers` chooses, by name and kind, are filled with theirs; the others hold zeros,
// which costs a hundredth of the time.
std::vector<OpCase> opCases(const std::function<bool(const OpCase&)>& wantsNumbers);

// The same case on `count` rows from `first` on; for ops whose rows do not depend on each other.
OpCase rowsOfCase(const OpCase& whole, int first, int count);

// The matrices of a {in, out, experts} tensor, and their biases from one of {out, experts} where it is not empty.
std::shared_ptr<const ExpertSet> expertsOf(const TensorView& all, const TensorView& biases = {});

// Results of a run, decoded to float: of per-row tensors the rows that ran, row by row, else every tensor whole.
Result<std::vector<float>> runOn(Backend& backend, const OpCase& c);
Result<std::vector<float>> runOn(Backend& backend, const OpCase& c, const CancelFlag& cancel);

// |x - y| / |y|; infinity where the sizes differ or x holds what is not a number.
double relativeError(std::span<const float> x, std::span<const float> y);

}  // namespace lemma::test
