#include <algorithm>
#include <cstring>

#include "kernels/cpu/matrix.h"
#include "kernels/cpu/phase.h"

namespace lemma::cpu {
namespace {

constexpr int kManyRows = 512;  // most rows of a chunk of many

}  // namespace

// ---- quantising phase

int QuantizePhase::chunks(const Run& run) const {
  const int rows = run.rows(wanted);
  return rows > kFewRows ? (rows + 7) / 8 : 0;
}

void QuantizePhase::run(const Run& run, int chunk, Worker& worker) const {
  worker.prepared = -1;
  const int end = std::min(chunk * 8 + 8, run.rows(wanted));
  const int64_t k = input->bytes.layout.k;
  for (int r = chunk * 8; r < end; ++r) {
    const float* row = input->rows.row(r);
    if (input->norm) {
      auto* const normed = reinterpret_cast<float*>(worker.scratch);
      kernels->rmsNorm(row, input->norm, input->eps, k, normed);
      row = normed;
    }
    if (input->bytes.layout.acts == Acts::bfloats) {
      kernels->toBfloats(row, k, input->bytes.row(run, r));
    } else {
      kernels->quantize(row, 0, int32_t(k / 32), input->bytes.layout, input->bytes.row(run, r));
    }
  }
}

size_t QuantizePhase::scratchBytes() const { return size_t(input->bytes.layout.k) * 4; }

// ---- products

// Few rows and many use the same memory differently; `acts` and `row` stay while a thread takes chunks of one phase.
struct ProductPhase::Scratch {
  std::byte* acts = nullptr;  // few: [kFewRows] 8-bit rows
  float* row = nullptr;       // few: [k]
  float* out[2] = {};         // few: [kFewRows][kFewOutputs]; many: manyOutputs()
  std::byte* panel[2] = {};   // many; few: scratch of the mat-vec
  float* decoded = nullptr;   // [kPanel][segment or k] where a format has no kernels
  size_t bytes = 0;
};

// Of a chunk of many rows: a strip where that is finished at once, else all of it.
int64_t ProductPhase::manyOutputs() const {
  if (mostRows <= kFewRows) return 0;
  return (k <= kSegment ? kStrip : roundUp(std::min(mostRows, kManyRows), kStrip)) * int64_t(kPanel);
}

ProductPhase::Scratch ProductPhase::scratch(Worker& worker) const {
  Scratch s;
  std::byte* at = worker.scratch;
  const auto take = [&](int64_t size) {
    std::byte* const p = at;
    at += roundUp(size, 64);
    s.bytes += size_t(roundUp(size, 64));
    return p;
  };
  int64_t panel = 0;
  bool decodes = false;
  for (const Product& p : products) {
    panel = std::max({panel, panelBytes(p.weight), kMatVecScratch});
    decodes |= p.weight.decode;
  }
  if (fewRows && acts() == Acts::bytes) {
    s.acts = take(input.bytes.layout.stride * kFewRows);
    s.row = reinterpret_cast<float*>(take(roundUp(k, 32) * 4));
  }
  const int64_t outs = std::max(fewRows ? kFewRows * kFewOutputs : 0, manyOutputs());
  for (int i = 0; i < (gated ? 2 : 1); ++i) {
    s.out[i] = reinterpret_cast<float*>(take(outs * 4));
    s.panel[i] = take(panel);
  }
  if (decodes) {
    s.decoded = reinterpret_cast<float*>(take(decodedBytes(k)));
  }
  return s;
}

size_t ProductPhase::scratchBytes() const {
  Worker none;
  return scratch(none).bytes;
}

// How this run is cut: of few rows a chunk is a range of outputs of one product, of many a panel of 32 outputs and a
// range of rows. What a chunk computes does not depend on the cut.
ProductPhase::Cut ProductPhase::cut(const Run& run) const {
  Cut c{.outputs = kPanel, .rows = run.rows(wanted)};
  int64_t total = 0;
  for (size_t i = 0; i < cutProducts(); ++i) total += products[i].weight.n;
  const int64_t wish = int64_t(kChunksAThread) * run.threads;
  if (c.rows <= kFewRows) {
    c.outputs = std::clamp<int64_t>(total / wish / kPanel * kPanel, kPanel, kFewOutputs);
    return c;
  }
  const int64_t panels = roundUp(total, kPanel) / kPanel;
  // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): checkMatMul sees that every product has outputs
  const int64_t blocks = std::max<int64_t>((wish + panels - 1) / panels, (c.rows + kManyRows - 1) / kManyRows);
  const int rows = c.rows;
  c.rows = int(std::clamp<int64_t>(roundUp((rows + blocks - 1) / blocks, kStrip), kStrip, kManyRows));
  c.rowBlocks = (rows + c.rows - 1) / c.rows;
  return c;
}

int ProductPhase::firstChunk(const Run& run, int node) const {
  if (run.rows(wanted) == 0) return 0;
  const Cut c = cut(run);
  int64_t count = 0;
  for (int before = 0; before < node; ++before) {
    for (size_t i = 0; i < cutProducts(); ++i) {
      count += run.shares->pieces(products[i].weight.n, c.outputs, before) * c.rowBlocks;
    }
  }
  return int(count);
}

ProductPhase::Piece ProductPhase::piece(const Run& run, int chunk) const {
  const Cut c = cut(run);
  int64_t at = chunk;
  for (int node = 0;; ++node) {
    for (size_t i = 0; i < cutProducts(); ++i) {
      const auto [begin, end] = run.shares->rows(products[i].weight.n, node);
      const int64_t pieces = (end - begin + c.outputs - 1) / c.outputs * c.rowBlocks;
      if (at >= pieces) {
        at -= pieces;
        continue;
      }
      Piece p{.product = int(i), .node = node, .row0 = int(at % c.rowBlocks) * c.rows};
      p.n0 = begin + at / c.rowBlocks * c.outputs;
      p.n = std::min(c.outputs, end - p.n0);
      p.rows = std::min(c.rows, run.rows(wanted) - p.row0);
      return p;
    }
  }
}

void ProductPhase::run(const Run& run, int chunk, Worker& worker) const {
  const Piece p = piece(run, chunk);
  if (run.shares->nodes() > 1) {
    for (int i = 0; i < (gated ? 2 : 1); ++i) bringHome(products[size_t(p.product + i)].weight, run, p.node);
  }
  if (run.rows(wanted) <= kFewRows) {
    few(run, p, worker);
  } else {
    worker.prepared = -1;
    many(run, p, worker);
  }
}

// Every thread makes the same 8-bit rows for itself: cheaper than a barrier.
void ProductPhase::prepare(const Run& run, Worker& worker) const {
  if (worker.prepared == index) return;
  worker.prepared = index;
  if (acts() != Acts::bytes || input.ready) return;
  const Scratch s = scratch(worker);
  const ActLayout& layout = input.bytes.layout;
  for (int r = 0; r < run.rows(wanted); ++r) {
    const float* row = nullptr;
    if (input.merge) {
      input.merge->mergeRow(run, r, s.row);
      row = s.row;
    } else if (input.norm) {
      kernels->rmsNorm(input.rows.row(r), input.norm, input.eps, k, s.row);
      row = s.row;
    } else {
      row = input.rows.row(r);
    }
    std::byte* const acts = s.acts + r * layout.stride;
    kernels->quantize(row, 0, layout.blocks, layout, acts);
  }
}

void ProductPhase::few(const Run& run, const Piece& p, Worker& worker) const {
  prepare(run, worker);
  const Scratch s = scratch(worker);
  const std::byte* rows = reinterpret_cast<const std::byte*>(input.rows.data);
  int64_t stride = input.rows.stride * 4;
  if (acts() == Acts::bytes) {
    rows = input.ready ? input.bytes.row(run, 0) : s.acts;
    stride = input.bytes.layout.stride;
  }
  for (int i = 0; i < (gated ? 2 : 1); ++i) {
    multiplyFew(products[size_t(p.product + i)].weight, p.n0, p.n,
                {.acts = rows,
                 .layout = &input.bytes.layout,
                 .actStride = stride,
                 .tokens = p.rows,
                 .out = s.out[i],
                 .ldOut = kFewOutputs,
                 .scratch = s.panel[0]},
                s.decoded);
  }
  finish(run, p, 0, p.rows, s.out[0], s.out[1], kFewOutputs);
}

void ProductPhase::many(const Run& run, const Piece& p, Worker& worker) const {
  const Scratch s = scratch(worker);
  const int parts = gated ? 2 : 1;
  const auto multiply = [&](int i, int64_t k0, int64_t segment, int row, int rows, float* out) {
    const bool rounded = acts() != Acts::floats;
    const int64_t stride = rounded ? input.bytes.layout.stride : input.rows.stride * 4;
    const std::byte* const first =
        rounded ? input.bytes.row(run, 0) : reinterpret_cast<const std::byte*>(input.rows.data);
    products[size_t(p.product + i)].weight.format->gemm({.panel = s.panel[i],
                                                         .k0 = k0,
                                                         .k = segment,
                                                         .acts = first + (p.row0 + row) * stride,
                                                         .layout = &input.bytes.layout,
                                                         .actStride = stride,
                                                         .rows = rows,
                                                         .out = out,
                                                         .accumulate = k0 > 0});
  };
  const bool whole = k <= kSegment;  // results of a strip are finished while they are in the nearest cache
  for (int64_t k0 = 0; k0 < k; k0 += kSegment) {
    const int64_t segment = std::min<int64_t>(kSegment, k - k0);
    for (int i = 0; i < parts; ++i) {
      unpackPanel(products[size_t(p.product + i)].weight, p.n0, int(p.n), k0, segment, s.decoded, s.panel[i]);
    }
    for (int row = 0; row < p.rows; row += kStrip) {
      const int rows = std::min(kStrip, p.rows - row);
      float* out[2] = {};
      for (int i = 0; i < parts; ++i) {
        out[i] = s.out[i] + (whole ? 0 : int64_t(row) * kPanel);
        multiply(i, k0, segment, row, rows, out[i]);
      }
      if (k0 + segment == k) finish(run, p, p.row0 + row, rows, out[0], out[1], kPanel);
    }
  }
}

// Bias, residual, gate: from a tile of results to where they belong.
void ProductPhase::finish(const Run& run, const Piece& p, int row, int rows, const float* first, const float* second,
                          int64_t ld) const {
  for (int r = 0; r < rows; ++r, first += ld, second += second ? ld : 0) {
    if (gated) {
      float* const h = const_cast<float*>(first);
      for (int i = 0; i < 2; ++i) {
        const float* const bias = products[size_t(i)].bias;
        float* const x = i == 0 ? h : const_cast<float*>(second);
        if (bias) kernels->add(x, bias + p.n0, p.n, x);
      }
      kernels->glu[size_t(gate)](h, second, p.n, h);
      if (gatedOut.data) std::memcpy(gatedOut.row(row + r) + p.n0, h, size_t(p.n) * 4);
      if (gatedBytes) {
        kernels->quantize(h, int32_t(p.n0 / 32), int32_t(p.n / 32), gatedBytes->layout, gatedBytes->row(run, row + r));
      }
      continue;
    }
    const Product& product = products[size_t(p.product)];
    float* const out = product.out.row(row + r) + p.n0;
    const float* from = first;
    if (product.bias) {
      kernels->add(from, product.bias + p.n0, p.n, const_cast<float*>(first));
    }
    if (product.residual.data) {
      kernels->add(from, product.residual.row(row + r) + p.n0, p.n, out);
    } else {
      std::memcpy(out, from, size_t(p.n) * 4);
    }
  }
}

}  // namespace lemma::cpu
