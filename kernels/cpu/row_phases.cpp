#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "kernels/cpu/phase.h"

namespace lemma::cpu {
namespace {

constexpr int kRowsAChunk = 8;

int chunksOf(int rows) { return (rows + kRowsAChunk - 1) / kRowsAChunk; }

std::byte* slotOf(const Pool& pool, const StepData& step, int row, int head) {
  const int32_t pos = step.pos[row];
  const int32_t page = step.pageTable[int64_t(step.seqOfRow[row]) * step.pageTableStride + pos / pool.pageTokens];
  return pool.data + page * pool.page + head * pool.head + (pos % pool.pageTokens) * pool.slot;
}

void store(const KernelTable& kernels, const Pool& pool, const float* in, std::byte* out) {
  if (pool.cache == CacheType::f32) {
    std::memcpy(out, in, size_t(pool.dim) * 4);
  } else if (pool.cache == CacheType::f16 && kernels.toHalf) {
    kernels.toHalf(in, pool.dim, out);
  } else {
    typeInfo(pool.type)->encode(in, out, pool.dim);
  }
}

void gate(const KernelTable& kernels, const RowOp& op, int row) {
  const auto kernel = kernels.glu[size_t(op.gate)];
  const float *g = op.in[0].row(row), *up = op.in[1].row(row);
  float* const out = op.out.row(row);
  if (op.in[0].width == op.out.width) return kernel(g, up, op.out.width, out);
  std::array<float, 64> same;  // one number for the whole row
  same.fill(*g);
  for (int64_t i = 0; i < op.out.width; i += int64_t(same.size())) {
    kernel(same.data(), up + i, std::min(op.out.width - i, int64_t(same.size())), out + i);
  }
}

}  // namespace

ActLayout actLayout(int64_t k, Acts acts) {
  ActLayout l{.acts = acts, .k = k, .blocks = int32_t(k / 32)};
  if (acts == Acts::bfloats) {
    l.stride = roundUp(k, 32) * 2;
    if (l.stride % 1024 == 0) l.stride += 64;
    return l;
  }
  l.padded = (l.blocks + 15) / 16 * 16;
  l.scale = int64_t(l.padded) * 32;
  l.sum = l.scale + int64_t(l.padded) * 4;
  l.start = l.sum + int64_t(l.padded) * 4;
  l.halfSum = l.start + int64_t(l.padded) * 4;
  l.halfStart = l.halfSum + int64_t(l.padded) * 8;
  l.stride = l.halfStart + int64_t(l.padded) * 8;
  if (l.stride % 1024 == 0) l.stride += 64;  // rows a power of two apart would share cache sets
  return l;
}

int RowPhase::chunks(const Run& run) const { return chunksOf(run.rows(ops.front().wanted)); }

void RowPhase::run(const Run& run, int chunk, Worker&) const {
  const StepData& step = *run.step;
  const int first = chunk * kRowsAChunk, end = std::min(first + kRowsAChunk, run.rows(ops.front().wanted));
  for (int r = first; r < end; ++r) {
    for (const RowOp& op : ops) {
      float* const out = op.out.row(r);
      switch (op.kind) {
        case OpKind::embed:
          decodeRow(op.embedding, step.tokens[r], 0, op.out.width, out);
          if (op.scale != 1) std::for_each_n(out, op.out.width, [&](float& x) { x *= op.scale; });
          break;
        case OpKind::selectRows:
          std::memmove(out, op.in[0].row(step.wantedRows[r]), size_t(op.out.width) * 4);
          break;
        case OpKind::rmsNorm:
          for (int64_t i = 0; i < op.in[0].width; i += op.weightSize) {
            kernels->rmsNorm(op.in[0].row(r) + i, op.weight, op.eps, op.weightSize, out + i);
          }
          break;
        case OpKind::rope: {
          const RopeTable& table = (*tables)[size_t(op.table)];
          for (int h = 0; h < op.heads; ++h) {
            kernels->rope(out + int64_t(h) * op.headDim + op.first, table.cosine(run, r), table.sine(run, r),
                          table.half, op.interleaved);
          }
          break;
        }
        case OpKind::kvWrite:
          for (int i = 0; i < 2 && op.in[i].data; ++i) {
            const Pool& pool = op.pools[i];
            for (int h = 0; h < op.heads; ++h) {
              store(*kernels, pool, op.in[i].row(r) + h * pool.dim, slotOf(pool, step, r, h));
            }
          }
          break;
        case OpKind::glu:
          gate(*kernels, op, r);
          break;
        case OpKind::add:
          kernels->add(op.in[0].row(r), op.in[1].row(r), op.out.width, out);
          break;
        case OpKind::matMul:
        case OpKind::attention:
        case OpKind::attentionMla:
        case OpKind::route:
        case OpKind::chooseExperts:
        case OpKind::moeFfn:
          break;  // never among row ops
      }
    }
  }
}

int RopeTablePhase::chunks(const Run& run) const { return chunksOf(run.step->rows); }

void RopeTablePhase::run(const Run& run, int chunk, Worker&) const {
  const int first = chunk * kRowsAChunk, end = std::min(first + kRowsAChunk, int(run.step->rows));
  for (const RopeTable& table : *tables) {
    for (int r = first; r < end; ++r) {
      auto* const cosine = const_cast<float*>(table.cosine(run, r));
      float* const sine = cosine + table.half;
      for (int i = 0; i < table.half; ++i) {
        const float angle = float(run.step->pos[r]) * table.frequency[i];
        cosine[i] = std::cos(angle) * table.scale;
        sine[i] = std::sin(angle) * table.scale;
      }
    }
  }
}

}  // namespace lemma::cpu
