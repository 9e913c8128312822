// Class bitwise: the same bits whatever the chunking within a family of kernels, the neighbours in the batch, the pages
// of the cache, a fork, or the device that does a layer. On every backend and instruction set.
#include <cstring>

#include "engine/memory/weights.h"
#include "engine/schedule/executor.h"
#include "kernels/api/backend_list.h"
#include "tests/model/run_model.h"
#include "tests/model/tiny_model.h"
#include "tests/support/backend_names.h"

namespace lemma::test {
namespace {

struct Target {
  std::string architecture, backend, instructions, kvType;
  friend std::ostream& operator<<(std::ostream& out, const Target& t) {
    std::string name = t.architecture + "_" + t.backend + (t.instructions.empty() ? "" : "_") + t.instructions;
    std::ranges::replace(name, '-', '_');
    return out << name << "_" << t.kvType;
  }
};

std::vector<Target> targets() {
  std::vector<Target> out;
  constexpr std::pair<const char*, const char*> kModels[] = {
      {"llama", "f32"},    {"llama", "f16"},    {"llama", "q8_0"},  {"llama", "fp8"},
      {"qwen2", "f16"},    {"qwen3", "f16"},    {"phi3", "f16"},    {"gemma3", "f16"},
      {"qwen2moe", "f16"}, {"qwen3moe", "f16"}, {"glm4moe", "f16"}, {"gpt-oss", "f16"}};
  for (const auto& [architecture, kvType] : kModels) {
    for (const BackendEntry& entry : backendList()) {
      if (entry.name != "cpu") {
        out.push_back({architecture, std::string(entry.name), "", kvType});
        continue;
      }
      for (const std::string& t : cpuTargetNames()) {
        out.push_back({architecture, std::string(entry.name), t, kvType});
      }
    }
  }
  return out;
}

class Bitwise : public testing::TestWithParam<Target> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(TinyModel(GetParam().architecture).writer().write(file_.path()));
    auto model = Model::load({.path = file_.path(),
                              .batch = 64,
                              .threads = 2,
                              .kvType = GetParam().kvType,
                              .backend = GetParam().backend,
                              .target = GetParam().instructions});
    ASSERT_TRUE(model) << model.error().what;
    model_ = std::move(*model);
    for (int i = 0; i < 150; ++i) ids_.push_back((i * 37 + i * i) % TinyModel::kVocabulary);
  }

  TemporaryFile file_;
  std::unique_ptr<Model> model_;
  std::vector<int> ids_;
  const CancelFlag never_{false};
};

TEST_P(Bitwise, chunksOfOneFamily) {
  const auto one = logitsOf(*model_, ids_, 1);
  for (int chunk : {2, 5, 8}) expectSameBits(logitsOf(*model_, ids_, chunk), one);
  const std::vector<int> whole(ids_.begin(), ids_.begin() + 60);  // 60 = 3 x 20 = 4 x 15: every chunk above 8 rows
  const auto large = logitsOf(*model_, whole, 60);
  for (int chunk : {15, 20, 30}) expectSameBits(logitsOf(*model_, whole, chunk), large);
}

TEST_P(Bitwise, neighboursInTheBatch) {
  // Three sequences of different lengths, each alone, then mixed row by row in batches of at most 8.
  std::vector<std::vector<int>> prompts{
      {ids_.begin(), ids_.begin() + 40}, {ids_.begin() + 3, ids_.begin() + 90}, {ids_.begin() + 50, ids_.begin() + 57}};
  std::vector<std::vector<float>> alone, mixed(3);
  for (const auto& p : prompts) alone.push_back(logitsOf(*model_, p, 1));
  std::vector<SeqId> seqs;
  for (size_t s = 0; s < 3; ++s) seqs.push_back(model_->newSequence());
  std::vector<size_t> at(3, 0);
  Batch batch;
  std::vector<size_t> owner;
  const auto flush = [&] {
    if (batch.size() == 0) return;
    const auto logits = model_->forward(batch, never_);
    ASSERT_TRUE(logits) << logits.error().what;
    for (size_t r = 0; r < owner.size(); ++r) {
      const auto row = logits->row(int(r));
      mixed[owner[r]].insert(mixed[owner[r]].end(), row.begin(), row.end());
    }
    batch.clear();
    owner.clear();
  };
  for (size_t turn = 0; at != std::vector<size_t>{40, 87, 7}; ++turn) {
    const size_t s = (turn * 7 + turn / 3) % 3;
    if (at[s] == prompts[s].size()) continue;
    batch.add(Token(prompts[s][at[s]]), int(at[s]), seqs[s], true);
    owner.push_back(s);
    ++at[s];
    if (batch.size() == 8 || turn % 5 == 0) flush();
  }
  flush();
  for (size_t s = 0; s < 3; ++s) expectSameBits(mixed[s], alone[s]);
}

TEST_P(Bitwise, forkAndTruncate) {
  const auto straight = logitsOf(*model_, ids_, 1);
  const SeqId a = model_->newSequence();
  std::vector<int> first(ids_.begin(), ids_.begin() + 100);
  logitsOf(*model_, a, first, 5);
  const auto b = model_->fork(a, 70);  // in the middle of a page
  ASSERT_TRUE(b);
  model_->truncate(a, 30);
  const auto goOn = [&](SeqId seq, int from, int to, int shift) {
    std::vector<float> out;
    for (int i = from; i < to; ++i) {
      Batch batch;
      batch.add(Token((ids_[size_t(i)] + shift) % TinyModel::kVocabulary), i, seq, true);
      const auto logits = model_->forward(batch, never_);
      EXPECT_TRUE(logits);
      out.insert(out.end(), logits->data.begin(), logits->data.end());
    }
    return out;
  };
  goOn(a, 30, 110, 1);  // other tokens: must leave no trace in the fork
  const auto tail = goOn(*b, 70, 150, 0);
  expectSameBits(tail, std::span(straight).subspan(70 * size_t(TinyModel::kVocabulary)));
}

TEST_P(Bitwise, aCancelledStepLeavesNoTrace) {
  const auto straight = logitsOf(*model_, ids_, 1);
  const SeqId seq = model_->newSequence();
  std::vector<float> out;
  const CancelFlag now(true);
  for (int i = 0; i < 150; ++i) {
    Batch batch;
    if (i % 10 == 3) {
      for (int j = 0; j < 60 && i + j < 250; ++j) batch.add(Token(5), i + j, seq, true);
      const auto cancelled = model_->forward(batch, now);
      ASSERT_FALSE(cancelled);
      ASSERT_EQ(cancelled.error().code, Err::cancelled);
      ASSERT_EQ(model_->length(seq), i);
      batch.clear();
    }
    batch.add(Token(ids_[size_t(i)]), i, seq, true);
    const auto logits = model_->forward(batch, never_);
    ASSERT_TRUE(logits) << logits.error().what;
    out.insert(out.end(), logits->data.begin(), logits->data.end());
  }
  expectSameBits(out, straight);
}

TEST_P(Bitwise, wantedRowsAreThoseOfTheWhole) {
  const auto all = logitsOf(*model_, std::vector<int>(ids_.begin(), ids_.begin() + 30), 30);
  const SeqId seq = model_->newSequence();
  Batch batch;
  for (int i = 0; i < 30; ++i) batch.add(Token(ids_[size_t(i)]), i, seq, i >= 12);  // 18 rows: the same family as 30
  const auto logits = model_->forward(batch, never_);
  ASSERT_TRUE(logits);
  expectSameBits(logits->data, std::span(all).subspan(12 * size_t(TinyModel::kVocabulary)));
}

INSTANTIATE_TEST_SUITE_P(All, Bitwise, testing::ValuesIn(targets()), testing::PrintToStringParamName());

TEST(Placement, isReadFromAPlan) {
  const std::vector<std::string> devices{"cpu", "reference"};
  ModelFile file;
  for (const char* name : {"blk.1.ffn_down.weight", "blk.1.ffn_gate_exps.weight", "blk.1.ffn_up_exps.weight",
                           "blk.1.ffn_down_exps.weight", "blk.1.attn_q.bias"}) {
    file.header.tensors.push_back({.name = name, .ne = {8, 4, 6, 1}, .bytes = 768});
  }
  ASSERT_TRUE(file.header.indexTensors());
  const std::vector<std::byte> bytes(1000);
  file.parts.push_back({"", bytes, nullptr});
  const auto placed = [&](std::string_view plan) { return placementOf(plan, devices, 4, file)->deviceOfStage; };
  using Stages = std::vector<int>;
  EXPECT_EQ(placed("auto"), (Stages{0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(placed("head=reference"), (Stages{0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(placed("embed=reference,0-3=reference,2=cpu"), (Stages{1, 1, 1, 0, 1, 0}));
  for (const char* wrong : {"",
                            ",",
                            "0",
                            "0=",
                            "=cpu",
                            "4=cpu",
                            "3-2=cpu",
                            "0-4=cpu",
                            "-1=cpu",
                            "0-=cpu",
                            "0=gpu",
                            "x=cpu",
                            "0=cpu,",
                            "99999999999=cpu",
                            "auto,0=cpu",
                            "0-1-2=cpu",
                            " 0=cpu",
                            "blk.1.ffn_up=cpu",
                            "blk.1.ffn_down=gpu",
                            "blk.*.ffn_d=cpu",
                            "experts=cpu",
                            "4:experts=cpu",
                            "0:experts=cpu",
                            "1:expert=cpu",
                            "1:experts.=cpu",
                            "1:experts.5-6=cpu",
                            "1:experts.2-1=cpu",
                            ":experts=cpu",
                            "1:=cpu",
                            "1:experts7=cpu"}) {
    const auto refused = placementOf(wrong, devices, 4, file);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, Err::badValue) << wrong;
    EXPECT_FALSE(refused.error().what.empty());
  }
  for (const char* right : {"blk.1.ffn_down=cpu", "*=cpu", "blk.*.ffn_*=reference,1=cpu", "1:experts=reference",
                            "0-3:experts.0-5=cpu", "1:experts.5=cpu", "blk.1.attn_q.bias=cpu"}) {
    const auto read = placementOf(right, devices, 4, file);
    EXPECT_TRUE(read) << read.error().what;
  }
  EXPECT_EQ(*deviceList("cpu,reference"), devices);
  for (const char* wrong : {"", "cpu,", ",cpu", "cpu,cpu"}) EXPECT_FALSE(deviceList(wrong)) << wrong;
}

// A tiny model on two devices of the same kind.
class OnTwoDevices {
 public:
  explicit OnTwoDevices(const std::string& architecture) {
    TinyModel tiny(architecture);
    for (auto& [name, tensor] : tiny.tensors) {  // products on 8 bits, which fuse with what is around them
      if (tensor.ne.size() > 1 && !name.ends_with("gate_inp.weight")) tensor.type = Type::Q8_0;
    }
    EXPECT_TRUE(tiny.writer().write(path_.path()));
    file_ = std::move(*openModel(path_.path()));
    const auto arch = std::ranges::find(modelArchTable(), architecture, &ModelArch::ggufName);
    hparams_ = *(*arch)->readHparams(file_.header);
    weights_ = std::make_unique<WeightStore>(file_);
    graph_ = std::move(*(*arch)->bind(hparams_, *weights_));
  }

  Placement placement(std::string_view plan) const {
    return *placementOf(plan, std::vector<std::string>{"a", "b"}, hparams_.layers, file_);
  }

  // Logits of two rows of a pass; in `hidden`, where it is asked for, what the head was given.
  std::vector<float> logits(const char* backend, const Placement& placement, int rows,
                            std::vector<float>* hidden = nullptr) const {
    const std::vector<int32_t> tokens{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8}, seq(12, 0), table{1, 0}, wanted{0, rows - 1};
    std::vector<int32_t> pos(12);
    for (int i = 0; i < 12; ++i) pos[size_t(i)] = i;
    std::vector<std::shared_ptr<Backend>> devices;
    devices.reserve(2);
    for (int d = 0; d < 2; ++d)
      devices.push_back(std::move(*backendEntry(backend)->make({.id = DeviceId(d), .threads = 2})));
    Executor executor(*graph_, hparams_, std::move(devices), placement, 16);
    const auto prepared = executor.prepare({.type = Type::F32,
                                            .headDim = hparams_.kv.keyDim,
                                            .vDim = hparams_.kv.valueDim,
                                            .kvHeads = hparams_.kv.heads,
                                            .pageTokens = 8,
                                            .pages = 2},
                                           {}, hidden != nullptr);
    EXPECT_TRUE(prepared) << prepared.error().what;
    EXPECT_TRUE(placement.weights->allFound());
    const CancelFlag never(false);
    const auto logits = executor.run({.rows = rows,
                                      .wanted = 2,
                                      .tokens = tokens.data(),
                                      .pos = pos.data(),
                                      .seqOfRow = seq.data(),
                                      .pageTable = table.data(),
                                      .pageTableStride = 2,
                                      .wantedRows = wanted.data()},
                                     never);
    EXPECT_TRUE(logits) << logits.error().what;
    if (hidden) hidden->assign(executor.hidden().begin(), executor.hidden().end());
    return {logits->begin(), logits->end()};
  }

 private:
  TemporaryFile path_;
  ModelFile file_;
  Hparams hparams_;
  std::unique_ptr<WeightStore> weights_;
  std::unique_ptr<ModelGraph> graph_;
};

// A plan that spreads stages, tensors or experts over two devices computes what one device does, where one fuses and
// where many or few rows are computed.
TEST(Placement, twoDevicesComputeWhatOneDoes) {
  for (const char* architecture : {"llama", "qwen3", "qwen3moe", "gemma3", "gpt-oss"}) {
    const OnTwoDevices model(architecture);
    const bool experts = std::string_view(architecture) == "qwen3moe" || std::string_view(architecture) == "gpt-oss";
    std::vector<const char*> plans{"embed=a,0=b,1=b,head=b",
                                   "1=b",
                                   "embed=b,1=b",
                                   "blk.0.attn_k=b",
                                   "blk.*.attn_q=b,blk.1.attn_output=b",
                                   "output_norm=b",
                                   "token_embd=b",
                                   "blk.*.attn_norm=b,0=b",
                                   "*=b",
                                   "blk.*.weight=a,blk.1.attn_v=b"};
    if (experts) {
      plans.insert(plans.end(), {"0:experts=b", "0-1:experts.2-3=b,1:experts.2=b", "blk.*.ffn_*_exps=b",
                                 "blk.1.ffn_gate_inp=b", "1=b,1:experts.0=a"});
    } else {
      plans.insert(plans.end(), {"blk.0.ffn_up=b", "blk.*.ffn_down=b", "blk.1.ffn_gate=b,blk.1.ffn_up=b"});
    }
    for (const char* backend : {"reference", "cpu"}) {
      for (const int rows : {12, 5}) {
        const auto alone = model.logits(backend, model.placement("auto"), rows);
        ASSERT_EQ(alone.size(), 2u * TinyModel::kVocabulary);
        for (const char* plan : plans) {
          SCOPED_TRACE(std::string(architecture) + " on " + backend + ", " + std::to_string(rows) + " rows: " + plan);
          const auto placed = model.logits(backend, model.placement(plan), rows);
          // The reference rounds its exact sum over experts once for each device that has some of them.
          if (backend == std::string_view("cpu") || std::string_view(plan).find("experts.") == std::string_view::npos) {
            expectSameBits(placed, alone);
          } else {
            for (size_t i = 0; i < alone.size(); ++i) ASSERT_NEAR(placed[i], alone[i], 2e-3f);
          }
        }
      }
    }
  }
}

// The norm before the head, which fuses with the head's product, is in what a draft layer is given all the same.
TEST(Placement, hiddenStatesAreNormalisedWhereTheNormFuses) {
  const OnTwoDevices model("llama");
  for (const int rows : {12, 5}) {
    std::vector<float> exact, fused;
    const auto want = model.logits("reference", model.placement("auto"), rows, &exact);
    const auto got = model.logits("cpu", model.placement("auto"), rows, &fused);
    EXPECT_EQ(got, model.logits("cpu", model.placement("auto"), rows));
    ASSERT_EQ(exact.size(), 2u * TinyModel::kEmbedding);
    ASSERT_EQ(fused.size(), exact.size());
    double difference = 0, length = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      difference += std::pow(double(fused[i]) - double(exact[i]), 2);
      length += std::pow(double(exact[i]), 2);
    }
    EXPECT_LT(std::sqrt(difference / length), 0.1);  // 8-bit activations move it by some 3 %, a missing norm by 100
  }
}

}  // namespace
}  // namespace lemma::test
