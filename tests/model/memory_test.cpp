// What a model takes of the memory: what is refused, and that a real one takes what was computed before.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "engine/memory/memory_plan.h"
#include "engine/model.h"
#include "engine/model_file/mapped_file.h"
#include "tests/model/tiny_model.h"
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
// Of a file's pages, by mincore.
double bytesInMemory(const std::string& path) {
  const auto file = MappedFile::open(path);
  if (!file) return 0;
  const auto bytes = (*file)->bytes();
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes.size() + page - 1) / page);
  if (mincore(const_cast<std::byte*>(bytes.data()), bytes.size(), pages.data()) != 0) return 0;
  const auto there = std::ranges::count_if(pages, [](unsigned char p) { return (p & 1) != 0; });
  return std::min(double(there) * double(page), double(bytes.size()));
}

struct Taken {
  std::string path;
  int context = 0, batch = 0;
  const char* kvType = "f16";
};

// Every page of the cache filled, passes of most rows and of few: by the kernel's count of pages, what was computed
// when nothing of it had been written, to 2 %.
void expectTakenAsComputed(const Taken& t) {
  SCOPED_TRACE(t.path + ", context " + std::to_string(t.context) + ", cache " + t.kvType);
  const auto loaded =
      Model::load({.path = t.path, .context = t.context, .batch = t.batch, .threads = 2, .kvType = t.kvType});
  ASSERT_TRUE(loaded) << loaded.error().what;
  Model& model = **loaded;
  const MemoryPlan plan = model.memory();
  EXPECT_EQ(model.info().memoryBytes, plan.own());
  const double before = countedOwnBytes();
  const CancelFlag never(false);
  const int vocabulary = model.info().vocabulary;
  const auto pass = [&](SeqId seq, int rows) -> Result<LogitsView> {
    Batch batch;
    const int at = model.length(seq);
    for (int i = 0; i < rows; ++i) batch.add(Token((7 * i + at) % vocabulary), at + i, seq, i + 8 >= rows);
    return model.forward(batch, never);
  };
  // Many sequences fill what one alone may not: the pages that are spare.
  const int longest = std::min(t.batch, t.context - 64);
  for (bool room = true, first = true; room; first = false) {
    const SeqId seq = model.newSequence();
    Result<LogitsView> done = pass(seq, longest);
    for (int rows = longest; !done && rows > 64;) {  // what is left is less than that
      rows = std::max(rows / 2 / 64 * 64, 64);
      done = pass(seq, rows);
      if (done) rows = longest;
    }
    room = done.has_value();
    if (!room) {
      EXPECT_EQ(done.error().code, Err::contextFull) << done.error().what;
    }
    if (!first) continue;
    ASSERT_TRUE(done) << done.error().what;
    for (const int rows : {8, 1, 1}) ASSERT_TRUE(pass(seq, rows));
    ASSERT_TRUE(pass(seq, 64 - model.length(seq) % 64));  // to the end of the page
  }
  const double taken = countedOwnBytes() - before, computed = double(plan.own());
  std::printf("%s, %d tokens of %s: computed %.2f MB (cache %.2f, buffers %.2f), taken %.2f MB: %+.2f %%\n",
              model.info().architecture.c_str(), t.context, t.kvType, computed / 1e6, double(plan.cache) / 1e6,
              double(plan.buffers) / 1e6, taken / 1e6, 100 * (computed / taken - 1));
  EXPECT_LE(std::abs(computed - taken), 0.02 * taken);
  const double inMemory = bytesInMemory(t.path);
  EXPECT_LE(std::abs(double(plan.mapped) - inMemory), 0.02 * inMemory) << "the file";
}

TEST(MemoryPlan, modelsTakeWhatWasComputed) {
  for (const char* architecture : {"llama", "gemma3", "qwen3moe", "gpt-oss"}) {
    TemporaryFile file;
    TinyModel tiny(architecture);
    tiny.whole[std::string(architecture) + ".context_length"] = 16'384;
    ASSERT_TRUE(tiny.writer().write(file.path()));
    for (const int context : {4096, 16'384}) {
      for (const char* kvType : {"f16", "q8_0"}) expectTakenAsComputed({file.path(), context, 2048, kvType});
    }
  }
}

TEST(MemoryPlan, latentAttentionTakesWhatWasComputed) {
  const std::filesystem::path file = goldens() / "models/deepseek_v3/model-f16.gguf";
  LEMMA_NEED_GOLDENS(file);
  for (const int context : {320, 512}) {
    for (const char* kvType : {"f16", "f32"}) expectTakenAsComputed({file.string(), context, 256, kvType});
  }
}

TEST(MemoryPlan, aRealModelTakesWhatWasComputed) {
  LEMMA_NEED_GOLDENS(defaultModel());
  expectTakenAsComputed({defaultModel().string(), 1024, 512, "f16"});
  expectTakenAsComputed({defaultModel().string(), 256, 192, "q8_0"});
}
#endif

}  // namespace
}  // namespace lemma::test
