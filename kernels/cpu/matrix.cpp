#include "kernels/cpu/matrix.h"

#include "kernels/cpu/weight_home.h"

namespace lemma::cpu {
namespace {

constexpr int64_t kDecodedRows = 4;  // weight rows decoded together for a mat-vec

BlockFactors factorsOf(const Matrix& m, int64_t row) {
  const BlockScales& s = m.view.scales;
  if (s.empty()) return {};
  return {.values = s.buf.host + s.off, .rowBytes = s.rowBytes, .in = s.in, .out = s.out, .firstRow = s.firstRow + row};
}

}  // namespace

const FormatKernels* formatOf(const KernelTable& kernels, Type type, int64_t k) {
  for (int i = 0; i < kernels.formatCount; ++i) {
    if (kernels.formats[i].type == uint32_t(type) && k >= kernels.formats[i].leastK) return &kernels.formats[i];
  }
  return nullptr;
}

// Only 8-bit floats have factors, and vectors must not reach over the end of a block of them. Kernels read elements
// that lie side by side.
const FormatKernels* kernelsFor(const KernelTable& kernels, const TensorView& weight) {
  if (weight.nb[0] != typeInfo(weight.type)->blockBytes) return nullptr;
  const bool factors =
      weight.type == Type::F8_E4M3 && weight.scales.type == Type::F32 && weight.scales.in % kPanel == 0;
  return weight.scales.empty() || factors ? formatOf(kernels, weight.type, weight.ne[0]) : nullptr;
}

Matrix matrixOf(const TensorView& view, const KernelTable& kernels, bool asFloats, WeightHomes* homes) {
  Matrix m{.data = view.data(),
           .rowBytes = uint64_t(view.nb[1]),
           .k = view.ne[0],
           .n = view.ne[1],
           .format = kernelsFor(kernels, view),
           .home = homes ? homes->of(view) : nullptr,
           .view = view};
  if (asFloats && m.format && m.format->acts == Acts::bfloats) m.format = formatOf(kernels, view.type, 0);
  if (!m.format || (asFloats && m.format->acts != Acts::floats)) {
    m.format = formatOf(kernels, Type::F32, view.ne[0]);
    m.decode = true;
  }
  return m;
}

int64_t panelBytes(const Matrix& m) {
  return std::min<int64_t>(roundUp(m.k, 32), kSegment) / 32 * m.format->panelBytesPerBlock;
}

int64_t decodedBytes(int64_t k) { return std::max(kDecodedRows * k, kPanel * std::min<int64_t>(k, kSegment)) * 4; }

void multiplyFew(const Matrix& m, int64_t n0, int64_t n, MatVecArgs a, float* decoded) {
  a.k = m.k;
  if (!m.decode) {
    a.weights = m.data + n0 * int64_t(m.rowBytes);
    a.rowBytes = m.rowBytes;
    a.n = n;
    a.factors = factorsOf(m, n0);
    return m.format->matVec(a);
  }
  a.weights = reinterpret_cast<const std::byte*>(decoded);
  a.rowBytes = uint64_t(m.k) * 4;
  for (int64_t i = 0; i < n; i += kDecodedRows, a.out += kDecodedRows) {
    a.n = std::min(kDecodedRows, n - i);
    for (int64_t j = 0; j < a.n; ++j) decodeRow(m.view, n0 + i + j, 0, m.k, decoded + j * m.k);
    m.format->matVec(a);
  }
}

void unpackPanel(const Matrix& m, int64_t n0, int n, int64_t k0, int64_t segment, float* decoded, std::byte* panel) {
  PanelArgs a{.weights = m.data + n0 * int64_t(m.rowBytes),
              .rowBytes = m.rowBytes,
              .n = n,
              .k0 = k0,
              .k = segment,
              .panel = panel,
              .factors = factorsOf(m, n0)};
  if (m.decode) {
    for (int i = 0; i < n; ++i) decodeRow(m.view, n0 + i, k0, segment, decoded + i * segment);
    a.weights = reinterpret_cast<const std::byte*>(decoded);
    a.rowBytes = uint64_t(segment) * 4;
    a.k0 = 0;
    a.factors = {};
  }
  m.format->unpack(a);
}

}  // namespace lemma::cpu
