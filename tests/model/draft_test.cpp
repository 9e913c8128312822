// The layer that guesses the token after next. Class: reference (max |difference| <= 2e-3, the same argmax where the
// margin is above 0.01) against tests/goldens/make_mtp_golden.py: DeepSeek's with key and value matrices split and
// joint and from a folder in 8-bit floats, GLM's from a file and a folder. Bitwise across batches, and for what the
// model itself computes beside it.
#include <cstring>
#include <optional>

#include "engine/schedule/stepper.h"
#include "kernels/api/backend_list.h"
#include "tests/model/counted_folder.h"
#include "tests/model/golden_rows.h"
#include "tests/model/tiny_model.h"
#include "tests/support/backend_names.h"
#include "tests/support/temporary_folder.h"

namespace lemma::test {
namespace {

nlohmann::json& tensorOf(nlohmann::json& golden, const std::string& name) {
  return *std::ranges::find_if(golden["tensors"], [&](const auto& t) { return t["name"] == name; });
}

std::vector<float> numbersOf(const nlohmann::json& t) {
  size_t count = 1;
  for (const auto& n : t["ne"]) count *= n.get<size_t>();
  const auto bytes = countedFloats(t["seed"].get<uint64_t>(), count, t["scale"].get<float>(), t["offset"].get<float>());
  std::vector<float> out(count);
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

// The older form: one matrix for keys and values of all heads.
GgufWriter jointModel(nlohmann::json golden) {
  std::vector<std::pair<std::string, std::vector<float>>> joint;
  size_t rank = 0, rows = 0;
  for (int layer = 0; layer < 3; ++layer) {
    const std::string prefix = "blk." + std::to_string(layer) + ".attn_";
    const auto k = tensorOf(golden, prefix + "k_b.weight"), v = tensorOf(golden, prefix + "v_b.weight");
    const auto nope = k["ne"][0].get<size_t>(), heads = k["ne"][2].get<size_t>(), dim = v["ne"][1].get<size_t>();
    rank = k["ne"][1].get<size_t>();
    rows = heads * (nope + dim);
    const std::vector<float> keys = numbersOf(k), values = numbersOf(v);
    std::vector<float>& both = joint.emplace_back(prefix + "kv_b.weight", std::vector<float>()).second;
    for (size_t h = 0; h < heads; ++h) {
      for (size_t i = 0; i < nope * rank; ++i) both.push_back(keys[(h * rank + i % rank) * nope + i / rank]);
      const auto first = values.begin() + ptrdiff_t(h * dim * rank);
      both.insert(both.end(), first, first + ptrdiff_t(dim * rank));
    }
  }
  std::erase_if(golden["tensors"].get_ref<nlohmann::json::array_t&>(), [](const auto& t) {
    const auto name = t["name"].template get<std::string>();
    return name.ends_with("attn_k_b.weight") || name.ends_with("attn_v_b.weight");
  });
  GgufWriter w = countedModel(golden);
  for (const auto& [name, values] : joint) w.tensor(name, {rank, rows}, values);
  return w;
}

std::unique_ptr<Model> load(const std::string& path, const std::string& backend, bool draft = true,
                            const std::string& target = {}) {
  auto model = Model::load({.path = path,
                            .context = 256,
                            .batch = 256,
                            .threads = 2,
                            .kvType = "f32",
                            .backend = backend,
                            .target = target,
                            .draft = draft});
  if (!model) throw std::runtime_error(model.error().what);
  return std::move(*model);
}

struct Guess {
  std::vector<float> hidden, logits;  // of every position; of every position but the last
};

// The model over all of `ids` in chunks, then the layer that guesses in chunks of its own.
Guess guessOf(Model& model, const std::vector<int>& ids, int chunk, int draftChunk) {
  Guess out;
  const CancelFlag never(false);
  const SeqId seq = model.newSequence(), draftSeq = model.draft()->cache().create();
  for (size_t at = 0; at < ids.size(); at += size_t(chunk)) {
    Batch batch;
    for (size_t i = at; i < std::min(ids.size(), at + size_t(chunk)); ++i) batch.add(Token(ids[i]), int(i), seq, true);
    const auto logits = model.forward(batch, never);
    if (!logits) throw std::runtime_error(logits.error().what);
    out.hidden.insert(out.hidden.end(), logits->hidden.begin(), logits->hidden.end());
  }
  const size_t width = out.hidden.size() / ids.size(), rows = ids.size() - 1;
  for (size_t at = 0; at < rows; at += size_t(draftChunk)) {
    const size_t end = std::min(rows, at + size_t(draftChunk));
    Batch batch;
    for (size_t i = at; i < end; ++i) batch.add(Token(ids[i + 1]), int(i), draftSeq, true);
    const auto logits =
        model.draft()->forward(batch, std::span(out.hidden).subspan(at * width, (end - at) * width), never);
    if (!logits) throw std::runtime_error(logits.error().what);
    out.logits.insert(out.logits.end(), logits->data.begin(), logits->data.end());
  }
  model.drop(seq);
  model.draft()->cache().drop(draftSeq);
  return out;
}

class DraftGolden : public testing::TestWithParam<std::tuple<const char*, const char*>> {  // form, backend
 protected:
  void SetUp() override {
    const std::string form = std::get<0>(GetParam());
    rows_.emplace(form.starts_with("glm") ? "glm4moe-mtp"
                  : form == "fp8_folder"  ? "deepseek2-mtp-fp8"
                                          : "deepseek2-mtp");
    std::string path = folder_ / "model.gguf";
    if (form == "fp8_folder") {
      path = (goldens() / "models/deepseek_r1_fp8").string();
      LEMMA_NEED_GOLDENS(std::filesystem::path(path));
    } else if (form == "glm_folder") {
      path = folder_.path().string();
      ASSERT_TRUE(writeCountedFolder(rows_->golden, path));
    } else {
      ASSERT_TRUE((form == "joint" ? jointModel(rows_->golden) : countedModel(rows_->golden)).write(path));
    }
    model_ = load(path, std::get<1>(GetParam()));
    ASSERT_NE(model_->draft(), nullptr);
  }

  void expectLogits(int chunk, int draftChunk) {
    rows_->expect([&](const std::string&, const std::vector<int>& ids) {
      return guessOf(*model_, ids, chunk, draftChunk).logits;
    });
  }

  const TemporaryFolder folder_;
  std::optional<KeptRows> rows_;
  std::unique_ptr<Model> model_;
};

TEST_P(DraftGolden, oneBatch) { expectLogits(256, 256); }

TEST_P(DraftGolden, chunksOfSeven) { expectLogits(256, 7); }

TEST_P(DraftGolden, tokenByToken) { expectLogits(7, 1); }

std::string draftLabel(const testing::TestParamInfo<DraftGolden::ParamType>& info) {
  return std::string(std::get<0>(info.param)) + "_" + std::get<1>(info.param);
}

INSTANTIATE_TEST_SUITE_P(Models, DraftGolden,
                         testing::Combine(testing::Values("split", "joint", "fp8_folder", "glm", "glm_folder"),
                                          testing::Values("reference", "cpu")),
                         draftLabel);

class DraftBitwise : public testing::Test {
 protected:
  DraftBitwise() : golden_(KeptRows("deepseek2-mtp").golden) {
    EXPECT_TRUE(countedModel(golden_).write(file_.path()));
    ids_ = golden_["prompts"]["long200"]["ids"].get<std::vector<int>>();
  }

  nlohmann::json golden_;
  TemporaryFile file_;
  std::vector<int> ids_;
};

TEST_F(DraftBitwise, chunksOfOneFamily) {
  std::vector<std::pair<std::string, std::string>> devices{{"reference", ""}};
  for (const std::string& target : cpuTargetNames()) devices.emplace_back("cpu", target);
  for (const auto& [backend, target] : devices) {
    SCOPED_TRACE(backend + " " + target);
    const auto model = load(file_.path(), backend, true, target);
    const std::vector<int> some(ids_.begin(), ids_.begin() + 61);
    const auto plain = logitsOf(*model, some, 1);  // of the model, whose guesses are checked in such chunks
    for (int chunk : {2, 3, 5, 8}) expectSameBits(logitsOf(*model, some, chunk), plain);
    const auto one = guessOf(*model, some, 61, 1).logits;
    for (int chunk : {2, 5, 8}) expectSameBits(guessOf(*model, some, 61, chunk).logits, one);
    const auto large = guessOf(*model, some, 61, 60).logits;
    for (int chunk : {15, 20, 30}) expectSameBits(guessOf(*model, some, 61, chunk).logits, large);
  }
}

TEST_F(DraftBitwise, theModelComputesTheSameBesideIt) {
  const auto with = load(file_.path(), "cpu"), without = load(file_.path(), "cpu", false);
  for (int chunk : {1, 50}) expectSameBits(logitsOf(*with, ids_, chunk), logitsOf(*without, ids_, chunk));
}

TEST_F(DraftBitwise, aGuessThatIsTakenBackLeavesNoTrace) {
  const auto model = load(file_.path(), "cpu");
  Stepper& draft = *model->draft();
  const std::vector<int> some(ids_.begin(), ids_.begin() + 90);
  const Guess straight = guessOf(*model, some, 90, 1);
  const size_t width = straight.hidden.size() / some.size(), vocabulary = size_t(model->info().vocabulary);
  const CancelFlag never(false);
  const SeqId seq = draft.cache().create();
  const auto step = [&](int i, int token) {
    Batch batch;
    batch.add(Token(token), i, seq, true);
    const auto logits = draft.forward(batch, std::span(straight.hidden).subspan(size_t(i) * width, width), never);
    EXPECT_TRUE(logits);
    return std::vector<float>(logits->data.begin(), logits->data.end());
  };
  for (int i = 0; i < 89; ++i) {
    if (i % 9 == 4) {
      for (int k = 0; k < 5 && i + k < 89; ++k) step(i + k, 7);
      draft.cache().truncate(seq, i);
    }
    expectSameBits(step(i, some[size_t(i) + 1]),
                   std::span(straight.logits).subspan(size_t(i) * vocabulary, vocabulary));
  }
}

// Files may leave out the table and the head that the layer shares with the model.
TEST_F(DraftBitwise, whatIsSharedNeedNotBeThereTwice) {
  nlohmann::json copied = golden_, shared = golden_;
  for (const auto& [own, models] : {std::pair("embed_tokens", "token_embd"), std::pair("shared_head_head", "output")}) {
    const std::string name = std::string("blk.2.nextn.") + own + ".weight";
    for (const char* key : {"seed", "scale", "offset"}) {
      tensorOf(copied, name)[key] = tensorOf(copied, std::string(models) + ".weight")[key];
    }
    std::erase_if(shared["tensors"].get_ref<nlohmann::json::array_t&>(),
                  [&](const auto& t) { return t["name"] == name; });
  }
  const TemporaryFile first, second;
  ASSERT_TRUE(countedModel(copied).write(first.path()));
  ASSERT_TRUE(countedModel(shared).write(second.path()));
  const auto guess = guessOf(*load(first.path(), "cpu"), ids_, 200, 50).logits;
  expectSameBits(guessOf(*load(second.path(), "cpu"), ids_, 200, 50).logits, guess);
  EXPECT_NE(guessOf(*load(file_.path(), "cpu"), ids_, 200, 50).logits, guess);
}

TEST_F(DraftBitwise, onlyWhoAsksForItPaysForIt) {
  const auto with = load(file_.path(), "cpu"), without = load(file_.path(), "cpu", false);
  EXPECT_EQ(without->draft(), nullptr);
  EXPECT_LT(without->memory().own(), with->memory().own());
  Batch batch;
  batch.add(Token(1), 0, without->newSequence(), true);
  const auto logits = without->forward(batch, CancelFlag(false));
  ASSERT_TRUE(logits);
  EXPECT_TRUE(logits->hidden.empty());
  const TemporaryFile plain;
  ASSERT_TRUE(TinyModel("llama").writer().write(plain.path()));
  EXPECT_EQ(load(plain.path(), "cpu")->draft(), nullptr);
}

TEST_F(DraftBitwise, hiddenStatesOfAnotherWidthAreRefused) {
  const auto model = load(file_.path(), "cpu");
  const SeqId seq = model->draft()->cache().create();
  Batch batch;
  batch.add(Token(1), 0, seq, true);
  batch.add(Token(2), 1, seq, true);
  const std::vector<float> hidden(65);
  for (const size_t given : {size_t(0), size_t(1), size_t(64), size_t(65)}) {
    const auto logits = model->draft()->forward(batch, std::span(hidden).first(given), CancelFlag(false));
    ASSERT_FALSE(logits) << given;
    EXPECT_EQ(logits.error().code, Err::badValue);
    EXPECT_EQ(model->draft()->cache().length(seq), 0);
  }
}

TEST_F(DraftBitwise, aLayerThatIsNotWholeIsRefusedWhereItIsAskedFor) {
  for (const char* name :
       {"nextn.eh_proj", "nextn.enorm", "nextn.hnorm", "nextn.shared_head_norm", "attn_q_a", "ffn_down_exps"}) {
    const std::string whole = std::string("blk.2.") + name + ".weight";
    SCOPED_TRACE(whole);
    nlohmann::json golden = golden_;
    std::erase_if(golden["tensors"].get_ref<nlohmann::json::array_t&>(),
                  [&](const auto& t) { return t["name"] == whole; });
    const TemporaryFile file;
    ASSERT_TRUE(countedModel(golden).write(file.path()));
    EXPECT_TRUE(Model::load({.path = file.path(), .threads = 1}));
    const auto model = Model::load({.path = file.path(), .threads = 1, .draft = true});
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, Err::notFound);
    EXPECT_NE(model.error().what.find(whole), std::string::npos) << model.error().what;
  }
}

}  // namespace
}  // namespace lemma::test
