// Seeded damage to a small model whose matrices are of one type: whatever comes of it, loading and computing end in
// numbers or in one sentence, quickly and without much memory. Test code only.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <random>

#include "engine/model.h"
#include "tests/model/tiny_model.h"
#include "tests/support/random_blocks.h"

namespace lemma::test {

inline std::vector<std::byte> modelOfType(const TypeInfo& type) {
  GgufWriter w;
  w.str("general.architecture", "llama").u32("llama.block_count", 1).u32("llama.context_length", 64);
  w.u32("llama.embedding_length", 256).u32("llama.feed_forward_length", 32).u32("llama.attention.head_count", 2);
  w.u32("llama.attention.head_count_kv", 1).u32("llama.attention.key_length", 32);
  w.u32("llama.attention.value_length", 32).f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  std::mt19937 random(uint32_t(type.type));
  const auto matrix = [&](const std::string& name, const TypeInfo& t, uint64_t in, uint64_t out) {
    std::vector<std::byte> data(*rowBytes(t.type, int64_t(in)) * out);
    randomBlocks(
        t, int64_t(in * out), 0.1f, [&] { return uint32_t(random()); }, data.data());
    w.tensor(name, t.type, {in, out}, std::move(data));
  };
  matrix("token_embd.weight", type, 256, 8);
  w.tensor("output_norm.weight", {256}, std::vector<float>(256, 1.0f));
  for (const char* norm : {"attn_norm", "ffn_norm"}) {
    w.tensor(std::string("blk.0.") + norm + ".weight", {256}, std::vector<float>(256, 1.0f));
  }
  matrix("blk.0.attn_q.weight", type, 256, 64);
  for (const char* name : {"attn_k", "attn_v", "ffn_gate", "ffn_up"}) {
    matrix(std::string("blk.0.") + name + ".weight", type, 256, 32);
  }
  matrix("blk.0.attn_output.weight", *typeInfo(Type::F16), 64, 256);
  matrix("blk.0.ffn_down.weight", *typeInfo(Type::Q8_0), 32, 256);
  return w.bytes();
}

// True where it loads and computes.
inline bool loadsAndComputes(const std::string& path) {
  auto model = Model::load({.path = path, .context = 64, .batch = 16, .threads = 1});
  const auto sentence = [](const Error& e) {
    EXPECT_FALSE(e.what.empty());
    EXPECT_LT(e.what.size(), 1000u);
    for (const unsigned char c : e.what) EXPECT_TRUE(c >= 0x20 && c != 0x7f) << e.what;
    return false;
  };
  if (!model) return sentence(model.error());
  Batch batch;
  const SeqId seq = (*model)->newSequence();
  for (int i = 0; i < 10; ++i) batch.add(Token(i % 8), i, seq, true);
  const CancelFlag go(false);
  const auto logits = (*model)->forward(batch, go);
  return logits ? true : sentence(logits.error());
}

inline void runModelMutants(const TypeInfo& type, int count, uint32_t seed) {
  const std::vector<std::byte> whole = modelOfType(type);
  const TemporaryFile file;
  const auto write = [&](const std::vector<std::byte>& bytes) {
    std::ofstream out(file.path(), std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  };
  write(whole);
  ASSERT_TRUE(loadsAndComputes(file.path()));
  constexpr size_t kHead = 1500;  // metadata and the table of tensors
  std::mt19937 random(seed);
  const auto below = [&](size_t n) { return size_t(random()) % n; };
  int computed = 0;
  for (int i = 0; i < count; ++i) {
    SCOPED_TRACE(i);
    auto mutant = whole;
    for (size_t damages = 1 + below(4); damages-- > 0 && mutant.size() > kHead;) {
      const size_t at = below(2) ? below(kHead) : below(mutant.size());
      switch (below(5)) {
        case 0:
          mutant[at] = std::byte(random());
          break;
        case 1:
          mutant[at] ^= std::byte(1 << below(8));
          break;
        case 2:  // scales that are no numbers, counts that are absurd
          std::fill_n(mutant.begin() + ptrdiff_t(at), std::min<size_t>(mutant.size() - at, 1 + below(8)),
                      std::byte(0xff));
          break;
        case 3:
          mutant.resize(at);
          break;
        default:
          mutant.erase(mutant.begin() + ptrdiff_t(at), mutant.begin() + ptrdiff_t(std::min(mutant.size(), at + 32)));
      }
    }
    write(mutant);
    const auto start = std::chrono::steady_clock::now();
    computed += loadsAndComputes(file.path());
    ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(computed, count / 20);  // damage to weights alone is no reason to refuse
  EXPECT_LT(computed, count);
}

// The largest share of memory that this process ever had, in bytes.
inline uint64_t peakMemory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return uint64_t(usage.ru_maxrss) * 1024;
}

// Of GGUF files.
inline std::vector<std::string> decodedTypes() {
  std::vector<std::string> names;
  for (const TypeInfo& t : typeTable()) {
    if (t.decode && isGgufType(t.type)) names.emplace_back(t.name);
  }
  return names;
}

}  // namespace lemma::test
