#include "kernels/api/tensor_view.h"

#include <algorithm>

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
  return one;
}

}  // namespace lemma
