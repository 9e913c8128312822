// A list of ops as the cpu backend runs it: fused into phases, with the sizes of the memory they need. Made once by
// compileProgram; immutable afterwards apart from the tiles that the leader fills before each run.
#pragma once

#include <span>
#include <vector>

#include "kernels/api/backend.h"
#include "kernels/cpu/expert_phase.h"
#include "kernels/cpu/mla_phase.h"
#include "kernels/cpu/phase.h"

namespace lemma::cpu {

struct CpuProgram final : Program {
  const void* owner = nullptr;  // the backend that made it
  RowBucket bucket;
  std::vector<PhasePtr> phases;
  std::vector<RopeTable> tables;
  std::vector<std::unique_ptr<RowSource>> sources;
  std::vector<std::unique_ptr<ExpertLayer>> experts;
  ExpertSource* source = nullptr;  // of experts that are not in memory
  std::vector<std::unique_ptr<MlaLayer>> mla;
  std::vector<float> absorbed;                    // queries in the latent space, few rows, of one layer at a time
  std::vector<std::unique_ptr<float[]>> decoded;  // norm weights and biases that are not F32 in the file
  std::vector<QueryTile> tiles;                   // room for bucket.rows
  int tiledHeads = 0;                             // kv heads of its attention, the fewest; 0 = none
  size_t sharedBytes = 0, workerBytes = 0;
  std::vector<bool> kept;  // ops whose outputs are not written
  bool writes(size_t op) const override { return !kept[op]; }

  // What a step is checked against before it runs: indices come from outside.
  int64_t vocabulary = -1;  // smallest table embedded from; -1 = none
  bool usesPositions = false, usesPages = false, usesWanted = false;
  int64_t pageTokens = 0, pages = 0;  // smallest
  Result<void> check(const StepData& step) const;
};

// What fuses: a norm into the products that alone read it; products of one input; gate, up and glu; the 8-bit
// rounding of a product's input into whatever makes that input; ropes and kvWrite and other row-wise ops in sequence.
// What is fused this way is not written, unless Op::outlives asks for it.
// `homes` is told of every matrix in memory, where weights are shared among nodes; it outlives the program.
Result<std::unique_ptr<CpuProgram>> compileProgram(std::span<const Op> ops, RowBucket bucket,
                                                   const KernelTable& kernels, WeightHomes* homes = nullptr);

}  // namespace lemma::cpu
