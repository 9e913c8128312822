// What a token costs by the plan alone, the same on every machine: barriers between threads, and bytes of weights.
#include <gtest/gtest.h>

#include "engine/blocks/graph.h"
#include "engine/memory/kv_pools.h"
#include "engine/memory/weights.h"
#include "engine/models/model_arch.h"
#include "kernels/api/backend_list.h"
#include "kernels/cpu/program.h"
#include "kernels/cpu/targets.h"
#include "tests/model/tiny_model.h"

namespace lemma::test {
namespace {

uint64_t bytesOf(const TensorView& v) {
  return v.empty() ? 0 : *rowBytes(v.type, v.ne[0]) * uint64_t(v.ne[1] * v.ne[2]);
}

// A tiny model of each architecture, its ops as the executor compiles them.
class Plan {
 public:
  explicit Plan(const std::string& architecture) {
    TinyModel tiny(architecture);
    for (auto& [name, tensor] : tiny.tensors) {  // one format of 8 bits, as a quantised file has it
      if (tensor.ne.size() > 1 && !name.ends_with("gate_inp.weight")) tensor.type = Type::Q8_0;
    }
    EXPECT_TRUE(tiny.writer().write(file_.path()));
    model_ = std::move(*openModel(file_.path()));
    for (const ModelArch* arch : modelArchTable()) {
      if (arch->ggufName != architecture) continue;
      hparams_ = *arch->readHparams(model_.header);
      weights_ = std::make_unique<WeightStore>(model_);
      graph_ = std::move(*arch->bind(hparams_, *weights_));
    }
    backend_ = std::move(*backendEntry("cpu")->make({.threads = 1}));
    const std::vector<Backend*> layers(size_t(hparams_.layers), backend_.get());
    EXPECT_TRUE(pools_.allocate({.type = Type::F16,
                                 .headDim = hparams_.kv.keyDim,
                                 .vDim = hparams_.kv.valueDim,
                                 .kvHeads = hparams_.kv.heads,
                                 .pageTokens = 64,
                                 .pages = 2},
                                layers));
  }

  std::vector<Op> ops(RowBucket bucket, int layers) {
    GraphBuilder size(hparams_.embedding, hparams_.vocabulary, bucket, {});
    build(size, layers);
    GraphBuilder g(hparams_.embedding, hparams_.vocabulary, bucket,
                   {.arena = *backend_->alloc(size.arenaBytes(), Space::host, Usage::activations),
                    .head = *backend_->alloc(size.headBytes(), Space::host, Usage::activations),
                    .kPools = pools_.k(),
                    .vPools = pools_.v()});
    build(g, layers);
    return {g.ops().begin(), g.ops().end()};
  }

  // Phases that wait for all threads in a pass of `rows` rows, one of them wanted.
  int barriers(int rows, int layers) {
    const RowBucket bucket{rows <= cpu::kFewRows ? cpu::kFewRows : 64, rows <= cpu::kFewRows ? cpu::kFewRows : 64};
    auto program = cpu::compileProgram(ops(bucket, layers), bucket, *cpu::runnableTargets().back().kernels);
    EXPECT_TRUE(program);
    std::vector<int32_t> pos, zero(size_t(rows), 0);
    for (int i = 0; i < rows; ++i) pos.push_back(i);
    const int32_t page = 0;
    const StepData step{.rows = rows,
                        .wanted = 1,
                        .tokens = zero.data(),
                        .pos = pos.data(),
                        .seqOfRow = zero.data(),
                        .pageTable = &page,
                        .pageTableStride = 1,
                        .wantedRows = zero.data()};
    const cpu::QueryTile tile{0, rows};
    std::vector<std::byte> shared((*program)->sharedBytes + 64);
    const cpu::Run run{.step = &step, .threads = 2, .shared = shared.data(), .tiles = &tile, .tileCount = 1};
    int count = 0;
    for (const cpu::PhasePtr& phase : (*program)->phases) {
      // How many experts are used is known when the router has run: always some.
      const bool experts = dynamic_cast<const cpu::ExpertGatePhase*>(phase.get()) != nullptr;
      count += experts || phase->chunks(run) > 0;
    }
    return count;
  }
  int barriersOfALayer(int rows) { return barriers(rows, hparams_.layers) - barriers(rows, hparams_.layers - 1); }

  // Of matrices that a pass of one row reads: all of a product's, the chosen ones of experts.
  uint64_t readByAToken() {
    uint64_t bytes = 0;
    int topK = 0;
    for (const Op& op : ops({8, 8}, hparams_.layers)) {
      if (op.kind == OpKind::route) topK = op.p.route.topK;
      if (op.kind == OpKind::matMul) bytes += bytesOf(op.in[1]);
      if (op.kind == OpKind::attentionMla) bytes += bytesOf(op.in[2]) + bytesOf(op.in[3]);
      for (const auto& set : op.experts) {
        if (set) bytes += bytesOf(set->experts.front()) * uint64_t(topK);
      }
    }
    return bytes;
  }
  // The same by the file's table of tensors. These models have no output.weight: the embedding is the head.
  uint64_t activeInFile() {
    uint64_t bytes = 0;
    for (const ModelTensor& t : model_.header.tensors) {
      const bool experts = t.name.find("_exps.") != std::string::npos;
      const bool matrix = t.name.ends_with(".weight") && (t.ne[1] > 1 || t.name.find("_shexp.") != std::string::npos);
      if (matrix) bytes += experts ? t.bytes / uint64_t(TinyModel::kExperts) * 2 : t.bytes;
    }
    return bytes;
  }

 private:
  void build(GraphBuilder& g, int layers) const {
    g.beginStage();
    graph_->embed(g);
    for (int i = 0; i < layers; ++i) {
      g.beginStage();
      graph_->layer(g, i);
    }
    g.beginStage();
    graph_->head(g);
  }

  TemporaryFile file_;
  ModelFile model_;
  Hparams hparams_;
  std::unique_ptr<WeightStore> weights_;
  std::unique_ptr<ModelGraph> graph_;
  std::unique_ptr<Backend> backend_;
  KvPools pools_;
};

struct Cost {
  const char* architecture;
  int generation, prompt;  // barriers a layer
};
class Plans : public testing::TestWithParam<Cost> {};

TEST_P(Plans, barriersOfALayerAreNoMoreThanTheyWere) {
  Plan plan(GetParam().architecture);
  for (const int rows : {1, 8}) EXPECT_EQ(plan.barriersOfALayer(rows), GetParam().generation) << rows << " rows";
  for (const int rows : {9, 60}) EXPECT_EQ(plan.barriersOfALayer(rows), GetParam().prompt) << rows << " rows";
}

TEST_P(Plans, aTokenReadsEachActiveWeightOnce) {
  Plan plan(GetParam().architecture);
  EXPECT_EQ(plan.readByAToken(), plan.activeInFile());
  EXPECT_GT(plan.readByAToken(), 0u);
}

INSTANTIATE_TEST_SUITE_P(All, Plans,
                         testing::Values(Cost{"llama", 6, 8}, Cost{"qwen2", 6, 8}, Cost{"qwen3", 6, 8},
                                         Cost{"phi3", 6, 8}, Cost{"gemma3", 8, 10}, Cost{"qwen2moe", 15, 18},
                                         Cost{"qwen3moe", 11, 12}, Cost{"glm4moe", 13, 16}, Cost{"gpt-oss", 11, 12}),
                         [](const auto& i) {
                           std::string name = i.param.architecture;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace lemma::test
