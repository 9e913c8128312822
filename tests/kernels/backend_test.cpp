// Every backend of this build, each instruction set by itself, over the one list of cases, against the reference.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "kernels/api/backend_list.h"
#include "kernels/api/op_check.h"
#include "tests/kernels/op_cases.h"

namespace lemma::test {
namespace {

struct Target {
  std::string backend, instructions;
  friend std::ostream& operator<<(std::ostream& out, const Target& t) {
    return out << t.backend << (t.instructions.empty() ? "" : "_") << t.instructions;
  }
};

std::vector<Target> targets() {
  std::vector<Target> out;
  for (const BackendEntry& entry : backendList()) {
    if (entry.name != "cpu") {
      out.push_back({std::string(entry.name), ""});
      continue;
    }
    for (std::string_view t : cpuTargets()) out.push_back({std::string(entry.name), std::string(t)});
  }
  return out;
}

std::unique_ptr<Backend> make(const Target& target) {
  auto backend = backendEntry(target.backend)->make({.threads = 2, .target = target.instructions});
  if (!backend) throw std::runtime_error(backend.error().what);
  return std::move(*backend);
}

const std::vector<OpCase>& cases() {
  static const std::vector<OpCase> all = opCases([](const OpCase&) { return true; });
  return all;
}

// A view of the right shape over no memory, to ask supports().
Op shapeOf(const OpCase& c) {
  Op op{.kind = c.kind, .p = c.params};
  for (size_t i = 0; i < 4; ++i) {
    if (c.in[i] >= 0) op.in[i] = c.tensors[size_t(c.in[i])].shape;
  }
  for (size_t i = 0; i < 2; ++i) {
    if (c.out[i] >= 0) op.out[i] = c.tensors[size_t(c.out[i])].shape;
  }
  for (size_t i = 0; i < 3; ++i) {
    if (c.experts[i] < 0) continue;
    op.experts[i] = expertsOf(c.tensors[size_t(c.experts[i])].shape,
                              c.biases[i] < 0 ? TensorView{} : c.tensors[size_t(c.biases[i])].shape);
  }
  return op;
}

class EveryBackend : public testing::TestWithParam<Target> {};

TEST_P(EveryBackend, computesWhatTheReferenceDoes) {
  const auto reference = make({"reference", ""});
  const auto backend = make(GetParam());
  int refused = 0;
  for (const OpCase& c : cases()) {
    SCOPED_TRACE(c.name);
    if (backend->supports(shapeOf(c)) == Support::no) {
      ++refused;
      continue;
    }
    const auto expected = runOn(*reference, c);
    ASSERT_TRUE(expected) << expected.error().what;
    const auto got = runOn(*backend, c);
    ASSERT_TRUE(got) << got.error().what;
    const bool bfloats = c.bfloats && GetParam().instructions == "bf16";
    EXPECT_LE(relativeError(*got, *expected), bfloats ? kBfloat : c.tolerance);
  }
  RecordProperty("cases", int(cases().size()));
  RecordProperty("refused", refused);
  EXPECT_EQ(refused, 0) << "ops that this backend does not do; the planner would place them elsewhere";
}

// Class bitwise: up to 8 rows are one family of kernels, more are another; within a family a row's result does not
// depend on the rows beside it.
TEST_P(EveryBackend, rowsDoNotDependOnTheirNeighbours) {
  const auto backend = make(GetParam());
  int compared = 0;
  for (const OpCase& c : cases()) {
    if (c.kind == OpKind::kvWrite || c.kind == OpKind::selectRows || c.runRows() < 2) continue;
    if (backend->supports(shapeOf(c)) == Support::no) continue;
    SCOPED_TRACE(c.name);
    const bool few = c.runRows() <= 8;
    const int cut = few ? 1 : 9;
    if (!few && c.runRows() - cut < 9) continue;
    const auto whole = runOn(*backend, c);
    const auto head = runOn(*backend, rowsOfCase(c, 0, cut));
    const auto tail = runOn(*backend, rowsOfCase(c, cut, c.runRows() - cut));
    ASSERT_TRUE(whole && head && tail);
    std::vector<float> parts = *head;
    parts.insert(parts.end(), tail->begin(), tail->end());
    ASSERT_EQ(parts.size(), whole->size());
    EXPECT_EQ(std::memcmp(parts.data(), whole->data(), parts.size() * sizeof(float)), 0);
    ++compared;
  }
  EXPECT_GT(compared, 50);
}

// Class bitwise: one byte a weight row, all 256 of them, zeros beside it.
TEST_P(EveryBackend, everyEightBitFloatHasItsValue) {
  const auto backend = make(GetParam());
  const TypeInfo& type = *typeInfo(Type::F8_E4M3);
  // The byte lies in whole vectors and behind them; of 512 and more a target may have other kernels.
  for (const auto& [width, rows] : {std::pair(41, 1), std::pair(41, 9), std::pair(521, 9)}) {
    OpCase c{.kind = OpKind::matMul, .rows = rows};
    const auto add = [&](Type t, int64_t k, int64_t count) {
      c.tensors.push_back({.shape = contiguous({}, 0, t, {k, count}), .perRow = t == Type::F32});
      c.tensors.back().bytes.resize(size_t(*rowBytes(t, k) * uint64_t(count)));
      return int(c.tensors.size()) - 1;
    };
    c.in[0] = add(Type::F32, width, rows);
    c.in[1] = add(Type::F8_E4M3, width, 256);
    c.results = {c.out[0] = add(Type::F32, 256, rows)};
    c.tensors[1].weight = true;
    std::vector<float> expected;
    for (int i = 0; i < 256; ++i) {
      const auto byte = std::byte(i);
      c.tensors[1].bytes[size_t(i * width + i % width)] = byte;
      type.decode(&byte, &expected.emplace_back(), 1);
    }
    const std::vector<float> ones(size_t(rows * width), 1.0f);
    std::memcpy(c.tensors[0].bytes.data(), ones.data(), ones.size() * sizeof(float));
    const auto got = runOn(*backend, c);
    ASSERT_TRUE(got) << got.error().what;
    for (size_t i = 0; i < got->size(); ++i) {
      const float value = (*got)[i], right = expected[i % 256];
      EXPECT_TRUE(value == right || (std::isnan(value) && std::isnan(right)))
          << "byte " << i % 256 << ": " << value << " instead of " << right;
    }
  }
}

// A broken model's NaN must not be lost among weights and roundings, or its text would look like an answer.
TEST_P(EveryBackend, attentionKeepsWhatIsNotANumber) {
  const auto backend = make(GetParam());
  const auto chosen = [](const OpCase& c) {
    return c.kind == OpKind::attention && c.name.find("heads=9") != std::string::npos;
  };
  for (const OpCase& whole : opCases(chosen)) {
    if (!chosen(whole)) continue;
    for (const size_t input : {0, 1, 2}) {
      OpCase c = whole;
      CaseTensor& t = c.tensors[size_t(c.in[input])];
      SCOPED_TRACE(c.name + " input " + std::to_string(input));
      const bool rows = input == 0;  // the first value, or every value of the pool's pages
      const size_t step = size_t(*rowBytes(t.shape.type, t.shape.ne[0]));
      for (size_t at = 0; at < (rows ? 1 : t.bytes.size()); at += step) {
        const uint32_t bits = 0x7fc00000;
        const uint16_t half = 0x7e00;  // of a block of Q8_0, its scale
        if (t.shape.type == Type::F32) {
          std::memcpy(t.bytes.data() + at, &bits, sizeof bits);
        } else if (t.shape.type == Type::F8_E4M3) {
          t.bytes[at] = std::byte{0x7f};
        } else {
          std::memcpy(t.bytes.data() + at, &half, sizeof half);
        }
      }
      const auto got = runOn(*backend, c);
      ASSERT_TRUE(got) << got.error().what;
      EXPECT_TRUE(std::isnan(got->front()));
      EXPECT_TRUE(!rows || std::isfinite(got->back()));  // another head
    }
  }
}

TEST_P(EveryBackend, aSetFlagCancels) {
  const auto backend = make(GetParam());
  for (const OpCase& c : opCases([](const OpCase&) { return false; })) {
    if (c.kind != OpKind::matMul && c.kind != OpKind::attention) continue;
    const auto result = runOn(*backend, c, CancelFlag(true));
    ASSERT_FALSE(result) << c.name;
    EXPECT_EQ(result.error().code, Err::cancelled) << c.name;
  }
}

// A program of minutes is cut within the time that a person waits for a stop.
TEST_P(EveryBackend, cancelCutsALongProgram) {
  const auto backend = make(GetParam());
  constexpr int64_t kWidth = 2048;
  constexpr int kRows = 64;
  const auto weights = backend->alloc(kWidth * kWidth * 4, Space::host, Usage::weights);
  const auto rows = backend->alloc(kWidth * kRows * 4 * 2, Space::host, Usage::activations);
  ASSERT_TRUE(weights && rows);
  const auto w = backend->prepare(contiguous(*weights, 0, Type::F32, {kWidth, kWidth}));
  ASSERT_TRUE(w);
  const TensorView a = contiguous(*rows, 0, Type::F32, {kWidth, kRows});
  const TensorView b = contiguous(*rows, kWidth * kRows * 4, Type::F32, {kWidth, kRows});
  const std::vector<Op> ops(20'000, Op{.kind = OpKind::matMul, .in = {a, *w}, .out = {b}});
  const auto program = backend->compile(ops, {.rows = kRows});
  ASSERT_TRUE(program) << program.error().what;
  const StepData step{.rows = kRows};
  CancelFlag cancel(false);
  const auto fence = backend->submit(**program, step, {}, cancel);
  ASSERT_TRUE(fence);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto before = std::chrono::steady_clock::now();
  cancel = true;
  const auto result = backend->wait(*fence, kNoDeadline);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Err::cancelled);
  EXPECT_LT(took.count(), 1.0);
  // The backend goes on working after a cancel.
  const auto after = runOn(*backend, opCases([](const OpCase& c) { return c.kind == OpKind::embed; }).front());
  EXPECT_TRUE(after);
}

TEST_P(EveryBackend, refusesOpsThatDoNotFit) {
  const auto backend = make(GetParam());
  const auto buf = backend->alloc(1 << 20, Space::host, Usage::activations);
  ASSERT_TRUE(buf);
  const auto view = [&](std::initializer_list<int64_t> ne, Type type = Type::F32) {
    return contiguous(*buf, 0, type, ne);
  };
  const std::pair<const char*, Op> wrong[] = {
      {"inner size", {.kind = OpKind::matMul, .in = {view({32, 4}), view({64, 16})}, .out = {view({16, 4})}}},
      {"output size", {.kind = OpKind::matMul, .in = {view({64, 4}), view({64, 16})}, .out = {view({17, 4})}}},
      {"no weight", {.kind = OpKind::matMul, .in = {view({64, 4})}, .out = {view({16, 4})}}},
      {"integer weight",
       {.kind = OpKind::matMul, .in = {view({64, 4}), view({64, 16}, Type::I8)}, .out = {view({16, 4})}}},
      {"short norm", {.kind = OpKind::rmsNorm, .in = {view({64, 4}), view({32})}, .out = {view({64, 4})}}},
      {"odd rope",
       {.kind = OpKind::rope, .in = {view({64, 4}), view({3})}, .p = {.heads = 1, .headDim = 64, .ropeDims = 7}}},
      {"long rope",
       {.kind = OpKind::rope, .in = {view({64, 4}), view({64})}, .p = {.heads = 1, .headDim = 64, .ropeDims = 128}}},
      {"no heads",
       {.kind = OpKind::attention,
        .in = {view({64, 4}), view({64, 16, 1, 2}), view({64, 16, 1, 2})},
        .out = {view({64, 4})},
        .p = {.heads = 0, .kvHeads = 0, .headDim = 64, .vDim = 64}}},
      {"heads that do not share",
       {.kind = OpKind::attention,
        .in = {view({192, 4}), view({64, 16, 2, 2}), view({64, 16, 2, 2})},
        .out = {view({192, 4})},
        .p = {.heads = 3, .kvHeads = 2, .headDim = 64, .vDim = 64}}},
      {"a window below zero",
       {.kind = OpKind::attention,
        .in = {view({64, 4}), view({64, 16, 1, 2}), view({64, 16, 1, 2})},
        .out = {view({64, 4})},
        .p = {.heads = 1, .kvHeads = 1, .headDim = 64, .vDim = 64, .window = -1}}},
      {"a sink too many",
       {.kind = OpKind::attention,
        .in = {view({64, 4}), view({64, 16, 1, 2}), view({64, 16, 1, 2}), view({2})},
        .out = {view({64, 4})},
        .p = {.heads = 1, .kvHeads = 1, .headDim = 64, .vDim = 64}}},
      {"gates of another width", {.kind = OpKind::glu, .in = {view({2, 4}), view({64, 4})}, .out = {view({64, 4})}}},
  };
  for (const auto& [what, op] : wrong) {
    EXPECT_EQ(backend->supports(op), Support::no) << what;
    const auto program = backend->compile({&op, 1}, {.rows = 4});
    ASSERT_FALSE(program) << what;
    EXPECT_EQ(program.error().code, Err::badValue) << what;
    EXPECT_NE(program.error().what.find(std::string(name(op.kind))), std::string::npos) << program.error().what;
  }
}

TEST_P(EveryBackend, refusesMoreRowsThanCompiledFor) {
  const auto backend = make(GetParam());
  const auto buf = backend->alloc(4096, Space::host, Usage::activations);
  ASSERT_TRUE(buf);
  const TensorView v = contiguous(*buf, 0, Type::F32, {16, 4});
  const Op op{.kind = OpKind::add, .in = {v, v}, .out = {v}};
  const auto program = backend->compile({&op, 1}, {.rows = 4});
  ASSERT_TRUE(program);
  const CancelFlag cancel(false);
  const auto fence = backend->submit(**program, {.rows = 5}, {}, cancel);
  ASSERT_FALSE(fence);
  EXPECT_EQ(fence.error().code, Err::badValue);
}

TEST_P(EveryBackend, memoryIsZeroAndAligned) {
  const auto backend = make(GetParam());
  for (uint64_t bytes : {1ull, 64ull, 12345ull, 3ull << 20}) {
    const auto buf = backend->alloc(bytes, Space::host, Usage::kvCache);
    ASSERT_TRUE(buf);
    ASSERT_GE(buf->bytes, bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buf->host) % 64, 0u);
    for (uint64_t i = 0; i < bytes; ++i) ASSERT_EQ(buf->host[i], std::byte{0});
    std::memset(buf->host, 0xff, bytes);
    backend->release(*buf);
  }
  EXPECT_FALSE(backend->alloc(uint64_t(1) << 62, Space::host, Usage::kvCache));
}

INSTANTIATE_TEST_SUITE_P(All, EveryBackend, testing::ValuesIn(targets()), testing::PrintToStringParamName());

TEST(BackendList, knowsItsNames) {
  EXPECT_NE(backendEntry("reference"), nullptr);
  EXPECT_EQ(backendEntry("none"), nullptr);
}

}  // namespace
}  // namespace lemma::test
