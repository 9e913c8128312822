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

// Parts are whole tiles, their number and borders a function of the position alone.
int AttentionPhase::partsOf(int32_t pos) const {
  const int32_t tiles = (pos - firstSeen(pos)) / kKeyTile + 1;
  return std::min(tiles, kMaxParts);
}

int32_t AttentionPhase::partBegin(int32_t pos, int part) const {
  const int32_t first = firstSeen(pos), tiles = (pos - first) / kKeyTile + 1;
  return std::min(pos + 1, first + tiles * part / partsOf(pos) * kKeyTile);
}

int AttentionPhase::mostParts(const Run& run) const {
  int most = 0;
  for (int r = 0; r < run.step->rows; ++r) most = std::max(most, partsOf(run.step->pos[r]));
  return most;
}

// The cache is converted once for all heads of a chunk, so heads go together where there are threads enough without.
int AttentionPhase::pieces(const Run& run, int parts) const {
  int count = 1;
  while (fewOnly && count * parts < 2 * run.threads && group() % (4 * kHeadsInLanes * count) == 0) count *= 2;
  return count;
}

const float* AttentionPhase::parts(const Run& run, int64_t row) const {
  return reinterpret_cast<const float*>(run.shared + partsOffset) + row * kMaxParts * heads * (vDim + 2);
}

int AttentionPhase::chunks(const Run& run) const {
  if (run.step->rows > kFewRows) return fewOnly ? 0 : run.tileCount * kvHeads;
  return run.step->rows * kvHeads * pieces(run, mostParts(run)) * mostParts(run);
}

void AttentionPhase::run(const Run& run, int chunk, Worker& worker) const {
  worker.prepared = -1;
  const StepData& step = *run.step;
  const int kvHead = chunk % kvHeads;
  if (step.rows <= kFewRows) {
    const int count = pieces(run, mostParts(run)), size = group() / count;
    const int piece = chunk / kvHeads % count, row = chunk / kvHeads / count % step.rows;
    const int part = chunk / kvHeads / count / step.rows;
    const int32_t pos = step.pos[row];
    if (part >= partsOf(pos)) return;
    AttentionArgs a = arguments(*this, run, row, kvHead);
    a.q += int64_t(piece) * size * headDim;
    a.group = size;
    a.from = partBegin(pos, part);
    a.to = partBegin(pos, part + 1);
    a.out =
        const_cast<float*>(parts(run, row)) + (int64_t(part) * heads + kvHead * group() + piece * size) * (vDim + 2);
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

// What attention.h lays out.
int64_t floatsScratch(int64_t queries, int64_t headDim, int64_t vDim) {
  const int64_t dim = padded(headDim), valueDim = padded(vDim);
  return (queries * (dim + kKeyTile + valueDim + 2) + kKeyTile * (dim + valueDim) + 4 * dim) * 4 + 4096;
}

// What attention_words.h lays out.
int64_t wordsScratch(int64_t queries, int64_t headDim, int64_t vDim) {
  const int64_t dim = padded(headDim), valueDim = padded(vDim);
  const int64_t words = (queries + kKeyTile) * (dim / 2 + valueDim + 4) +
                        kKeyTile * (2 * kKeyTile + std::max(dim, valueDim) + dim / 2 + valueDim / 2 + 2);
  return words * 4 + 4096;
}

// As the functions of the kernel table choose.
size_t AttentionPhase::scratchBytes() const {
  int64_t bytesNeeded = 0;
  if (fewRows) {
    const bool words = k.cache != CacheType::f32 && group() >= kHeadsInLanes;
    bytesNeeded = words ? wordsScratch(group(), headDim, vDim) : floatsScratch(group(), headDim, vDim);
  }
  if (fewOnly || mostRows <= kFewRows) return size_t(bytesNeeded);
  const int64_t queries = int64_t(mostRows) * group();
  const int64_t quantised = bytes ? roundUp(queries * vDim, 16) * 4 : 0;
  const int64_t many =
      k.cache == CacheType::f16 ? wordsScratch(queries, headDim, vDim) : floatsScratch(queries, headDim, vDim);
  return size_t(std::max(bytesNeeded, many + quantised));
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
