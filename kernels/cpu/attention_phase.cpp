#include <algorithm>

#include "kernels/cpu/phase.h"

namespace lemma::cpu {
namespace {

constexpr int64_t padded(int64_t n) { return (n + 31) / 32 * 32; }

AttentionArgs arguments(const AttentionPhase& p, const Run& run, int row, int kvHead) {
  const StepData& step = *run.step;
  return {.q = p.q.row(row) + int64_t(kvHead) * p.group() * p.headDim,
          .ldQ = p.q.stride,
          .rows = 1,
          .group = p.group(),
          .headDim = p.headDim,
          .vDim = p.vDim,
          .scale = p.scale,
          .kType = p.k.cache,
          .vType = p.v.cache,
          .kPool = p.k.data + kvHead * p.k.head,
          .vPool = p.v.data + kvHead * p.v.head,
          .kPage = p.k.page,
          .kSlot = p.k.slot,
          .vPage = p.v.page,
          .vSlot = p.v.slot,
          .pageTokens = p.k.pageTokens,
          .pages = step.pageTable + int64_t(step.seqOfRow[row]) * step.pageTableStride,
          .firstPos = step.pos[row],
          .window = p.window,
          .sinks = p.sinks ? p.sinks + kvHead * p.group() : nullptr};
}

}  // namespace

int partLength(int32_t positions) {
  return std::max(kKeyTile, (positions / kMaxParts + kKeyTile) / kKeyTile * kKeyTile);
}

int AttentionPhase::partsOf(int32_t pos) const {
  const int32_t seen = pos + 1 - firstSeen(pos);
  const int length = partLength(seen);
  return (seen + length - 1) / length;
}

const float* AttentionPhase::parts(const Run& run, int64_t row) const {
  return reinterpret_cast<const float*>(run.shared + partsOffset) + row * kMaxParts * heads * (vDim + 2);
}

int AttentionPhase::chunks(const Run& run) const {
  if (run.step->rows > kFewRows) return fewOnly ? 0 : run.tileCount * kvHeads;
  int most = 0;
  for (int r = 0; r < run.step->rows; ++r) most = std::max(most, partsOf(run.step->pos[r]));
  return run.step->rows * kvHeads * most;
}

void AttentionPhase::run(const Run& run, int chunk, Worker& worker) const {
  worker.prepared = -1;
  const StepData& step = *run.step;
  const int kvHead = chunk % kvHeads;
  if (step.rows <= kFewRows) {
    const int row = chunk / kvHeads % step.rows, part = chunk / kvHeads / step.rows;
    const int32_t pos = step.pos[row], first = firstSeen(pos);
    const int length = partLength(pos + 1 - first);
    AttentionArgs a = arguments(*this, run, row, kvHead);
    a.from = first + part * length;
    a.to = std::min(a.from + length, pos + 1);
    if (a.from >= a.to) return;
    a.out = const_cast<float*>(parts(run, row)) + (int64_t(part) * heads + kvHead * group()) * (vDim + 2);
    a.ldOut = vDim + 2;
    a.scratch = reinterpret_cast<float*>(worker.scratch);
    kernels->attentionFew(a);
    return;
  }
  const QueryTile& tile = run.tiles[run.tileCount - 1 - chunk / kvHeads];  // the longest first
  const int64_t width = int64_t(group()) * vDim;
  AttentionArgs a = arguments(*this, run, tile.row, kvHead);
  a.rows = tile.rows;
  a.scratch = reinterpret_cast<float*>(worker.scratch);
  if (!bytes) {
    a.out = out.row(tile.row) + kvHead * width;
    a.ldOut = out.stride;
    kernels->attentionMany(a);
    return;
  }
  a.out = a.scratch;
  a.ldOut = width;
  a.scratch += tile.rows * width;
  kernels->attentionMany(a);
  for (int r = 0; r < tile.rows; ++r) {
    kernels->quantize(a.out + r * width, int32_t(kvHead * width / 32), int32_t(width / 32), bytes->layout,
                      bytes->row(run, tile.row + r));
  }
}

size_t AttentionPhase::scratchBytes() const {
  const int64_t queries = int64_t(fewOnly ? 1 : kQueryTile) * group(), dim = padded(headDim), valueDim = padded(vDim);
  const int64_t floats = queries * (dim + kKeyTile + 2 * valueDim + 2) + kKeyTile * (dim + valueDim) + 4 * dim;
  return size_t(floats) * 4 + 4096;
}

void AttentionPhase::mergeHead(const Run& run, int row, int head, float* to) const {
  kernels->attentionMerge(parts(run, row) + head * int64_t(vDim + 2), int64_t(heads) * (vDim + 2),
                          partsOf(run.step->pos[row]), vDim, sinks ? sinks + head : nullptr, to);
}

void AttentionPhase::mergeRow(const Run& run, int row, float* to) const {
  for (int h = 0; h < heads; ++h) mergeHead(run, row, h, to + int64_t(h) * vDim);
}

int MergePhase::chunks(const Run& run) const { return run.step->rows <= kFewRows ? run.step->rows : 0; }

void MergePhase::run(const Run& run, int chunk, Worker&) const {
  attention->mergeRow(run, chunk, attention->out.row(chunk));
}

}  // namespace lemma::cpu
