// What a model takes of the memory: what is refused, and that a real one takes what was computed before.
#include <gtest/gtest.h>

#include "engine/memory/memory_plan.h"
#include "engine/model.h"
#include "tests/support/default_model.h"
#include "tests/support/goldens.h"
#include "tests/support/process_meter.h"

namespace lemma::test {
namespace {

TEST(MemoryPlan, whatDoesNotFitIsRefusedWithWhatIsShort) {
  const MemoryPlan plan{.mapped = 90'000'000'000, .experts = 0, .cache = 4'000'000'000, .buffers = 500'000'000};
  EXPECT_TRUE(checkFits(plan, 8192, 4'500'000'000)) << "the mapped part may be dropped";
  EXPECT_TRUE(checkFits(plan, 8192, 0)) << "nothing is known";
  const auto refused = checkFits(plan, 8192, 4'100'000'000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Err::outOfMemory);
  for (const char* part :
       {"4500 MB", "4000 MB of cache", "8192 tokens", "500 MB to work on", "4100 MB are free", "400 MB are short"})
    EXPECT_NE(refused.error().what.find(part), std::string::npos) << refused.error().what;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Every page of the cache filled and the largest pass run: by the kernel's count, the cache and no more than 2 % above
// what was computed when nothing had been read or written. What fused passes keep to themselves stays untouched.
TEST(MemoryPlan, aRealModelTakesWhatWasComputed) {
  LEMMA_NEED_GOLDENS(defaultModel());
  const auto model = Model::load({.path = defaultModel().string(), .context = 1024, .threads = 2});
  ASSERT_TRUE(model) << model.error().what;
  const MemoryPlan plan = (*model)->memory();
  const double before = ownBytes();
  const CancelFlag never(false);
  // Many sequences at once fill what one alone may not: the pages that are spare.
  int filled = 0;
  for (bool room = true; room;) {
    const SeqId seq = (*model)->newSequence();
    for (int at = 0; at < 1024; at += 512) {
      Batch batch;
      for (int i = 0; i < 512; ++i) batch.add(Token(100 + i), at + i, seq, false);
      const auto done = (*model)->forward(batch, never);
      if (!done) {
        EXPECT_EQ(done.error().code, Err::contextFull) << done.error().what;
        room = false;
        break;
      }
      filled += 512;
    }
  }
  EXPECT_EQ(filled, 1024 + 512);
  const double taken = ownBytes() - before, computed = double(plan.own());
  std::printf("computed %.1f MB (cache %.1f, buffers %.1f), taken %.1f MB: %+.1f %%\n", computed / 1e6,
              double(plan.cache) / 1e6, double(plan.buffers) / 1e6, taken / 1e6, 100 * (taken / computed - 1));
  EXPECT_LE(taken / computed, 1.02);
  EXPECT_GE(taken, double(plan.cache));
}
#endif

}  // namespace
}  // namespace lemma::test
