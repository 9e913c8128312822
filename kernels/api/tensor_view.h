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

// ne[0] runs fastest (GGUF order): a weight matrix is {in, out}, activations are {features, rows}.
// nb[0] = bytes of one block (of one element for plain types), nb[i] = bytes between neighbours along i.
struct TensorView {
  BufferRef buf;
  uint64_t off = 0;
  Type type = Type::F32;
  Layout layout = Layout::file;
  int rank = 0;
  std::array<int64_t, 4> ne{1, 1, 1, 1};
  std::array<int64_t, 4> nb{0, 0, 0, 0};

  std::byte* data() const { return buf.host + off; }  // host-visible spaces only
  bool empty() const { return rank == 0; }
};

// Contiguous view at `off` of `buf`; sets nb from type and ne (rows must be whole blocks).
TensorView contiguous(BufferRef buf, uint64_t off, Type type, std::initializer_list<int64_t> ne);

// Matrix i of a set of them: {ne0, ne1} of a view {ne0, ne1, n}.
TensorView planeOf(const TensorView& v, int64_t i);

}  // namespace lemma
