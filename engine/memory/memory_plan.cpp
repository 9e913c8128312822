#include "engine/memory/memory_plan.h"

#include <string>

namespace lemma {
namespace {

std::string megabytes(uint64_t bytes) { return std::to_string((bytes + 999'999) / 1'000'000) + " MB"; }

}  // namespace

Result<void> checkFits(const MemoryPlan& plan, int context, uint64_t available) {
  if (available == 0 || plan.own() <= available) return {};
  std::string parts = megabytes(plan.cache) + " of cache for a context of " + std::to_string(context) + " tokens, " +
                      megabytes(plan.buffers) + " to work on";
  if (plan.experts > 0) parts += ", " + megabytes(plan.experts) + " for experts";
  return fail(Err::outOfMemory, "the model takes " + megabytes(plan.own()) + " of memory beside its file (" + parts +
                                    ") and " + megabytes(available) + " are free: " +
                                    megabytes(plan.own() - available) + " are short; a smaller context takes less");
}

}  // namespace lemma
