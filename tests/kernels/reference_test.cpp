// The reference backend against numbers worked out by hand: it is the oracle, so it needs one of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/api/backend_list.h"

namespace lemma {
namespace {

class Reference : public testing::Test {
 protected:
  // A view over floats of the test; lives as long as the test.
  TensorView view(std::vector<float>& v, std::initializer_list<int64_t> ne) {
    return contiguous({.bytes = v.size() * 4, .host = reinterpret_cast<std::byte*>(v.data())}, 0, Type::F32, ne);
  }
  void run(const Op& op, const StepData& step) {
    const auto backend = backendEntry("reference")->make({});
    ASSERT_TRUE(backend);
    const auto program = (*backend)->compile({&op, 1}, {.rows = step.rows, .wanted = step.wanted});
    ASSERT_TRUE(program) << program.error().what;
    const CancelFlag cancel(false);
    const auto fence = (*backend)->submit(**program, step, {}, cancel);
    ASSERT_TRUE(fence) << fence.error().what;
    const auto result = (*backend)->wait(*fence, kNoDeadline);
    ASSERT_TRUE(result) << result.error().what;
  }
  static void expectNear(const std::vector<float>& got, const std::vector<float>& want) {
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], want[i], 1e-6 * std::max(1.0f, std::fabs(want[i]))) << i;
  }
};

TEST_F(Reference, matMulIsRowsTimesTransposedWeightPlusBiasPlusResidual) {
  std::vector<float> x{1, 2, 3, -1, 0, 1}, w{1, 0, 0, 1, 1, 1}, bias{10, 20}, out{100, 200, 300, 400};
  const TensorView o = view(out, {2, 2});
  run({.kind = OpKind::matMul, .in = {view(x, {3, 2}), view(w, {3, 2}), view(bias, {2}), o}, .out = {o}}, {.rows = 2});
  expectNear(out, {100 + 10 + 1, 200 + 20 + 6, 300 + 10 - 1, 400 + 20 + 0});
}

TEST_F(Reference, rmsNormDividesByTheRootOfTheMeanSquare) {
  std::vector<float> x{3, 4, 0, 0}, w{1, 2, 1, 1}, out(4);
  run({.kind = OpKind::rmsNorm, .in = {view(x, {4, 1}), view(w, {4})}, .out = {view(out, {4, 1})}}, {.rows = 1});
  expectNear(out, {3 / 2.5f, 2 * 4 / 2.5f, 0, 0});
}

TEST_F(Reference, ropeTurnsPairsByPositionTimesFrequency) {
  const float quarter = 1.5707963f;  // position 1 at this frequency is a quarter turn
  std::vector<float> frequency{quarter, 0};
  const int32_t pos[] = {1};
  std::vector<float> x{1, 2, 3, 4, 5};
  x.resize(6);
  OpParams p{.heads = 1, .headDim = 6, .ropeDims = 4, .ropeStyle = RopeStyle::interleaved};
  run({.kind = OpKind::rope, .in = {view(x, {6, 1}), view(frequency, {2})}, .p = p}, {.rows = 1, .pos = pos});
  expectNear(x, {-2, 1, 3, 4, 5, 0});

  x = {1, 2, 3, 4, 5, 0};
  p.ropeStyle = RopeStyle::halfSplit;
  p.scale = 2;
  run({.kind = OpKind::rope, .in = {view(x, {6, 1}), view(frequency, {2})}, .p = p}, {.rows = 1, .pos = pos});
  expectNear(x, {-6, 4, 2, 8, 5, 0});
}

TEST_F(Reference, attentionWeighsValuesOfItsOwnSequenceUpToItsPosition) {
  // Pools of 2 tokens a page, 1 head of dim 1, 3 pages; the sequence's pages lie in the order 2, 0.
  std::vector<float> k(6, 99), v(6, 99), q{1}, out(1);
  const int32_t table[] = {1, 1, 2, 0}, pos[] = {2}, seq[] = {1};
  const auto slot = [](int page, int within) { return size_t(page * 2 + within); };
  k[slot(2, 0)] = std::log(1.0f), v[slot(2, 0)] = 10;
  k[slot(2, 1)] = std::log(2.0f), v[slot(2, 1)] = 20;
  k[slot(0, 0)] = std::log(5.0f), v[slot(0, 0)] = 40;
  const Op op{.kind = OpKind::attention,
              .in = {view(q, {1, 1}), view(k, {1, 2, 1, 3}), view(v, {1, 2, 1, 3})},
              .out = {view(out, {1, 1})},
              .p = {.scale = 1, .heads = 1, .kvHeads = 1, .headDim = 1, .vDim = 1}};
  run(op, {.rows = 1, .pos = pos, .seqOfRow = seq, .pageTable = table, .pageTableStride = 2});
  expectNear(out, {(1 * 10 + 2 * 20 + 5 * 40) / 8.0f});
}

TEST_F(Reference, aWindowAndASinkChangeWhatTheSoftmaxIsOver) {
  std::vector<float> k{std::log(1.0f), std::log(2.0f), std::log(5.0f), 0}, v{10, 20, 40, 0}, q{1}, out(1);
  std::vector<float> sink{std::log(3.0f)};
  const int32_t table[] = {0}, pos[] = {2}, seq[] = {0};
  Op op{.kind = OpKind::attention,
        .in = {view(q, {1, 1}), view(k, {1, 4, 1, 1}), view(v, {1, 4, 1, 1})},
        .out = {view(out, {1, 1})},
        .p = {.scale = 1, .heads = 1, .kvHeads = 1, .headDim = 1, .vDim = 1, .window = 2}};
  const StepData step{.rows = 1, .pos = pos, .seqOfRow = seq, .pageTable = table, .pageTableStride = 1};
  run(op, step);
  expectNear(out, {(2 * 20 + 5 * 40) / 7.0f});
  op.in[3] = view(sink, {1});
  run(op, step);
  expectNear(out, {(2 * 20 + 5 * 40) / 10.0f});
  op.p.window = 0;
  run(op, step);
  expectNear(out, {(1 * 10 + 2 * 20 + 5 * 40) / 11.0f});
}

TEST_F(Reference, kvWriteFillsTheSlotOfItsPosition) {
  std::vector<float> k(6), v(6), newK{7}, newV{8};
  const int32_t table[] = {2, 0}, pos[] = {3}, seq[] = {0};
  const Op op{.kind = OpKind::kvWrite,
              .in = {view(newK, {1, 1}), view(newV, {1, 1})},
              .out = {view(k, {1, 2, 1, 3}), view(v, {1, 2, 1, 3})},
              .p = {.kvHeads = 1, .headDim = 1, .vDim = 1}};
  run(op, {.rows = 1, .pos = pos, .seqOfRow = seq, .pageTable = table, .pageTableStride = 2});
  expectNear(k, {0, 7, 0, 0, 0, 0});
  expectNear(v, {0, 8, 0, 0, 0, 0});
}

TEST_F(Reference, siluGateTimesUp) {
  std::vector<float> gate{0, 1, -2}, up{5, 2, 3}, out(3);
  run({.kind = OpKind::glu, .in = {view(gate, {3, 1}), view(up, {3, 1})}, .out = {view(out, {3, 1})}}, {.rows = 1});
  expectNear(out, {0, 2 / (1 + std::exp(-1.0f)), -6 / (1 + std::exp(2.0f))});
}

TEST_F(Reference, gatesByTheirFormulas) {
  std::vector<float> gate{1, -2, 9}, up{5, 3, -8}, out(3);
  const auto run = [&](Gate g) {
    this->run({.kind = OpKind::glu,
               .in = {view(gate, {3, 1}), view(up, {3, 1})},
               .out = {view(out, {3, 1})},
               .p = {.gate = g}},
              {.rows = 1});
  };
  run(Gate::geluTanh);  // as torch.nn.functional.gelu(x, approximate="tanh") has it
  expectNear(out, {5 * 0.841191990f, 3 * -0.045402306f, -72});
  run(Gate::clampedSwish);
  expectNear(out, {6 / (1 + std::exp(-1.702f)), -8 / (1 + std::exp(3.404f)), -42 / (1 + std::exp(-11.914f))});
  run(Gate::sigmoid);
  expectNear(out, {5 / (1 + std::exp(-1.0f)), 3 / (1 + std::exp(2.0f)), -8 / (1 + std::exp(-9.0f))});
}

TEST_F(Reference, aTokenOutsideTheTableIsAnError) {
  const auto backend = backendEntry("reference")->make({});
  std::vector<float> table(8), out(4);
  const Op op{.kind = OpKind::embed, .in = {view(table, {4, 2})}, .out = {view(out, {4, 1})}};
  const auto program = (*backend)->compile({&op, 1}, {.rows = 1});
  const CancelFlag cancel(false);
  for (int32_t token : {-1, 2}) {
    const auto fence = (*backend)->submit(**program, {.rows = 1, .tokens = &token}, {}, cancel);
    const auto result = (*backend)->wait(*fence, kNoDeadline);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Err::badValue);
  }
}

}  // namespace
}  // namespace lemma
