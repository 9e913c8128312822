#include <string>

#include "kernels/cpu/program.h"

namespace lemma::cpu {
namespace {

tl::unexpected<Error> outside(const char* what, int64_t value) {
  return fail(Err::badValue, "step: " + std::string(what) + " " + std::to_string(value) + " is outside its table");
}

}  // namespace

Result<void> CpuProgram::check(const StepData& step) const {
  if (step.rows < 0 || step.wanted < 0 || step.rows > bucket.rows || step.wanted > bucket.wanted) {
    return fail(Err::badValue, "a step has more rows than its program was compiled for");
  }
  if (step.rows < bucket.fewest) {
    return fail(Err::badValue, "a step has fewer rows than its program was compiled for");
  }
  for (int r = 0; r < step.rows; ++r) {
    if (vocabulary >= 0 && (step.tokens[r] < 0 || step.tokens[r] >= vocabulary))
      return outside("token", step.tokens[r]);
    if (usesPositions && step.pos[r] < 0) return outside("position", step.pos[r]);
    if (!usesPages) continue;
    if (step.pos[r] / pageTokens >= step.pageTableStride) return outside("position", step.pos[r]);
    const int32_t* table = step.pageTable + int64_t(step.seqOfRow[r]) * step.pageTableStride;
    const int64_t last = step.pos[r] / pageTokens;
    // Earlier pages are those of earlier rows where rows of a sequence follow each other.
    const bool follows = r > 0 && step.seqOfRow[r] == step.seqOfRow[r - 1] && step.pos[r] == step.pos[r - 1] + 1;
    for (int64_t i = follows ? last : 0; i <= last; ++i) {
      if (table[i] < 0 || table[i] >= pages) return outside("page", table[i]);
    }
  }
  for (int w = 0; usesWanted && w < step.wanted; ++w) {
    if (step.wantedRows[w] < 0 || step.wantedRows[w] >= step.rows) return outside("row", step.wantedRows[w]);
  }
  return {};
}

}  // namespace lemma::cpu
