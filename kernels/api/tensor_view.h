// Where a tensor lies and what shape it has. Values that own nothing: buffers belong to the weight store,
// the KV pool or an arena of the engine. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "kernels/api/type.h"

namespace lemma {

enum class DeviceId : int32_t {};

enum class Space : uint8_t { host, mapped, pinned, device };  // mapped = read-only pages of a model file

enum class Layout : uint8_t {
  file,
  backendPrivate
};  // as in the file, or repacked by the backend that owns the buffer

struct BufferRef {
  DeviceId dev{};
  Space space = Space::host;
  uint32_t id = 0;  // the backend's name for it; 0 = wrapped host memory
  uint64_t bytes = 0;
  std::byte* host = nullptr;  // null for Space::device
};

// Scales of a weight matrix {in, out} that lie beside it, one for a block of so many inputs and outputs (DeepSeek's FP8
// has 128 x 128, MXFP4 of folders 32 x 1): element (i, o) is its decoded value times the scale at column i / in of row
// o / out. The last blocks may be ragged. Any byte of any file.
struct BlockScales {
  Type type = Type::F32;  // or E8M0
  BufferRef buf;
  uint64_t off = 0;
  int64_t rowBytes = 0;     // between neighbouring rows of scales
  int32_t in = 0, out = 0;  // sizes of a block; 0 = the matrix has no scales
  int64_t firstRow = 0;     // where the view starts in the matrix that the scales are of

  bool empty() const { return in == 0; }
};

// ne[0] runs fastest (GGUF order): a weight matrix is {in, out}, activations are {features, rows}.
// nb[0] = bytes of one block (of one element for plain types), nb[i] = bytes between neighbours along i. Experts'
// weights and biases of plain types may have more than an element between neighbours in a row: folders keep some
// transposed.
struct TensorView {
  BufferRef buf;
  uint64_t off = 0;
  Type type = Type::F32;
  Layout layout = Layout::file;
  int rank = 0;
  std::array<int64_t, 4> ne{1, 1, 1, 1};
  std::array<int64_t, 4> nb{0, 0, 0, 0};
  BlockScales scales;  // of matrices; mostly empty

  std::byte* data() const { return buf.host + off; }  // host-visible spaces only
  bool empty() const { return rank == 0; }
};

// Contiguous view at `off` of `buf`; sets nb from type and ne (rows must be whole blocks).
TensorView contiguous(BufferRef buf, uint64_t off, Type type, std::initializer_list<int64_t> ne);

// Matrix i of a set of them: {ne0, ne1} of a view {ne0, ne1, n}.
TensorView planeOf(const TensorView& v, int64_t i);
// Row i of a matrix: {ne0}.
TensorView rowOf(const TensorView& v, int64_t i);

// Elements [first, first + n) of one row of a host-visible weight as floats, its scales applied; first and n are whole
// blocks of the type. The oracle's way and the fast backends' way for formats without kernels of their own.
void decodeRow(const TensorView& weight, int64_t row, int64_t first, int64_t n, float* out);
// The scales alone, on decoded elements of one row.
void applyScales(const BlockScales& scales, int64_t row, int64_t first, int64_t n, float* values);

}  // namespace lemma
