// A machine of several NUMA nodes, made up on whatever runs this: every case gives the bits of one node, and no work is
// done twice or left out.
#include <gtest/gtest.h>

#include <cstring>

#include "kernels/cpu/cpu_backend.h"
#include "tests/kernels/op_cases.h"
#include "tests/support/llama_shape.h"

namespace lemma::test {
namespace {

cpu::Topology nodesOf(int count) {
  cpu::Topology t;
  for (int n = 0; n < count; ++n) t.nodes.push_back({.memory = n, .cores = 1, .processors = {n % 2}});
  return t;
}

std::unique_ptr<Backend> makeOn(int nodes, BackendOptions options) {
  auto backend = makeCpuBackend(options, nodesOf(nodes));
  if (!backend) throw std::runtime_error(backend.error().what);
  return std::move(*backend);
}

class Nodes : public testing::TestWithParam<int> {};

// Class bitwise. Products of 1 to 33 rows in all formats, experts, latent attention and everything around them.
TEST_P(Nodes, doNotChangeABit) {
  const auto one = makeOn(1, {.threads = 2});
  const auto several = makeOn(GetParam(), {.threads = GetParam(), .promptThreads = GetParam() + 1});
  int compared = 0;
  for (const OpCase& c : opCases([](const OpCase&) { return true; })) {
    SCOPED_TRACE(c.name);
    const auto expected = runOn(*one, c), got = runOn(*several, c);
    ASSERT_TRUE(expected && got);
    ASSERT_EQ(got->size(), expected->size());
    ASSERT_EQ(std::memcmp(got->data(), expected->data(), got->size() * sizeof(float)), 0);
    ++compared;
  }
  EXPECT_GT(compared, 500);
}

// The same model token by token, eight rows at a time and a prompt of 40, over one cache.
TEST_P(Nodes, doNotChangeAModel) {
  const LlamaShape shape{.layers = 2,
                         .width = 192,
                         .hidden = 1600,
                         .heads = 6,
                         .kvHeads = 2,
                         .headDim = 32,
                         .vocabulary = 4100,
                         .pageTokens = 16,
                         .pages = 40};
  const auto logits = [&](Backend& backend) {
    LlamaOps model(backend, shape, 40, 40);
    std::vector<float> out;
    int at = 0;
    for (const int rows : {1, 8, 40, 1, 3}) {
      EXPECT_TRUE(model.run(at, rows, rows));
      at += rows;
      out.insert(out.end(), model.logitsOf(0), model.logitsOf(0) + size_t(rows) * size_t(shape.vocabulary));
    }
    return out;
  };
  const std::vector<float> expected = logits(*makeOn(1, {.threads = 1}));
  for (const int threads : {2, 3, 5}) {
    for (const int promptThreads : {1, 4}) {
      const auto backend = makeOn(GetParam(), {.threads = threads, .promptThreads = promptThreads});
      const std::vector<float> got = logits(*backend);
      ASSERT_EQ(got.size(), expected.size());
      EXPECT_EQ(std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)), 0)
          << threads << " and " << promptThreads << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Two, Nodes, testing::Values(2));
INSTANTIATE_TEST_SUITE_P(Three, Nodes, testing::Values(3));

}  // namespace
}  // namespace lemma::test
