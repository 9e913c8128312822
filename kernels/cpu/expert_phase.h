// A mixture of experts on the cpu: rows are sorted by expert once, every expert multiplies its rows together, and sums
// go straight into the output. Four phases share one ExpertLayer. Made by ProgramBuilder; see phase.h.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/cpu/matrix.h"
#include "kernels/cpu/phase.h"

namespace lemma::cpu {

// The choice of experts, row by row.
struct RoutePhase final : Phase {
  RouteParams params;
  Rows scores, weights;
  int32_t* ids = nullptr;  // [rows, idStride]
  int64_t idStride = 0;
  const float* bias = nullptr;  // on the choice; null = none
  bool wanted = false;
  int chunks(const Run& run) const override;
  void run(const Run& run, int chunk, Worker& worker) const override;
  size_t scratchBytes() const override;
};

// One moeFfn with its pointers resolved. A pair is a row and one of its experts; pairs are kept sorted by expert, then
// row, so that the rows of an expert lie together and a row's sums run in the order of its experts' numbers.
struct ExpertLayer {
  const KernelTable* kernels = nullptr;
  Rows x, weights, out, residual;
  const int32_t* ids = nullptr;
  int64_t idStride = 0;
  int topK = 0;
  ExpertOrigin origin;
  std::vector<Matrix> gate, up, down;
  std::array<std::vector<const float*>, 3> biases;     // of gate, up, down; each of every expert or none
  std::shared_ptr<const std::vector<bool>> elsewhere;  // experts that another op computes, or null
  Gate kind = Gate::silu;
  ActLayout inLayout, hiddenLayout;
  int64_t offset = 0;  // in the program's scratch
  int maxRows = 0;
  bool wanted = false;

  int experts() const { return int(gate.size()); }
  bool computes(int expert) const { return !elsewhere || !(*elsewhere)[size_t(expert)]; }
  // Experts that are in memory at the same time, and in how many turns the layer is computed so.
  int atOnce() const { return origin.source ? std::min(origin.source->most(), experts()) : experts(); }
  int turns() const { return (experts() + atOnce() - 1) / atOnce(); }
  // Adds the expert's bias of that set to outputs from n0 on.
  void addBias(size_t set, int32_t expert, int64_t n0, int64_t n, float* row) const;
  int64_t hidden() const { return gate.front().n; }
  bool inBytes() const { return gate.front().format->acts == Acts::bytes; }
  bool hiddenBytes() const { return down.front().format->acts == Acts::bytes; }
  int64_t inStride() const { return inBytes() ? inLayout.stride : gate.front().k * 4; }
  int64_t hiddenStride() const { return hiddenBytes() ? hiddenLayout.stride : hidden() * 4; }
  // Floats that many rows take in BF16 lie where the floats would, a row in the first half of its place.
  bool bfloats(const Run& run, const Matrix& m) const {
    return m.format->acts == Acts::bfloats && rows(run) > kFewRows;
  }
  int64_t sharedBytes() const;

  struct Lists {
    int32_t* usedCount;  // experts that any row chose and that are computed here
    int32_t* used;       // [experts] their numbers, rising
    int32_t* order;      // [experts] those of each turn as they are best computed
    int32_t* first;      // [experts + 1] first pair of an expert
    int32_t* rowOfPair;  // [pairs]
    int32_t* pairOf;     // [rows, topK]
    float* weight;       // [pairs]
    std::byte* in;       // [pairs, inStride]
    std::byte* hidden;   // [pairs, hiddenStride]
  };
  Lists lists(const Run& run) const;
  // The experts of a turn: places in `used` and `order`.
  struct Turn {
    int first = 0, count = 0;
  };
  Turn turnOf(const Run& run, int turn) const;
  // Has the experts of a turn held and `order` filled.
  void beginTurn(const Run& run, int turn) const;
  enum class Set : uint8_t { gate, up, down };
  // The expert's matrix; waits for it where it has to be read, and makes it in `room` then. Null where it could not be.
  const Matrix* matrix(Set set, int32_t expert, Matrix& room) const;
  int rows(const Run& run) const { return run.rows(wanted); }
};

struct ExpertSortPhase final : Phase {
  const ExpertLayer* layer = nullptr;
  int chunks(const Run& run) const override { return layer->rows(run) > 0 ? 1 : 0; }
  void run(const Run& run, int chunk, Worker& worker) const override;
};

// Tells where experts come from what the rows chose.
struct ChooseExpertsPhase final : Phase {
  ExpertOrigin origin;
  const int32_t* ids = nullptr;  // [rows, idStride]
  int64_t idStride = 0;
  int topK = 0, maxRows = 0;
  bool wanted = false, guess = false;
  int chunks(const Run& run) const override { return run.rows(wanted) > 0 ? 1 : 0; }
  void run(const Run& run, int chunk, Worker& worker) const override;
  size_t scratchBytes() const override { return size_t(maxRows) * size_t(topK) * sizeof(int32_t); }
};

// The first turn begins with the sorting.
struct ExpertTurnPhase final : Phase {
  const ExpertLayer* layer = nullptr;
  int turn = 0;
  int chunks(const Run& run) const override { return layer->turnOf(run, turn).count > 0 ? 1 : 0; }
  void run(const Run& run, int, Worker&) const override { layer->beginTurn(run, turn); }
};

// Each row, rounded to 8 bits where the gates want it, to the places of its pairs.
struct ExpertInputPhase final : Phase {
  const ExpertLayer* layer = nullptr;
  int chunks(const Run& run) const override { return (layer->rows(run) + 7) / 8; }
  void run(const Run& run, int chunk, Worker& worker) const override;
};

// A node has a share of the rows of every expert: whole experts would leave a node idle where a token chooses others.

// hidden = up x gated by gate x, of every pair of a turn.
struct ExpertGatePhase final : Phase {
  const ExpertLayer* layer = nullptr;
  int turn = 0;
  int chunks(const Run& run) const override { return firstChunk(run, run.shares->nodes()); }
  bool byNode() const override { return true; }
  int firstChunk(const Run& run, int node) const override;
  void run(const Run& run, int chunk, Worker& worker) const override;
  size_t scratchBytes() const override;

 private:
  int64_t outputs(const Run& run) const;  // of a chunk
};

// out = residual + the sum of weight * down hidden over each row's pairs; later turns add to what earlier ones made.
struct ExpertDownPhase final : Phase {
  const ExpertLayer* layer = nullptr;
  int turn = 0;
  int chunks(const Run& run) const override { return firstChunk(run, run.shares->nodes()); }
  bool byNode() const override { return true; }
  int firstChunk(const Run& run, int node) const override;
  void run(const Run& run, int chunk, Worker& worker) const override;
  size_t scratchBytes() const override;

 private:
  int64_t outputs(const Run& run) const;
};

}  // namespace lemma::cpu
