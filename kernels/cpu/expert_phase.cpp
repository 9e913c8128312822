#include "kernels/cpu/expert_phase.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace lemma::cpu {
namespace {

constexpr int kRowsAChunk = 8;

// Values along k of an expert's panels: so few that a panel stays in the nearest cache, as an expert has few rows and
// the next panel comes soon.
constexpr int64_t kExpertSegment = 512;
static_assert(kExpertSegment <= kSegment);

// Takes pieces of a worker's memory one after another.
class Taker {
 public:
  explicit Taker(std::byte* at) : at_(at) {}
  template <class T = std::byte>
  T* take(int64_t bytes) {
    std::byte* const p = at_ + bytes_;
    bytes_ += roundUp(bytes, 64);
    return reinterpret_cast<T*>(p);
  }
  int64_t bytes() const { return bytes_; }

 private:
  std::byte* at_;
  int64_t bytes_ = 0;
};

// What a phase of products keeps in a worker's memory.
struct Scratch {
  float* out[2] = {};
  std::byte* panel[2] = {};
  float* decoded = nullptr;
  int64_t bytes = 0;
};

Scratch scratchOf(std::byte* memory, const ExpertLayer& l, const Matrix& first, const Matrix* second) {
  Taker t(memory);
  Scratch s;
  int i = 0;
  for (const Matrix* m : {&first, second}) {
    if (!m) continue;
    s.out[i] = t.take<float>(std::max(int64_t(kFewRows) * kFewOutputs, int64_t(l.maxRows) * kPanel) * 4);
    s.panel[i++] = t.take(std::max(panelBytes(*m), kMatVecScratch));
  }
  if (first.decode || (second && second->decode)) s.decoded = t.take<float>(decodedBytes(first.k));
  s.bytes = t.bytes();
  return s;
}

// Outputs of a chunk of few rows so that `units` times `total` of them make enough chunks.
int64_t fewOutputs(int64_t total, int64_t units, const Run& run) {
  const int64_t wish = int64_t(kChunksAThread) * run.threads;
  return std::clamp<int64_t>(total * std::max<int64_t>(units, 1) / wish / kPanel * kPanel, kPanel, kFewOutputs);
}

// rows x outputs n0 .. n0 + n of one matrix into out[rows, kPanel], segment after segment along k.
void multiplyMany(const Matrix& m, int64_t n0, int n, const std::byte* acts, int64_t stride, const ActLayout& layout,
                  int rows, float* decoded, std::byte* panel, float* out) {
  for (int64_t k0 = 0; k0 < m.k; k0 += kExpertSegment) {
    const int64_t segment = std::min(kExpertSegment, m.k - k0);
    unpackPanel(m, n0, n, k0, segment, decoded, panel);
    for (int row = 0; row < rows; row += kStrip) {
      m.format->gemm({.panel = panel,
                      .k0 = k0,
                      .k = segment,
                      .acts = acts + row * stride,
                      .layout = &layout,
                      .actStride = stride,
                      .rows = std::min(kStrip, rows - row),
                      .out = out + int64_t(row) * kPanel,
                      .accumulate = k0 > 0});
    }
  }
}

void scoreRow(const float* in, int64_t n, Scoring scoring, float* out) {
  if (scoring == Scoring::sigmoid) {
    for (int64_t i = 0; i < n; ++i) out[i] = 1 / (1 + std::exp(-in[i]));
    return;
  }
  const float top = *std::max_element(in, in + n);
  float total = 0;
  for (int64_t i = 0; i < n; ++i) total += out[i] = std::exp(in[i] - top);
  for (int64_t i = 0; i < n; ++i) out[i] /= total;
}

// Takes the largest `count` times, of equals the first; what was taken becomes -infinity.
template <class Take>
void takeLargest(float* values, int64_t n, int count, const Take& take) {
  for (int i = 0; i < count; ++i) {
    const int64_t at = std::max_element(values, values + n) - values;
    take(i, at);
    values[at] = -std::numeric_limits<float>::infinity();
  }
}

}  // namespace

// ---- the choice

int RoutePhase::chunks(const Run& run) const { return (run.rows(wanted) + kRowsAChunk - 1) / kRowsAChunk; }

size_t RoutePhase::scratchBytes() const { return size_t(2 * scores.width + 3 * params.groups) * 4; }

void RoutePhase::run(const Run& run, int chunk, Worker& worker) const {
  worker.prepared = -1;
  const int64_t experts = scores.width, size = experts / params.groups;
  auto* const score = reinterpret_cast<float*>(worker.scratch);
  float* const wish = score + experts;
  float* const group = wish + experts;
  float* const stays = group + params.groups;
  const int end = std::min((chunk + 1) * kRowsAChunk, run.rows(wanted));
  for (int r = chunk * kRowsAChunk; r < end; ++r) {
    scoreRow(scores.row(r), experts, params.scoring, score);
    for (int64_t e = 0; e < experts; ++e) wish[e] = score[e] + (bias ? bias[e] : 0);
    if (params.topGroups < params.groups) {
      for (int g = 0; g < params.groups; ++g) {
        float best = -std::numeric_limits<float>::infinity(), second = best;
        for (int64_t e = g * size; e < (g + 1) * size; ++e) {
          second = std::max(second, std::min(best, wish[e]));
          best = std::max(best, wish[e]);
        }
        group[g] = params.groupByTwoBest ? best + second : best;
        stays[g] = 0;
      }
      takeLargest(group, params.groups, params.topGroups, [&](int, int64_t g) { stays[g] = 1; });
      for (int64_t e = 0; e < experts; ++e) {
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): checkRoute holds size to 1 at least
        if (stays[e / size] == 0) wish[e] = -std::numeric_limits<float>::infinity();
      }
    }
    float total = 0;
    float* const weight = weights.row(r);
    int32_t* const id = ids + r * idStride;
    takeLargest(wish, experts, params.topK, [&](int i, int64_t e) {
      id[i] = int32_t(e);
      total += weight[i] = score[e];
    });
    for (int i = 0; i < params.topK; ++i) {
      weight[i] = (params.normalise ? weight[i] / (total + 1e-20f) : weight[i]) * params.scale;
    }
  }
}

// ---- the layer's memory

int64_t ExpertLayer::sharedBytes() const {
  const int64_t pairs = int64_t(maxRows) * topK;
  return roundUp((3 * int64_t(experts()) + 2 + 3 * pairs) * 4, 64) +
         pairs * (roundUp(inStride(), 64) + hiddenStride()) + 128;
}

ExpertLayer::Lists ExpertLayer::lists(const Run& run) const {
  const int64_t pairs = int64_t(maxRows) * topK;
  Lists l{};
  l.usedCount = reinterpret_cast<int32_t*>(run.shared + offset);
  l.used = l.usedCount + 1;
  l.order = l.used + experts();
  l.first = l.order + experts();
  l.rowOfPair = l.first + experts() + 1;
  l.pairOf = l.rowOfPair + pairs;
  l.weight = reinterpret_cast<float*>(l.pairOf + pairs);
  l.in = run.shared + offset + roundUp((3 * int64_t(experts()) + 2 + 3 * pairs) * 4, 64);
  l.hidden = l.in + roundUp(pairs * inStride(), 64);
  return l;
}

ExpertLayer::Turn ExpertLayer::turnOf(const Run& run, int turn) const {
  if (rows(run) == 0) return {};
  const int used = *lists(run).usedCount, first = std::min(turn * atOnce(), used);
  return {first, std::min(atOnce(), used - first)};
}

void ExpertLayer::beginTurn(const Run& run, int turn) const {
  const Lists l = lists(run);
  const Turn t = turnOf(run, turn);
  std::copy_n(l.used + t.first, t.count, l.order + t.first);
  if (origin.source) origin.source->hold(origin.layer, {l.order + t.first, size_t(t.count)});
}

const Matrix* ExpertLayer::matrix(Set set, int32_t expert, Matrix& room) const {
  const Matrix& m = (set == Set::gate ? gate : set == Set::up ? up : down)[size_t(expert)];
  if (!origin.source) return &m;
  const ExpertBytes bytes = origin.source->wait(origin.layer, expert);
  const std::byte* const data = set == Set::gate ? bytes.gate : set == Set::up ? bytes.up : bytes.down;
  if (!data) return nullptr;
  room = m;
  room.data = data;
  room.view.buf = {.bytes = uint64_t(m.n) * m.rowBytes, .host = const_cast<std::byte*>(data)};  // read only
  room.view.off = 0;
  return &room;
}

void ExpertLayer::addBias(size_t set, int32_t expert, int64_t n0, int64_t n, float* row) const {
  if (!biases[set].empty()) kernels->add(row, biases[set][size_t(expert)] + n0, n, row);
}

void ExpertSortPhase::run(const Run& run, int, Worker& worker) const {
  worker.prepared = -1;
  const ExpertLayer& e = *layer;
  const ExpertLayer::Lists l = e.lists(run);
  const int rows = e.rows(run);
  std::fill_n(l.first, e.experts() + 1, 0);
  for (int r = 0; r < rows; ++r) {
    for (int i = 0; i < e.topK; ++i) ++l.first[e.ids[r * e.idStride + i] + 1];
  }
  *l.usedCount = 0;
  for (int i = 0; i < e.experts(); ++i) {
    if (l.first[i + 1] > 0 && e.computes(i)) l.used[(*l.usedCount)++] = i;
    l.first[i + 1] += l.first[i];
  }
  // Counted up while pairs find their places, then put back.
  for (int r = 0; r < rows; ++r) {
    for (int i = 0; i < e.topK; ++i) {
      const int32_t pair = l.first[e.ids[r * e.idStride + i]]++;
      l.rowOfPair[pair] = r;
      l.pairOf[int64_t(r) * e.topK + i] = pair;
      l.weight[pair] = e.weights.row(r)[i];
    }
  }
  for (int i = e.experts(); i > 0; --i) l.first[i] = l.first[i - 1];
  l.first[0] = 0;
  e.beginTurn(run, 0);
}

void ChooseExpertsPhase::run(const Run& run, int, Worker& worker) const {
  worker.prepared = -1;
  auto* const chosen = reinterpret_cast<int32_t*>(worker.scratch);
  int32_t* end = chosen;
  const int rows = run.rows(wanted);
  if (guess && rows <= kFewRows) {  // the first of every row, then the second
    for (int i = 0; i < topK; ++i) {
      for (int r = 0; r < rows; ++r) {
        const int32_t expert = ids[r * idStride + i];
        if (std::find(chosen, end, expert) == end) *end++ = expert;
      }
    }
  } else {
    for (int r = 0; r < rows; ++r) end = std::copy_n(ids + r * idStride, topK, end);
    std::sort(chosen, end);
    end = std::unique(chosen, end);
  }
  const std::span<const int32_t> distinct(chosen, end);
  guess ? origin.source->guess(origin.layer, distinct) : origin.source->choose(origin.layer, distinct);
}

void ExpertInputPhase::run(const Run& run, int chunk, Worker& worker) const {
  worker.prepared = -1;
  const ExpertLayer& e = *layer;
  const ExpertLayer::Lists l = e.lists(run);
  const int end = std::min((chunk + 1) * 8, e.rows(run));
  const int64_t stride = e.inStride();
  for (int r = chunk * 8; r < end; ++r) {
    const int32_t* const pairs = l.pairOf + int64_t(r) * e.topK;
    std::byte* const first = l.in + pairs[0] * stride;
    int64_t used = stride;
    if (e.inBytes()) {
      e.kernels->quantize(e.x.row(r), 0, e.inLayout.blocks, e.inLayout, first);
    } else if (e.bfloats(run, e.gate.front())) {
      e.kernels->toBfloats(e.x.row(r), e.x.width, first);
      used = roundUp(e.x.width, 32) * 2;
    } else {
      std::memcpy(first, e.x.row(r), size_t(stride));
    }
    for (int i = 1; i < e.topK; ++i) std::memcpy(l.in + pairs[i] * stride, first, size_t(used));
  }
}

// ---- gate and up

int64_t ExpertGatePhase::outputs(const Run& run) const {
  if (layer->rows(run) > kFewRows) return kPanel;
  return fewOutputs(layer->hidden(), layer->turnOf(run, turn).count, run);
}

int ExpertGatePhase::firstChunk(const Run& run, int node) const {
  const int count = layer->turnOf(run, turn).count;
  if (count == 0) return 0;
  const int64_t width = outputs(run);
  int64_t blocks = 0;
  for (int before = 0; before < node; ++before) blocks += run.shares->pieces(layer->hidden(), width, before);
  return int(count * blocks);
}

size_t ExpertGatePhase::scratchBytes() const {
  return size_t(scratchOf(nullptr, *layer, layer->gate.front(), &layer->up.front()).bytes);
}

void ExpertGatePhase::run(const Run& run, int chunk, Worker& worker) const {
  worker.prepared = -1;
  const ExpertLayer& e = *layer;
  const ExpertLayer::Lists l = e.lists(run);
  const Scratch s = scratchOf(worker.scratch, e, e.gate.front(), &e.up.front());
  const ExpertLayer::Turn t = e.turnOf(run, turn);
  const int64_t width = outputs(run);
  int node = 0;
  int64_t blocks = run.shares->pieces(e.hidden(), width, 0), at = chunk;
  while (at >= t.count * blocks) {
    at -= t.count * blocks;
    blocks = run.shares->pieces(e.hidden(), width, ++node);
  }
  const int32_t expert = l.order[t.first + at / blocks];
  const auto [begin, end] = run.shares->rows(e.hidden(), node);
  const int64_t n0 = begin + at % blocks * width, n = std::min(width, end - n0);
  const int32_t first = l.first[expert];
  const int count = l.first[expert + 1] - first;
  const std::byte* const acts = l.in + first * e.inStride();
  const bool few = e.rows(run) <= kFewRows;
  for (int i = 0; i < 2; ++i) {
    Matrix room;
    const Matrix* const found = e.matrix(i == 0 ? ExpertLayer::Set::gate : ExpertLayer::Set::up, expert, room);
    if (!found) return;
    const Matrix& m = *found;
    bringHome(m, run, node);
    if (few) {
      multiplyFew(m, n0, n,
                  {.acts = acts,
                   .layout = &e.inLayout,
                   .actStride = e.inStride(),
                   .tokens = count,
                   .out = s.out[i],
                   .ldOut = kFewOutputs,
                   .scratch = s.panel[i]},
                  s.decoded);
    } else {
      multiplyMany(m, n0, int(n), acts, e.inStride(), e.inLayout, count, s.decoded, s.panel[i], s.out[i]);
    }
  }
  const int64_t ld = few ? kFewOutputs : kPanel;
  for (int i = 0; i < count; ++i) {
    float* const h = s.out[0] + i * ld;
    float* const u = s.out[1] + i * ld;
    e.addBias(0, expert, n0, n, h);
    e.addBias(1, expert, n0, n, u);
    e.kernels->glu[size_t(e.kind)](h, u, n, h);
    std::byte* const to = l.hidden + (first + i) * e.hiddenStride();
    if (e.hiddenBytes()) {
      e.kernels->quantize(h, int32_t(n0 / 32), int32_t(n / 32), e.hiddenLayout, to);
    } else if (e.bfloats(run, e.down.front())) {
      e.kernels->toBfloats(h, n, to + n0 * 2);
    } else {
      std::memcpy(to + n0 * 4, h, size_t(n) * 4);
    }
  }
}

// ---- down

int64_t ExpertDownPhase::outputs(const Run& run) const {
  return layer->rows(run) > kFewRows ? kPanel : fewOutputs(layer->down.front().n, 1, run);
}

int ExpertDownPhase::firstChunk(const Run& run, int node) const {
  if (layer->rows(run) == 0 || (turn > 0 && layer->turnOf(run, turn).count == 0)) return 0;
  const int64_t width = outputs(run);
  int64_t count = 0;
  for (int before = 0; before < node; ++before) count += run.shares->pieces(layer->down.front().n, width, before);
  return int(count);
}

size_t ExpertDownPhase::scratchBytes() const {
  return size_t(scratchOf(nullptr, *layer, layer->down.front(), nullptr).bytes);
}

void ExpertDownPhase::run(const Run& run, int chunk, Worker& worker) const {
  worker.prepared = -1;
  const ExpertLayer& e = *layer;
  const ExpertLayer::Lists l = e.lists(run);
  const Scratch s = scratchOf(worker.scratch, e, e.down.front(), nullptr);
  const int64_t width = outputs(run), outs = e.down.front().n;
  int node = 0;
  int64_t at = chunk;
  for (int64_t pieces; at >= (pieces = run.shares->pieces(outs, width, node)); ++node) at -= pieces;
  const auto [begin, end] = run.shares->rows(outs, node);
  const int64_t n0 = begin + at * width, n = std::min(width, end - n0);
  const int rows = e.rows(run);
  for (int r = 0; turn == 0 && r < rows; ++r) {
    float* const out = e.out.row(r) + n0;
    if (!e.residual.data) {
      std::memset(out, 0, size_t(n) * 4);
    } else if (e.residual.row(r) + n0 != out) {
      std::memcpy(out, e.residual.row(r) + n0, size_t(n) * 4);
    }
  }
  const bool few = rows <= kFewRows;
  const int64_t ld = few ? kFewOutputs : kPanel;
  const ExpertLayer::Turn t = e.turnOf(run, turn);
  for (int u = t.first; u < t.first + t.count; ++u) {
    const int32_t expert = l.used[u], first = l.first[expert];
    const int count = l.first[expert + 1] - first;
    Matrix room;
    const Matrix* const found = e.matrix(ExpertLayer::Set::down, expert, room);
    if (!found) return;
    const Matrix& m = *found;
    bringHome(m, run, node);
    const std::byte* const acts = l.hidden + first * e.hiddenStride();
    if (few) {
      multiplyFew(m, n0, n,
                  {.acts = acts,
                   .layout = &e.hiddenLayout,
                   .actStride = e.hiddenStride(),
                   .tokens = count,
                   .out = s.out[0],
                   .ldOut = kFewOutputs,
                   .scratch = s.panel[0]},
                  s.decoded);
    } else {
      multiplyMany(m, n0, int(n), acts, e.hiddenStride(), e.hiddenLayout, count, s.decoded, s.panel[0], s.out[0]);
    }
    for (int i = 0; i < count; ++i) {
      float* const out = e.out.row(l.rowOfPair[first + i]) + n0;
      float* const part = s.out[0] + i * ld;
      e.addBias(2, expert, n0, n, part);
      const float weight = l.weight[first + i];
      for (int64_t j = 0; j < n; ++j) out[j] += weight * part[j];
    }
  }
}

}  // namespace lemma::cpu
