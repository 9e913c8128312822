#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/kernels/op_cases.h"

namespace lemma::test {

OpCase rowsOfCase(const OpCase& whole, int first, int count) {
  OpCase part = whole;
  const auto slice = [&](std::vector<int32_t>& v) {
    if (!v.empty()) v = std::vector<int32_t>(v.begin() + first, v.begin() + first + count);
  };
  for (CaseTensor& t : part.tensors) {
    if (!t.perRow) continue;
    const int64_t stride = t.shape.nb[1];
    t.bytes = std::vector<std::byte>(t.bytes.begin() + first * stride, t.bytes.begin() + (first + count) * stride);
    t.shape.ne[1] = count;
  }
  part.rows = count;
  slice(part.tokens);
  slice(part.pos);
  slice(part.seqOfRow);
  if (part.params.wantedRows) {
    part.wantedRows.resize(size_t(count));
    std::iota(part.wantedRows.begin(), part.wantedRows.end(), 0);
  }
  return part;
}

std::shared_ptr<const ExpertSet> expertsOf(const TensorView& all, const TensorView& biases) {
  auto set = std::make_shared<ExpertSet>();
  for (int64_t e = 0; !biases.empty() && e < all.ne[2]; ++e) set->biases.push_back(rowOf(biases, e));
  for (int64_t e = 0; e < all.ne[2]; ++e) set->experts.push_back(planeOf(all, e));
  return set;
}

Result<std::vector<float>> runOn(Backend& backend, const OpCase& c) { return runOn(backend, c, CancelFlag(false)); }

Result<std::vector<float>> runOn(Backend& backend, const OpCase& c, const CancelFlag& cancel) {
  std::vector<TensorView> views;
  std::vector<BufferRef> buffers;
  struct Release {
    Backend& backend;
    std::vector<BufferRef>& buffers;
    ~Release() {
      for (const BufferRef& b : buffers) backend.release(b);
    }
  } release{backend, buffers};

  const auto asBytes = [](const BufferRef& buf, size_t n, uint64_t off = 0) {
    return contiguous(buf, off, Type::I8, {int64_t(n)});
  };
  const auto wrap = [](std::byte* host, size_t n) { return BufferRef{.bytes = n, .host = host}; };
  const Space space = backend.info().hostMemory ? Space::host : Space::device;
  for (const CaseTensor& t : c.tensors) {
    LEMMA_TRY(buf, backend.alloc(t.bytes.size() + t.shift, space, t.weight ? Usage::weights : Usage::activations));
    buffers.push_back(buf);
    std::vector<std::byte> bytes = t.bytes;
    LEMMA_TRY(filled, backend.copy(asBytes(buf, bytes.size(), t.shift),
                                   asBytes(wrap(bytes.data(), bytes.size()), bytes.size()), {}));
    LEMMA_CHECK(backend.wait(filled, kNoDeadline));
    TensorView view = t.shape;
    view.buf = buf;
    view.off = t.shift;
    if (t.weight) {
      LEMMA_TRY(prepared, backend.prepare(view));
      view = prepared;
    }
    views.push_back(view);
  }

  for (size_t i = 0; i < views.size(); ++i) {
    const CaseTensor& t = c.tensors[i];
    if (t.scales < 0) continue;
    const TensorView& scales = views[size_t(t.scales)];
    views[i].scales = {.type = scales.type,
                       .buf = scales.buf,
                       .off = scales.off,
                       .rowBytes = scales.nb[1],
                       .in = t.scaleIn,
                       .out = t.scaleOut};
  }

  Op op{.kind = c.kind, .p = c.params};
  for (size_t i = 0; i < 4; ++i) {
    if (c.in[i] >= 0) op.in[i] = views[size_t(c.in[i])];
  }
  for (size_t i = 0; i < 2; ++i) {
    if (c.out[i] >= 0) op.out[i] = views[size_t(c.out[i])];
  }
  for (size_t i = 0; i < 3; ++i) {
    if (c.experts[i] < 0) continue;
    op.experts[i] = expertsOf(views[size_t(c.experts[i])], c.biases[i] < 0 ? TensorView{} : views[size_t(c.biases[i])]);
  }
  LEMMA_TRY(program, backend.compile({&op, 1}, {.rows = c.rows, .wanted = int32_t(c.wantedRows.size())}));
  const StepData step{.rows = c.rows,
                      .wanted = int32_t(c.wantedRows.size()),
                      .tokens = c.tokens.data(),
                      .pos = c.pos.data(),
                      .seqOfRow = c.seqOfRow.data(),
                      .pageTable = c.pageTable.data(),
                      .pageTableStride = c.pageTableStride,
                      .wantedRows = c.wantedRows.data()};
  LEMMA_TRY(fence, backend.submit(*program, step, {}, cancel));
  LEMMA_CHECK(backend.wait(fence, kNoDeadline));

  std::vector<std::vector<std::byte>> fetched;
  for (int index : c.results) {
    std::vector<std::byte> bytes(c.tensors[size_t(index)].bytes.size());
    const TensorView host = asBytes(wrap(bytes.data(), bytes.size()), bytes.size());
    LEMMA_TRY(copied, backend.copy(host, asBytes(buffers[size_t(index)], bytes.size()), {}));
    LEMMA_CHECK(backend.wait(copied, kNoDeadline));
    fetched.push_back(std::move(bytes));
  }
  std::vector<float> out;
  const auto append = [&](size_t result, int64_t r) {
    const TensorView& shape = c.tensors[size_t(c.results[result])].shape;
    const std::byte* const from = fetched[result].data() + r * shape.nb[1];
    out.resize(out.size() + size_t(shape.ne[0]));
    float* const to = &out[out.size() - size_t(shape.ne[0])];
    if (shape.type == Type::I32) {
      std::copy_n(reinterpret_cast<const int32_t*>(from), shape.ne[0], to);
    } else {
      typeInfo(shape.type)->decode(from, to, shape.ne[0]);
    }
  };
  // Row by row, so that the rows of a part of a case stand together.
  for (int64_t r = 0; c.tensors[size_t(c.results[0])].perRow && r < c.runRows(); ++r) {
    for (size_t i = 0; i < c.results.size(); ++i) append(i, r);
  }
  for (size_t i = 0; i < c.results.size(); ++i) {
    const CaseTensor& t = c.tensors[size_t(c.results[i])];
    for (int64_t r = 0; !t.perRow && r < t.shape.ne[1] * t.shape.ne[2] * t.shape.ne[3]; ++r) append(i, r);
  }
  return out;
}

double relativeError(std::span<const float> x, std::span<const float> y) {
  if (x.size() != y.size()) return std::numeric_limits<double>::infinity();
  double difference = 0, size = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) return std::numeric_limits<double>::infinity();
    difference += (double(x[i]) - double(y[i])) * (double(x[i]) - double(y[i]));
    size += double(y[i]) * double(y[i]);
  }
  if (difference == 0) return 0;
  return std::sqrt(difference / size);
}

}  // namespace lemma::test
