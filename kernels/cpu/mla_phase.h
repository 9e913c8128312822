// Multi-head latent attention on the cpu, in two forms. Up to 8 rows: absorbed, queries are brought into the latent
// space, attend to the shared cache there (an AttentionPhase), and what they collect is brought back. More rows:
// expanded, each head's keys and values are computed from the latents a tile at a time and attended at once, 3.4 times
// fewer operations a query and key. Made by ProgramBuilder; see phase.h.
#pragma once

#include <vector>

#include "kernels/cpu/matrix.h"
#include "kernels/cpu/phase.h"

namespace lemma::cpu {

struct MlaLayer {
  const KernelTable* kernels = nullptr;
  Rows q, out;
  Pool pool;
  int heads = 0, headDim = 0, ropeDims = 0, vDim = 0;
  int64_t latent = 0;
  float scale = 1;
  int mostRows = 0;
  bool keysByLatent = false;
  std::vector<Matrix> keys, values;  // one a head: {nope, latent} or by latent {latent, nope}; {latent, vDim}
  std::vector<TensorView> keyViews, valueViews;
  ActLayout nopeLayout, latentLayout;  // where keys and values take 8-bit rows
  Rows absorbed;                       // [few rows][heads][latent + ropeDims]

  int nope() const { return headDim - ropeDims; }
  // Whole heads are a node's share here. `matrices` is keys or values.
  void bringHome(const std::vector<Matrix>& matrices, const Run& run, int head) const;
};

// absorbed = the query of each head times its key matrix, and the rotated part.
struct MlaAbsorbPhase final : Phase {
  const MlaLayer* layer = nullptr;
  int chunks(const Run& run) const override { return run.step->rows <= kFewRows ? layer->heads : 0; }
  bool byNode() const override { return true; }
  void run(const Run& run, int chunk, Worker& worker) const override;
  size_t scratchBytes() const override;
};

// out = what each head collected times its value matrix.
struct MlaValuePhase final : Phase {
  const MlaLayer* layer = nullptr;
  AttentionPhase* attention = nullptr;  // whose parts are merged
  int chunks(const Run& run) const override { return run.step->rows <= kFewRows ? layer->heads : 0; }
  bool byNode() const override { return true; }
  void run(const Run& run, int chunk, Worker& worker) const override;
  size_t scratchBytes() const override;
};

// All rows of one head.
struct MlaExpandedPhase final : Phase {
  const MlaLayer* layer = nullptr;
  int chunks(const Run& run) const override { return run.step->rows > kFewRows ? layer->heads : 0; }
  bool byNode() const override { return true; }
  void run(const Run& run, int chunk, Worker& worker) const override;
  size_t scratchBytes() const override;
};

}  // namespace lemma::cpu
