// Work divided among nodes: each chunk once, a thread's own node first, and the same rows of a weight always at one
// node.
#include "kernels/cpu/runner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>

#include "kernels/cpu/program.h"
#include "kernels/cpu/targets.h"
#include "kernels/cpu/thread_team.h"

namespace lemma::cpu {
namespace {

struct Counted final : Phase {
  Counted(std::vector<int> chunksOfNodes, bool nodes) : of(std::move(chunksOfNodes)), hasNodes(nodes) {
    for (const int n : of) total += n;
    visits = std::vector<std::atomic<int>>(size_t(total));
  }
  int chunks(const Run&) const override { return total; }
  bool byNode() const override { return hasNodes; }
  int firstChunk(const Run&, int node) const override {
    int first = 0;
    for (int n = 0; n < node; ++n) first += of[size_t(n)];
    return first;
  }
  void run(const Run&, int chunk, Worker&) const override {
    visits[size_t(chunk)].fetch_add(1);
    order.push_back(chunk);  // read where one thread runs
    if (cancelAt == chunk) cancel->store(true);
  }
  std::vector<int> of;
  bool hasNodes;
  int total = 0;
  mutable std::vector<std::atomic<int>> visits;
  struct Order {  // a vector that many threads may push to
    std::mutex mutex;
    std::vector<int> chunks;
    void push_back(int c) {
      const std::lock_guard lock(mutex);
      chunks.push_back(c);
    }
  };
  mutable Order order;
  int cancelAt = -1;
  CancelFlag* cancel = nullptr;
};

std::vector<PhasePtr> phasesOf(const std::vector<std::vector<int>>& chunks) {
  std::vector<PhasePtr> phases;
  for (const auto& of : chunks) phases.push_back(std::make_unique<Counted>(of, phases.size() % 3 != 2));
  return phases;
}

TEST(Runner, doesEachChunkOnceWhateverTheNodes) {
  for (const int nodes : {1, 2, 3}) {
    for (const int threads : {1, 2, 3, 5}) {
      const std::vector<int> equal(size_t(nodes), 1);
      const Shares shares{equal};
      std::vector<std::vector<int>> chunks;
      std::mt19937 random(7);
      for (int i = 0; i < 12; ++i) {
        std::vector<int>& of = chunks.emplace_back();
        for (int n = 0; n < nodes; ++n) of.push_back(int(random() % 4 == 0 ? 0 : random() % 90));
      }
      const std::vector<PhasePtr> phases = phasesOf(chunks);
      ThreadTeam team(threads);
      std::vector<Worker> workers(static_cast<size_t>(threads));
      std::vector<ChunkCounter> counters(static_cast<size_t>(nodes));
      std::vector<int> nodeOfThread;
      for (int i = 0; i < threads; ++i) nodeOfThread.push_back((i + 1) % nodes);
      cpu::Run run{.threads = threads};
      run.shares = &shares;
      WorkCount work;
      const CancelFlag go(false);
      for (int round = 1; round <= 3; ++round) {
        Runner runner(phases, run, go, go, workers, counters, nodeOfThread, &work);
        team.run(threads, Runner::work, &runner);
        EXPECT_FALSE(runner.cancelled());
        uint64_t all = 0;
        for (const PhasePtr& p : phases) {
          const auto& phase = static_cast<const Counted&>(*p);
          for (const auto& v : phase.visits) ASSERT_EQ(v, round) << nodes << " nodes, " << threads << " threads";
          all += phase.visits.size();
        }
        EXPECT_EQ(work.total(), all * uint64_t(round));
        for (const ChunkCounter& c : counters) EXPECT_EQ(c.next, 0);
      }
    }
  }
}

TEST(Runner, aThreadBeginsAtItsOwnNode) {
  const std::vector<int> equal(3, 1);
  const Shares shares{equal};
  for (const auto& [nodes, expected] : {std::pair(true, std::vector<int>{2, 3, 4, 5, 6, 0, 1}),
                                        std::pair(false, std::vector<int>{0, 1, 2, 3, 4, 5, 6})}) {
    std::vector<PhasePtr> phases;
    phases.push_back(std::make_unique<Counted>(std::vector<int>{2, 4, 1}, nodes));
    std::vector<Worker> workers(1);
    std::vector<ChunkCounter> counters(3);
    cpu::Run run;
    run.shares = &shares;
    const CancelFlag go(false);
    const std::vector<int> nodeOfThread{1};
    Runner runner(phases, run, go, go, workers, counters, nodeOfThread, nullptr);
    Runner::work(&runner, 0);
    EXPECT_EQ(static_cast<Counted&>(*phases[0]).order.chunks, expected);
  }
}

TEST(Runner, aCancelEndsTheWorkOfAllNodes) {
  const std::vector<int> equal(2, 1);
  const Shares shares{equal};
  CancelFlag cancel(false);
  const CancelFlag go(false);
  std::vector<PhasePtr> phases;
  phases.push_back(std::make_unique<Counted>(std::vector<int>{10, 10}, true));
  phases.push_back(std::make_unique<Counted>(std::vector<int>{10, 10}, true));
  auto& first = static_cast<Counted&>(*phases[0]);
  first.cancelAt = 3;
  first.cancel = &cancel;
  std::vector<Worker> workers(1);
  std::vector<ChunkCounter> counters(2);
  cpu::Run run;
  run.shares = &shares;
  const std::vector<int> nodeOfThread{0};
  Runner runner(phases, run, cancel, go, workers, counters, nodeOfThread, nullptr);
  Runner::work(&runner, 0);
  EXPECT_TRUE(runner.cancelled());
  EXPECT_EQ(first.order.chunks, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_TRUE(static_cast<Counted&>(*phases[1]).order.chunks.empty());
  for (const ChunkCounter& c : counters) EXPECT_EQ(c.next, 0);
}

TEST(Shares, coverAllRowsInWholePanels) {
  for (const std::vector<int>& threads : std::vector<std::vector<int>>{{1}, {1, 1}, {3, 1}, {2, 2, 1}, {1, 5, 2, 7}}) {
    const Shares s(threads);
    ASSERT_EQ(s.nodes(), int(threads.size()));
    int all = 0, before = 0;
    for (const int t : threads) all += t;
    for (const int64_t rows : {1, 31, 32, 33, 96, 203, 576, 4096, 129280}) {
      EXPECT_EQ(s.first(rows, 0), 0);
      EXPECT_EQ(s.first(rows, s.nodes()), rows);
      before = 0;
      for (int n = 0; n < s.nodes(); ++n) {
        const int64_t first = s.first(rows, n);
        EXPECT_LE(first, s.first(rows, n + 1));
        EXPECT_EQ(first % kPanel, 0);
        EXPECT_NEAR(double(first), double(rows) * before / all, kPanel);
        before += threads[size_t(n)];
      }
      for (int64_t at = 0; at < std::min<int64_t>(rows, 300); ++at) {
        const int n = s.nodeOfPart(rows, at);
        EXPECT_TRUE(s.part(rows, n) <= at && at < s.part(rows, n + 1)) << rows << ' ' << at;
      }
    }
  }
}

// A program of one op or of fused ones over memory of its own, run piece by piece by this thread.
class Pieces {
 public:
  Pieces(std::vector<Op> ops, int rows, const Shares& shares) : rows_(rows) {
    auto program = compileProgram(ops, {.rows = rows}, *runnableTargets().back().kernels);
    if (!program) throw std::runtime_error(program.error().what);
    program_ = std::move(*program);
    shared_.resize(program_->sharedBytes + 128);
    scratch_.resize(program_->workerBytes + 128);
    run_ = {.step = &step_, .threads = 2, .shared = aligned(shared_)};
    run_.shares = &shares;
    run_.cancel = &go_;
    step_.rows = rows;
    worker_.scratch = aligned(scratch_);
  }
  // All phases, but of the last only the chunks of one node.
  void run(int node) {
    for (const PhasePtr& p : program_->phases) {
      const bool last = p == program_->phases.back();
      const int first = last ? p->firstChunk(run_, node) : 0;
      const int end = last ? p->firstChunk(run_, node + 1) : p->chunks(run_);
      EXPECT_EQ(p->firstChunk(run_, run_.shares->nodes()), p->chunks(run_));
      for (int c = first; c < end; ++c) p->run(run_, c, worker_);
    }
  }

 private:
  static std::byte* aligned(std::vector<std::byte>& v) {
    return v.data() + (64 - reinterpret_cast<uintptr_t>(v.data()) % 64) % 64;
  }
  int rows_;
  std::unique_ptr<CpuProgram> program_;
  std::vector<std::byte> shared_, scratch_;
  const CancelFlag go_{false};
  StepData step_;
  Run run_;
  Worker worker_;
};

class Tensors {
 public:
  TensorView floats(int64_t width, int64_t rows, float value) {
    auto& v = kept_.emplace_back(std::make_unique<std::vector<float>>(size_t(width * rows), value));
    return contiguous({.bytes = v->size() * 4, .host = reinterpret_cast<std::byte*>(v->data())}, 0, Type::F32,
                      {width, rows});
  }
  TensorView weight(int64_t k, int64_t n) {
    const TypeInfo& type = *typeInfo(Type::Q8_0);
    std::vector<float> values(static_cast<size_t>(k * n));
    for (float& x : values) x = float(int(random_() % 200) - 100) * 0.01f;
    auto& v = bytes_.emplace_back(std::make_unique<std::vector<std::byte>>(*rowBytes(Type::Q8_0, k) * uint64_t(n)));
    type.encode(values.data(), v->data(), k * n);
    return contiguous({.bytes = v->size(), .host = v->data()}, 0, Type::Q8_0, {k, n});
  }

 private:
  std::mt19937 random_{3};
  std::vector<std::unique_ptr<std::vector<float>>> kept_;
  std::vector<std::unique_ptr<std::vector<std::byte>>> bytes_;
};

// Which outputs are numbers; the others still hold what they were filled with.
void expectWritten(const TensorView& out, int64_t first, int64_t end) {
  for (int64_t r = 0; r < out.ne[1]; ++r) {
    const auto* row = reinterpret_cast<const float*>(out.data() + r * out.nb[1]);
    for (int64_t i = 0; i < out.ne[0]; ++i) {
      ASSERT_EQ(!std::isnan(row[i]), i >= first && i < end) << "row " << r << ", output " << i;
    }
  }
}

TEST(Nodes, productsOfANodeAreThoseOfItsShare) {
  const std::vector<int> threads{2, 1, 2};
  const Shares shares{threads};
  for (const int rows : {1, 8, 40}) {
    for (int node = 0; node < shares.nodes(); ++node) {
      SCOPED_TRACE(testing::Message() << rows << " rows, node " << node);
      Tensors t;
      const TensorView x = t.floats(64, rows, 0.5f);
      std::vector<Op> ops;
      for (const int64_t n : {203, 96, 1500, 31}) {  // products of one input are one phase
        ops.push_back({.kind = OpKind::matMul, .in = {x, t.weight(64, n)}, .out = {t.floats(n, rows, NAN)}});
      }
      Pieces(ops, rows, shares).run(node);
      for (const Op& op : ops) {
        const int64_t n = op.in[1].ne[1];
        expectWritten(op.out[0], shares.first(n, node), shares.first(n, node + 1));
      }
    }
  }
}

TEST(Nodes, expertsAreSharedByRows) {
  const std::vector<int> threads{1, 1};
  const Shares shares{threads};
  for (const int rows : {1, 8, 40}) {
    for (int node = 0; node < shares.nodes(); ++node) {
      SCOPED_TRACE(testing::Message() << rows << " rows, node " << node);
      constexpr int kWidth = 224, kHidden = 96, kExperts = 5, kTopK = 2;
      Tensors t;
      std::array<std::shared_ptr<ExpertSet>, 3> sets;
      for (size_t s = 0; s < 3; ++s) {
        sets[s] = std::make_shared<ExpertSet>();
        for (int e = 0; e < kExperts; ++e) {
          sets[s]->experts.push_back(s < 2 ? t.weight(kWidth, kHidden) : t.weight(kHidden, kWidth));
        }
      }
      std::vector<int32_t> ids;
      for (int r = 0; r < rows; ++r) ids.insert(ids.end(), {r % kExperts, (r + 2) % kExperts});
      const TensorView chosen = contiguous({.bytes = ids.size() * 4, .host = reinterpret_cast<std::byte*>(ids.data())},
                                           0, Type::I32, {kTopK, rows});
      Op op{.kind = OpKind::moeFfn,
            .in = {t.floats(kWidth, rows, 0.5f), chosen, t.floats(kTopK, rows, 0.5f)},
            .out = {t.floats(kWidth, rows, NAN)}};
      for (size_t s = 0; s < 3; ++s) op.experts[s] = sets[s];
      Pieces({op}, rows, shares).run(node);
      expectWritten(op.out[0], shares.first(kWidth, node), shares.first(kWidth, node + 1));
    }
  }
}

}  // namespace
}  // namespace lemma::cpu
