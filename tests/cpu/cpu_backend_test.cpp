// What the cpu backend promises beyond right numbers (tests/kernels has those): targets, bitwise independence of
// threads, chunks, neighbours and fusion, no allocation a step, a quick cancel.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "kernels/api/backend_list.h"
#include "kernels/cpu/cpu_features.h"
#include "tests/support/allocation_count.h"
#include "tests/support/llama_shape.h"

namespace lemma::test {
namespace {

std::unique_ptr<Backend> make(const std::string& target, int threads, int promptThreads = 0) {
  auto backend = backendEntry("cpu")->make({.threads = threads, .promptThreads = promptThreads, .target = target});
  if (!backend) throw std::runtime_error(backend.error().what);
  return std::move(*backend);
}

LlamaShape smallShape(Type matrices, Type cache = Type::F16) {
  const bool large = typeInfo(matrices)->block > 64;  // blocks of 256 values
  return {.layers = 2,
          .width = large ? 256 : 192,
          .hidden = large ? 512 : 320,
          .heads = large ? 8 : 6,
          .kvHeads = 2,
          .headDim = 32,
          .vocabulary = 203,
          .matrices = matrices,
          .head = Type::Q8_0,
          .cache = cache,
          .pageTokens = 16,
          .pages = 40};
}

using Bytes = std::vector<float>;

// Logits of every row when `cuts` rows are run one piece after another from an empty cache.
Bytes logitsOf(Backend& backend, const LlamaShape& shape, const std::vector<int>& cuts) {
  int most = 0;
  for (int c : cuts) most = std::max(most, c);
  LlamaOps model(backend, shape, most, most);
  Bytes out;
  int at = 0;
  for (int rows : cuts) {
    if (auto r = model.run(at, rows, rows); !r) throw std::runtime_error(r.error().what);
    at += rows;
    for (int i = 0; i < rows; ++i) out.insert(out.end(), model.logitsOf(i), model.logitsOf(i) + shape.vocabulary);
  }
  return out;
}

void expectSameBits(const Bytes& a, const Bytes& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0);
  for (float x : a) ASSERT_TRUE(std::isfinite(x));
}

std::vector<std::string> targets() {
  std::vector<std::string> out;
  for (std::string_view t : cpuTargets()) out.emplace_back(t);
  return out;
}

TEST(CpuTargets, areWhatTheProcessorHasBestLast) {
  const cpu::CpuFeatures f = cpu::cpuFeatures();
  std::vector<std::string> expected;
  if (f.sse4) expected.push_back("sse4");
  if (f.avx2) expected.push_back("avx2");
  if (f.avxvnni) expected.push_back("avxvnni");
  if (f.avx512) expected.push_back("avx512");
  if (f.bf16 && !f.quickBf16) expected.push_back("bf16");
  if (f.vnni) expected.push_back("vnni");
  if (f.quickBf16) expected.push_back("bf16");
  if (f.asimd) expected.push_back("asimd");
  if (f.neon) expected.push_back("neon");
  EXPECT_EQ(targets(), expected);
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(make("", 1)->info().name, "cpu (" + expected.back() + ")");
  for (const std::string& t : expected) EXPECT_EQ(make(t, 1)->info().name, "cpu (" + t + ")");
}

TEST(CpuTargets, unknownOnesAndOddThreadCountsAreRefused) {
  const BackendEntry& cpu = *backendEntry("cpu");
  EXPECT_EQ(cpu.make({.target = "mmx"}).error().code, Err::unsupported);
  EXPECT_EQ(cpu.make({.threads = -1}).error().code, Err::badValue);
  EXPECT_EQ(cpu.make({.threads = 1 << 20}).error().code, Err::badValue);
  const DeviceInfo info = make("", 1, 3)->info();
  EXPECT_EQ(info.threads, 1);
  EXPECT_EQ(info.promptThreads, 3);
  EXPECT_GT(info.memoryBytes, uint64_t(1) << 20);
}

class EveryTarget : public testing::TestWithParam<std::string> {};

// Class bitwise.
TEST_P(EveryTarget, threadsDoNotChangeABit) {
  for (const TypeInfo& type : typeTable()) {
    if (!standsAlone(type)) continue;
    for (const std::vector<int>& cuts : {std::vector<int>{1, 1, 5, 8}, std::vector<int>{9, 70}}) {
      const LlamaShape shape = smallShape(type.type);
      const auto one = make(GetParam(), 1);
      const Bytes expected = logitsOf(*one, shape, cuts);
      const bool all = type.type == Type::Q4_1;
      for (int threads : all ? std::vector<int>{2, 3, 4} : std::vector<int>{3}) {
        SCOPED_TRACE(testing::Message() << type.name << ' ' << threads << " threads");
        const auto backend = make(GetParam(), threads);
        expectSameBits(logitsOf(*backend, shape, cuts), expected);
      }
    }
  }
}

// Class bitwise: a prompt in other pieces, as long as each stays in its family (up to 8 rows, or more).
TEST_P(EveryTarget, piecesDoNotChangeABit) {
  for (Type cache : {Type::F16, Type::Q8_0, Type::F32}) {
    const LlamaShape shape = smallShape(Type::Q4_1, cache);
    const auto backend = make(GetParam(), 2);
    const Bytes many = logitsOf(*backend, shape, {100});
    expectSameBits(logitsOf(*backend, shape, {64, 36}), many);
    expectSameBits(logitsOf(*backend, shape, {9, 10, 11, 12, 58}), many);
    const Bytes few = logitsOf(*backend, shape, std::vector<int>(100, 1));
    expectSameBits(logitsOf(*backend, shape, {8, 3, 8, 8, 1, 7, 8, 8, 8, 8, 8, 8, 8, 8, 1}), few);
    double difference = 0, size = 0;  // and the families agree up to rounding
    for (size_t i = 0; i < few.size(); ++i) {
      difference += double(few[i] - many[i]) * double(few[i] - many[i]);
      size += double(few[i]) * double(few[i]);
    }
    EXPECT_LT(std::sqrt(difference / size), 0.02);
  }
}

// Class bitwise: a list of ops gives what its ops give one by one, whatever was fused.
TEST_P(EveryTarget, fusionDoesNotChangeABit) {
  for (Type type : {Type::Q4_1, Type::Q4_K, Type::Q6_K, Type::F32}) {
    for (int rows : {1, 6, 33}) {
      const LlamaShape shape = smallShape(type);
      const auto backend = make(GetParam(), 2);
      LlamaOps fused(*backend, shape, rows, rows), single(*backend, shape, rows, rows);
      ASSERT_TRUE(fused.run(0, rows, rows));
      for (const Op& op : single.ops) {
        auto program = backend->compile({&op, 1}, {.rows = rows, .wanted = rows});
        ASSERT_TRUE(program);
        single.program = std::move(*program);
        ASSERT_TRUE(single.run(0, rows, rows));
      }
      const size_t n = size_t(rows) * size_t(shape.vocabulary);
      expectSameBits(Bytes(fused.logitsOf(0), fused.logitsOf(0) + n),
                     Bytes(single.logitsOf(0), single.logitsOf(0) + n));
    }
  }
}

// A fast exponential: right to a millionth for every argument, and the same wherever in a row it stands.
TEST_P(EveryTarget, siluIsExactEnoughEverywhere) {
  const auto backend = make(GetParam(), 1);
  constexpr int kWidth = 1003;
  const auto buf = backend->alloc(kWidth * 4 * 4, Space::host, Usage::activations);
  ASSERT_TRUE(buf);
  const TensorView gate = contiguous(*buf, 0, Type::F32, {kWidth, 1}),
                   up = contiguous(*buf, kWidth * 4, Type::F32, {kWidth, 1});
  const TensorView out = contiguous(*buf, kWidth * 8, Type::F32, {kWidth, 1});
  const Op op{.kind = OpKind::glu, .in = {gate, up}, .out = {out}};
  auto program = backend->compile({&op, 1}, {.rows = 1});
  ASSERT_TRUE(program);
  auto* g = reinterpret_cast<float*>(gate.data());
  auto* u = reinterpret_cast<float*>(up.data());
  const auto* o = reinterpret_cast<const float*>(out.data());
  const CancelFlag go(false);
  for (float base : {-90.0f, -20.0f, -1.0f, 0.0f, 3.0f, 80.0f, 1e30f}) {
    std::vector<float> first;
    for (int shift = 0; shift < 17; ++shift) {
      for (int i = 0; i < kWidth; ++i) g[i] = base * (1 + float((i + 1000 - shift) % 1000) * 1e-3f), u[i] = 1;
      auto fence = backend->submit(**program, {.rows = 1}, {}, go);
      ASSERT_TRUE(fence && backend->wait(*fence, kNoDeadline));
      if (shift == 0) first.assign(o, o + 900);
      for (int i = 0; i < 900; ++i) ASSERT_EQ(o[i + shift], first[size_t(i)]) << base << ' ' << i << ' ' << shift;
      for (int i = 0; i < kWidth; ++i) {
        const double expected = double(g[i]) / (1 + std::exp(-double(g[i])));
        ASSERT_NEAR(o[i], expected, 1e-6 * std::fabs(expected) + 1e-35) << g[i];
      }
    }
  }
}

TEST_P(EveryTarget, aStepAllocatesNothing) {
  const auto backend = make(GetParam(), 2);
  LlamaOps model(*backend, smallShape(Type::Q4_1), 64, 64);
  const auto steps = [&](int at) {
    ASSERT_TRUE(model.run(at, 64, 1));
    for (int i = 64; i < 80; ++i) ASSERT_TRUE(model.run(at + i, 1, 1));
  };
  steps(0);  // the test's own vectors get their size
  const long before = allocations();
  steps(80);
  EXPECT_EQ(allocations() - before, 0);
}

INSTANTIATE_TEST_SUITE_P(All, EveryTarget, testing::ValuesIn(targets()),
                         [](const auto& parameter) { return parameter.param; });

// The default model's shape, a prompt of 512: seconds of work on a slow machine.
TEST(CpuBackend, stopsWithinATenthOfASecond) {
  const auto backend = make("", 2);
  const LlamaShape shape{.layers = 12, .vocabulary = 256, .pages = 9};
  LlamaOps model(*backend, shape, 512, 1);
  ASSERT_TRUE(model.run(0, 16, 1));  // pages of the weights are there
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    CancelFlag cancel(false);
    const auto fence = backend->submit(*model.program, model.step(0, 512, 1), {}, cancel);
    ASSERT_TRUE(fence);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const auto start = std::chrono::steady_clock::now();
    cancel = true;
    const auto result = backend->wait(*fence, kNoDeadline);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    ASSERT_FALSE(result) << "the prompt was over before the cancel";
    EXPECT_EQ(result.error().code, Err::cancelled);
    best = std::min(best, took.count());
  }
  EXPECT_LT(best, 0.1);
  EXPECT_TRUE(model.run(0, 16, 1));
}

TEST(CpuBackend, submitDoesNotWait) {
  const auto backend = make("", 2);
  const LlamaShape shape{.layers = 12, .vocabulary = 256, .pages = 9};
  LlamaOps model(*backend, shape, 512, 1);
  const CancelFlag go(false);
  ASSERT_TRUE(model.run(0, 16, 1));
  const StepData whole = model.step(0, 512, 1);
  const auto start = std::chrono::steady_clock::now();
  const auto fence = backend->submit(*model.program, whole, {}, go);
  const std::chrono::duration<double> submitted = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(fence);
  const auto early = backend->wait(*fence, std::chrono::steady_clock::now());
  ASSERT_FALSE(early) << "512 rows in no time";
  ASSERT_TRUE(backend->wait(*fence, kNoDeadline));
  const std::chrono::duration<double> done = std::chrono::steady_clock::now() - start;
  EXPECT_LT(submitted.count(), done.count() / 4);
}

TEST(CpuBackend, refusesIndicesOutsideTheirTables) {
  const auto backend = make("", 1);
  LlamaOps model(*backend, smallShape(Type::Q4_1), 4, 4);
  const CancelFlag go(false);
  const auto refused = [&](StepData step) {
    const auto fence = backend->submit(*model.program, step, {}, go);
    if (fence && !backend->wait(*fence, kNoDeadline)) return false;
    return !fence && fence.error().code == Err::badValue;
  };
  const int32_t zero[4] = {}, high[4] = {0, 0, 0, 1 << 20}, negative[4] = {0, 0, 0, -1};
  StepData step = model.step(0, 4, 4);
  ASSERT_FALSE(refused(step));
  for (const int32_t* bad : {high, negative}) {
    StepData s = step;
    s.tokens = bad;
    EXPECT_TRUE(refused(s));
    s = step;
    s.pos = bad;
    EXPECT_TRUE(refused(s));
    s = step;
    s.pageTable = bad + 3;
    s.pageTableStride = 1;
    EXPECT_TRUE(refused(s));
    s = step;
    s.wantedRows = bad;
    EXPECT_TRUE(refused(s));
  }
  step.tokens = zero;
  step.rows = -1;
  EXPECT_TRUE(refused(step));
}

// What is queued is dropped and what runs is cut short when the backend ends; nothing waits for it.
TEST(CpuBackend, endsInTheMiddleOfWork) {
  auto backend = make("", 2);
  LlamaOps model(*backend, smallShape(Type::Q4_1), 64, 64);
  const CancelFlag go(false);
  const StepData step = model.step(0, 64, 64);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(backend->submit(*model.program, step, {}, go));
  backend.reset();
}

TEST(CpuBackend, programsBelongToTheirBackend) {
  const auto one = make("", 1), other = make("", 1);
  LlamaOps model(*one, smallShape(Type::Q4_1), 1, 1);
  const CancelFlag go(false);
  EXPECT_FALSE(other->submit(*model.program, model.step(0, 1, 1), {}, go));
}

}  // namespace
}  // namespace lemma::test
