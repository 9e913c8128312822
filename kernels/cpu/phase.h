// What a compiled program is made of: phases, each a number of chunks that threads take by an atomic counter (one for
// each NUMA node where they read weights), with a barrier between phases. Phases hold resolved pointers and shapes;
// what changes from step to step is in Run. Made by ProgramBuilder, run by the backend's threads; a phase is never
// changed after compile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/api/op.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/matrix.h"
#include "kernels/cpu/shares.h"
#include "kernels/cpu/weight_home.h"

namespace lemma::cpu {

// Consecutive rows of one sequence, attended together.
struct QueryTile {
  int32_t row = 0, rows = 0;
};

struct Run {
  const StepData* step = nullptr;
  int threads = 1;
  std::byte* shared = nullptr;  // the program's scratch: quantised rows, rope tables, attention parts
  const QueryTile* tiles = nullptr;
  int tileCount = 0;
  const Shares* shares = &kOneShare;
  const CancelFlag* cancel = nullptr;

  int rows(bool wanted) const { return wanted ? step->wanted : step->rows; }
};

// One thread's memory in a run.
struct Worker {
  std::byte* scratch = nullptr;
  size_t untouched = 0;  // bytes of it, where this thread has not written to it yet
  int prepared = -1;     // the phase whose own input this thread has prepared in scratch
};

class Phase {
 public:
  virtual ~Phase() = default;
  virtual int chunks(const Run& run) const = 0;  // 0 = nothing to do in this run, no barrier
  // Whether a chunk reads one node's share of weights. Then the chunks of a node lie together: from firstChunk(node)
  // on to that of the next, chunks() at the end.
  virtual bool byNode() const { return false; }
  virtual int firstChunk(const Run& run, int node) const { return int(run.shares->part(chunks(run), node)); }
  virtual void run(const Run& run, int chunk, Worker& worker) const = 0;
  virtual size_t scratchBytes() const { return 0; }
  int index = 0;  // in its program
};

using PhasePtr = std::unique_ptr<Phase>;

// Before rows of a node's share of a matrix are multiplied.
inline void bringHome(const Matrix& m, const Run& run, int node) {
  if (!m.home) return;
  const auto [begin, end] = run.shares->rows(m.n, node);
  m.home->bring(node, begin, end, *run.cancel);
}

struct Rows {  // F32 activations
  float* data = nullptr;
  int64_t width = 0, stride = 0;  // floats
  float* row(int64_t i) const { return data + i * stride; }
};

struct RowSource {  // of 8-bit or BF16 activations in the program's scratch
  ActLayout layout;
  int64_t offset = 0;
  std::byte* row(const Run& run, int64_t i) const { return run.shared + offset + i * layout.stride; }
};

ActLayout actLayout(int64_t k, Acts acts = Acts::bytes);

struct RopeTable {
  const float* frequency = nullptr;
  int half = 0;
  float scale = 1;
  int64_t offset = 0;  // in the program's scratch: [rows][cosines, sines][half]
  const float* cosine(const Run& run, int64_t row) const {
    return reinterpret_cast<const float*>(run.shared + offset) + row * 2 * half;
  }
  const float* sine(const Run& run, int64_t row) const { return cosine(run, row) + half; }
};

struct Pool {
  std::byte* data = nullptr;
  Type type{};
  CacheType cache{};
  int64_t dim = 0, slot = 0, head = 0, page = 0;  // bytes between neighbours
  int32_t pageTokens = 0;
};

// ---- row by row: ops that touch one row each, run one after another on a few rows at a time
struct RowOp {
  OpKind kind{};
  bool wanted = false;
  Rows in[2], out;
  const float* weight = nullptr;  // rmsNorm
  int64_t weightSize = 0;
  float eps = 0;
  float scale = 1;             // embed
  Gate gate = Gate::silu;      // glu
  int heads = 0, headDim = 0;  // rope, kvWrite
  bool interleaved = false;
  int first = 0;  // rope: first rotated dim of a head
  int table = 0;  // rope
  Pool pools[2];  // kvWrite
  TensorView embedding;
};

struct RowPhase final : Phase {
  const KernelTable* kernels = nullptr;
  const std::vector<RopeTable>* tables = nullptr;
  std::vector<RowOp> ops;  // all on wanted rows or none
  int chunks(const Run& run) const override;
  void run(const Run& run, int chunk, Worker& worker) const override;
};

// Cosines and sines of every row's position, once a step.
struct RopeTablePhase final : Phase {
  const std::vector<RopeTable>* tables = nullptr;
  int chunks(const Run& run) const override;
  void run(const Run& run, int chunk, Worker& worker) const override;
};

// ---- attention
struct AttentionPhase final : Phase {
  const KernelTable* kernels = nullptr;
  Rows q, out;
  Pool k, v;
  int heads = 0, kvHeads = 0, headDim = 0, vDim = 0;
  float scale = 1;
  bool fewOnly = false;              // latent attention: one key for all heads, many rows are attended elsewhere
  bool fewRows = true;               // whether runs may have few rows
  int mostRows = 0;                  // of a tile of many
  int32_t window = 0;                // positions that a row sees, 0 = all
  const float* sinks = nullptr;      // [heads] logits without a value, or null
  int64_t partsOffset = 0;           // few rows: [rows][kMaxParts][heads][vDim + 2] floats
  const RowSource* bytes = nullptr;  // many rows: quantised here instead of written to out

  int chunks(const Run& run) const override;
  void run(const Run& run, int chunk, Worker& worker) const override;
  size_t scratchBytes() const override;

  int group() const { return heads / kvHeads; }
  int32_t firstSeen(int32_t pos) const { return window > 0 && pos >= window ? pos - window + 1 : 0; }
  int partsOf(int32_t pos) const;  // of few rows
  int32_t partBegin(int32_t pos, int part) const;
  int mostParts(const Run& run) const;
  int pieces(const Run& run, int parts) const;  // of the heads of one key, in few rows
  const float* parts(const Run& run, int64_t row) const;
  void mergeHead(const Run& run, int row, int head, float* to) const;
  void mergeRow(const Run& run, int row, float* to) const;
};

struct MergePhase final : Phase {
  const AttentionPhase* attention = nullptr;
  int chunks(const Run& run) const override;
  void run(const Run& run, int chunk, Worker& worker) const override;
};

// ---- products
struct Product {
  Matrix weight;
  Rows out, residual;  // residual.data null = none
  const float* bias = nullptr;
};

// Where a product's input comes from when up to 8 rows are prepared by every thread for itself.
struct Input {
  Rows rows;                    // float input (norm's input where there is a norm)
  const float* norm = nullptr;  // weight of an rmsNorm before
  float eps = 0;
  const AttentionPhase* merge = nullptr;  // parts of attention instead of rows
  bool ready = false;                     // 8-bit rows were written by the phase before
  RowSource bytes;                        // 8-bit rows (many rows, or ready), or BF16 rows (many)
};

// Rounds rows to 8 bits (after a norm where there is one) or to BF16 for products of many rows.
struct QuantizePhase final : Phase {
  const KernelTable* kernels = nullptr;
  const Input* input = nullptr;
  bool wanted = false;
  int chunks(const Run& run) const override;
  void run(const Run& run, int chunk, Worker& worker) const override;
  size_t scratchBytes() const override;
};

struct ProductPhase final : Phase {
  const KernelTable* kernels = nullptr;
  Input input;
  bool wanted = false;
  bool fewRows = true;  // whether runs may have few rows
  int mostRows = 0;
  int64_t k = 0;
  std::vector<Product> products;
  bool gated = false;  // two products: gate(first) * second
  Gate gate = Gate::silu;
  Rows gatedOut;  // null data: only gatedBytes
  const RowSource* gatedBytes = nullptr;
  int chunks(const Run& run) const override { return firstChunk(run, run.shares->nodes()); }
  bool byNode() const override { return true; }
  int firstChunk(const Run& run, int node) const override;
  void run(const Run& run, int chunk, Worker& worker) const override;
  size_t scratchBytes() const override;

 private:
  struct Scratch;
  struct Piece {
    int product = 0, node = 0;
    int64_t n0 = 0, n = 0;  // outputs
    int row0 = 0, rows = 0;
  };
  struct Cut {
    int64_t outputs = 0;  // of a chunk
    int rows = 0;         // of a chunk
    int64_t rowBlocks = 1;
  };
  int64_t manyOutputs() const;
  Scratch scratch(Worker& worker) const;
  Cut cut(const Run& run) const;
  size_t cutProducts() const { return gated ? 1 : products.size(); }
  Piece piece(const Run& run, int chunk) const;
  Acts acts() const { return products.front().weight.format->acts; }
  void prepare(const Run& run, Worker& worker) const;
  void few(const Run& run, const Piece& piece, Worker& worker) const;
  void many(const Run& run, const Piece& piece, Worker& worker) const;
  void finish(const Run& run, const Piece& piece, int row, int rows, const float* first, const float* second,
              int64_t ld) const;
};

// Bytes of a worker's memory that attention of so many queries needs, in floats and in 16-bit words.
int64_t floatsScratch(int64_t queries, int64_t headDim, int64_t vDim);
int64_t wordsScratch(int64_t queries, int64_t headDim, int64_t vDim);

constexpr int kMaxParts = 8;
constexpr int kQueryTile = 128, kMinQueryTile = 32;  // most rows of a QueryTile, and the least of that

}  // namespace lemma::cpu
