// Importance matrices: the file, hostile files, and what the collector gathers from a model that reads.
// Class: reference (sums of squares in another order).
#include "engine/quantise/imatrix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>

#include "engine/quantise/imatrix_collector.h"
#include "tests/model/tiny_model.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_model.h"

namespace lemma {
namespace {

class TemporaryPath {
 public:
  explicit TemporaryPath(const std::string& name) : path_(folder_ / name) {}
  const std::string& path() const { return path_; }

 private:
  const test::TemporaryFolder folder_;
  const std::string path_;
};

TEST(Imatrix, comesBackAsItWasWritten) {
  Imatrix m;
  m.entries["blk.0.attn_q.weight"] = {3, {1, 2.5f, 0}, {4}};
  m.entries["blk.0.ffn_up_exps.weight"] = {2, {1, 2, 3, 4, 0, 0}, {1, 2, 0}};
  m.datasets = {"a.txt", "b.txt"};
  m.chunks = 7;
  m.chunkTokens = 512;
  const TemporaryPath file("imatrix.gguf");
  ASSERT_TRUE(writeImatrix(m, file.path()));
  const auto read = readImatrix(file.path());
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->entries, m.entries);
  EXPECT_EQ(read->datasets, m.datasets);
  EXPECT_EQ(read->chunks, m.chunks);
  EXPECT_EQ(read->chunkTokens, m.chunkTokens);
  EXPECT_EQ(read->importance("blk.0.attn_q.weight", 0), (std::vector<float>{0.25f, 0.625f, 0}));
  EXPECT_EQ(read->importance("blk.0.ffn_up_exps.weight", 1), (std::vector<float>{1.5f, 2}));
  EXPECT_TRUE(read->importance("blk.0.ffn_up_exps.weight", 2).empty());  // nothing went through
  EXPECT_TRUE(read->importance("blk.0.ffn_up_exps.weight", 3).empty());
  EXPECT_TRUE(read->importance("blk.0.ffn_up_exps.weight", -1).empty());
  EXPECT_TRUE(read->importance("blk.1.attn_q.weight", 0).empty());
}

TEST(Imatrix, aFolderThatIsNotThereIsNamed) {
  Imatrix m;
  m.entries["blk.0.attn_q.weight"] = {3, {1, 2.5f, 0}, {4}};
  const TemporaryPath file("none/imatrix.gguf");
  const auto written = writeImatrix(m, file.path());
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().what.find(file.path()), std::string::npos) << written.error().what;
}

TEST(Imatrix, hostileFilesAreRefused) {
  struct Case {
    const char* name;
    Err want;
    std::function<void(GgufWriter&)> fill;
  };
  const auto sums = [](GgufWriter& w, std::vector<float> values) { w.tensor("a.in_sum2", {values.size()}, values); };
  const Case kCases[] = {
      {"no imatrix", Err::badMagic, [](GgufWriter& w) { w.str("general.type", "model"); }},
      {"type of another kind", Err::badValue, [](GgufWriter& w) { w.u32("general.type", 1); }},
      {"a chunk's size in words", Err::badValue,
       [](GgufWriter& w) { w.str("general.type", "imatrix").str("imatrix.chunk_size", "many"); }},
      {"nothing in it", Err::notFound, [](GgufWriter& w) { w.str("general.type", "imatrix"); }},
      {"no counts", Err::notFound,
       [&](GgufWriter& w) {
         w.str("general.type", "imatrix");
         sums(w, {1, 2});
       }},
      {"negative", Err::badValue,
       [&](GgufWriter& w) {
         w.str("general.type", "imatrix").tensor("a.counts", {1}, std::vector<float>{1});
         sums(w, {1, -2});
       }},
      {"not a number", Err::badValue,
       [&](GgufWriter& w) {
         w.str("general.type", "imatrix").tensor("a.counts", {1}, std::vector<float>{1});
         sums(w, {1, NAN});
       }},
      {"infinite", Err::badValue,
       [&](GgufWriter& w) {
         w.str("general.type", "imatrix").tensor("a.counts", {1}, std::vector<float>{INFINITY});
         sums(w, {1, 2});
       }},
      {"more counts than matrices", Err::badValue,
       [&](GgufWriter& w) {
         w.str("general.type", "imatrix").tensor("a.counts", {3}, std::vector<float>{1, 1, 1});
         sums(w, {1, 2});
       }},
      {"other numbers", Err::badValue,
       [&](GgufWriter& w) {
         w.str("general.type", "imatrix").tensor("a.counts", Type::F16, {1}, std::vector<std::byte>(2));
         sums(w, {1, 2});
       }},
      {"a count of chunks that is text", Err::badValue,
       [&](GgufWriter& w) { w.str("general.type", "imatrix").str("imatrix.chunk_count", "many"); }},
  };
  const TemporaryPath file("hostile.gguf");
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    GgufWriter w;
    c.fill(w);
    ASSERT_TRUE(w.write(file.path()));
    const auto read = readImatrix(file.path());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, c.want) << read.error().what;
    EXPECT_EQ(read.error().what.find(file.path()), 0u) << read.error().what;
  }
  EXPECT_EQ(readImatrix(file.path() + ".absent").error().code, Err::notFound);
}

// One observer sees the same sums on every backend, and in one batch as token by token.
TEST(ImatrixCollector, gathersEveryMatrix) {
  const TemporaryPath file("model.gguf");
  ASSERT_TRUE(writeTinyModel(file.path()));
  const auto gather = [&](const std::string& backend, int chunk) {
    ImatrixCollector collector;
    LoadOptions load{.path = file.path(), .context = 64, .batch = 16, .threads = 1, .backend = backend};
    load.kvType = "f32";
    load.observer = &collector;
    auto model = Model::load(load);
    EXPECT_TRUE(model) << model.error().what;
    const SeqId seq = (*model)->newSequence();
    const CancelFlag go{false};
    for (int at = 0; at < 16; at += chunk) {
      Batch batch;
      for (int i = at; i < at + chunk; ++i) batch.add(Token(i * 5), i, seq, true);
      const auto logits = (*model)->forward(batch, go);
      EXPECT_TRUE(logits) << logits.error().what;
    }
    return collector.imatrix(**model);
  };
  const Imatrix reference = gather("reference", 16);
  EXPECT_EQ(reference.entries.size(), 2u * 7 + 1);
  for (const char* name : {"blk.0.attn_q.weight", "blk.1.ffn_down.weight", "output.weight"}) {
    ASSERT_TRUE(reference.entries.contains(name)) << name;
    EXPECT_EQ(reference.entries.at(name).counts, std::vector<float>{16}) << name;
  }
  EXPECT_EQ(reference.entries.at("blk.1.ffn_down.weight").columns, 64);
  EXPECT_EQ(reference.entries.at("blk.0.attn_q.weight").sums, reference.entries.at("blk.0.attn_k.weight").sums);
  // The norm makes rows whose mean of squares is one.
  double sum = 0;
  for (const float x : reference.entries.at("blk.0.attn_q.weight").sums) sum += double(x);
  EXPECT_NEAR(sum, 16 * 32, 1);

  for (const auto& [backend, chunk] : {std::pair<const char*, int>{"reference", 1}, {"cpu", 16}, {"cpu", 1}}) {
    SCOPED_TRACE(std::string(backend) + " by " + std::to_string(chunk));
    const Imatrix other = gather(backend, chunk);
    ASSERT_EQ(other.entries.size(), reference.entries.size());
    for (const auto& [name, entry] : reference.entries) {
      const Imatrix::Entry& e = other.entries.at(name);
      ASSERT_EQ(e.columns, entry.columns) << name;
      EXPECT_EQ(e.counts, entry.counts) << name;
      for (size_t i = 0; i < e.sums.size(); ++i) {
        EXPECT_NEAR(e.sums[i], entry.sums[i], 0.05f * entry.sums[i] + 0.01f) << name << ' ' << i;
      }
    }
  }
}

// Each row goes into topK experts, so what all of them saw is topK times what the router saw; with biases and without.
TEST(ImatrixCollector, gathersWhatEachExpertSees) {
  for (const char* architecture : {"qwen3moe", "gpt-oss"}) {
    std::vector<Imatrix> seen;
    for (const char* backend : {"reference", "cpu"}) {
      SCOPED_TRACE(std::string(architecture) + " on " + backend);
      const TemporaryPath file("experts.gguf");
      ASSERT_TRUE(test::TinyModel(architecture).writer().write(file.path()));
      ImatrixCollector collector;
      LoadOptions load{.path = file.path(), .context = 64, .batch = 16, .threads = 1, .backend = backend};
      load.observer = &collector;
      auto model = Model::load(load);
      ASSERT_TRUE(model) << model.error().what;
      Batch batch;
      const SeqId seq = (*model)->newSequence();
      for (int i = 0; i < 16; ++i) batch.add(Token(i * 5), i, seq, true);
      const CancelFlag go{false};
      ASSERT_TRUE((*model)->forward(batch, go));
      const Imatrix m = collector.imatrix(**model);
      const Imatrix::Entry& router = m.entries.at("blk.1.ffn_gate_inp.weight");
      const int topK = int(*(*model)->header().u64(std::string(architecture) + ".expert_used_count"));
      for (const char* name :
           {"blk.1.ffn_gate_exps.weight", "blk.1.ffn_up_exps.weight", "blk.1.ffn_down_exps.weight"}) {
        const Imatrix::Entry& e = m.entries.at(name);
        ASSERT_EQ(e.counts.size(), size_t(test::TinyModel::kExperts)) << name;
        ASSERT_EQ(e.sums.size(), e.counts.size() * size_t(e.columns));
        EXPECT_EQ(std::accumulate(e.counts.begin(), e.counts.end(), 0.0f), 16.0f * float(topK)) << name;
      }
      const Imatrix::Entry& gate = m.entries.at("blk.1.ffn_gate_exps.weight");
      for (int64_t c = 0; c < gate.columns; ++c) {
        float sum = 0;
        for (size_t e = 0; e < gate.counts.size(); ++e) sum += gate.sums[e * size_t(gate.columns) + size_t(c)];
        EXPECT_NEAR(sum, float(topK) * router.sums[size_t(c)], 1e-3f * sum) << c;
      }
      seen.push_back(m);
    }
    const auto &down = seen[0].entries.at("blk.0.ffn_down_exps.weight"),
               &other = seen[1].entries.at("blk.0.ffn_down_exps.weight");
    ASSERT_EQ(down.counts, other.counts);
    for (size_t i = 0; i < down.sums.size(); ++i) {
      EXPECT_NEAR(other.sums[i], down.sums[i], 0.05f * down.sums[i] + 0.01f) << i;
    }
  }
}

TEST(ImatrixCollector, lookingOnChangesNoLogit) {
  const TemporaryPath file("model.gguf");
  ASSERT_TRUE(writeTinyModel(file.path()));
  for (const char* backend : {"reference", "cpu"}) {
    SCOPED_TRACE(backend);
    std::vector<float> seen[2];
    ImatrixCollector collector;
    for (int look = 0; look < 2; ++look) {
      LoadOptions load{.path = file.path(), .context = 64, .batch = 16, .threads = 1, .backend = backend};
      if (look) load.observer = &collector;
      auto model = Model::load(load);
      ASSERT_TRUE(model) << model.error().what;
      Batch batch;
      const SeqId seq = (*model)->newSequence();
      for (int i = 0; i < 16; ++i) batch.add(Token(i * 3), i, seq, true);
      const CancelFlag go{false};
      const auto logits = (*model)->forward(batch, go);
      ASSERT_TRUE(logits);
      seen[look].assign(logits->data.begin(), logits->data.end());
    }
    EXPECT_EQ(seen[0], seen[1]);
  }
}

}  // namespace
}  // namespace lemma
