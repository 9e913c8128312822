#include "kernels/api/tensor_view.h"

#include <algorithm>
#include <cstring>

#include "kernels/quant/e8m0.h"

namespace lemma {

TensorView contiguous(BufferRef buf, uint64_t off, Type type, std::initializer_list<int64_t> ne) {
  TensorView v{.buf = buf, .off = off, .type = type, .rank = int(ne.size())};
  std::copy(ne.begin(), ne.end(), v.ne.begin());
  const TypeInfo* info = typeInfo(type);
  v.nb[0] = info->blockBytes;
  v.nb[1] = int64_t(rowBytes(type, v.ne[0]).value_or(0));
  v.nb[2] = v.nb[1] * v.ne[1];
  v.nb[3] = v.nb[2] * v.ne[2];
  return v;
}

TensorView planeOf(const TensorView& v, int64_t i) {
  TensorView one = v;
  one.off += uint64_t(i) * uint64_t(v.nb[2]);
  one.rank = 2;
  one.ne[2] = 1;
  if (!v.scales.empty()) one.scales.firstRow += i * (v.nb[2] / v.nb[1]);
  return one;
}

TensorView rowOf(const TensorView& v, int64_t i) {
  TensorView one = v;
  one.off += uint64_t(i) * uint64_t(v.nb[1]);
  one.rank = 1;
  one.ne[1] = 1;
  return one;
}

namespace {

// Elements of a plain type that lie `step` bytes apart.
void decodeApart(const TypeInfo& type, const std::byte* from, int64_t step, float* out, int64_t n) {
  constexpr int64_t kTogether = 64;
  std::array<std::byte, kTogether * sizeof(double)> elements;
  for (int64_t i = 0; i < n; i += kTogether) {
    const int64_t count = std::min(kTogether, n - i);
    for (int64_t j = 0; j < count; ++j, from += step) {
      std::memcpy(elements.data() + j * type.blockBytes, from, size_t(type.blockBytes));
    }
    type.decode(elements.data(), out + i, count);
  }
}

float scaleAt(const BlockScales& scales, const std::byte* row, int64_t column) {
  if (scales.type == Type::E8M0) return e8m0(uint8_t(row[column]));
  float scale;
  std::memcpy(&scale, row + column * int64_t(sizeof(scale)), sizeof(scale));
  return scale;
}

}  // namespace

void decodeRow(const TensorView& weight, int64_t row, int64_t first, int64_t n, float* out) {
  const TypeInfo& type = *typeInfo(weight.type);
  const std::byte* const from = weight.data() + row * weight.nb[1] + first / type.block * weight.nb[0];
  if (weight.nb[0] == type.blockBytes) {
    type.decode(from, out, n);
  } else {
    decodeApart(type, from, weight.nb[0], out, n);
  }
  if (!weight.scales.empty()) applyScales(weight.scales, row, first, n, out);
}

void applyScales(const BlockScales& scales, int64_t row, int64_t first, int64_t n, float* values) {
  const std::byte* const rowOfScales =
      scales.buf.host + scales.off + (row + scales.firstRow) / scales.out * scales.rowBytes;
  for (int64_t i = 0; i < n;) {
    const int64_t block = (first + i) / scales.in;
    const float scale = scaleAt(scales, rowOfScales, block);
    for (const int64_t end = std::min(n, (block + 1) * scales.in - first); i < end; ++i) values[i] *= scale;
  }
}

}  // namespace lemma
