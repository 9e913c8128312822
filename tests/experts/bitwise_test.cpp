// Class bitwise: with experts from the disk a model computes the bits that it computes with all of them mapped,
// whatever the budget, down to what one row passes in a layer, where every expert is dropped before it is chosen again.
#include <cstring>

#include "engine/schedule/stepper.h"
#include "kernels/api/backend_list.h"
#include "tests/experts/pattern_file.h"
#include "tests/model/counted_folder.h"
#include "tests/model/run_model.h"
#include "tests/model/tiny_model.h"
#include "tests/support/backend_names.h"
#include "tests/support/goldens.h"

namespace lemma::test {
namespace {

nlohmann::json goldenOf(const std::string& name) {
  return nlohmann::json::parse(
      readText(std::filesystem::path(LEMMA_TESTS_DIR) / "goldens/models" / name / "golden.json"));
}

std::unique_ptr<Model> load(const LoadOptions& options) {
  auto model = Model::load(options);
  if (!model) throw std::runtime_error(model.error().what);
  return std::move(*model);
}

void expectSameBits(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0);
}

// The model at `path` in pieces of 1, 7 and many tokens: mapped, with room for `least` experts, and for more.
void expectSameBits(const std::string& path, const std::string& target, const std::vector<int>& ids, uint64_t least) {
  LoadOptions options{.path = path, .context = 256, .batch = 64, .threads = 2, .target = target};
  options.experts = ExpertPlace::mapped;
  const auto mapped = load(options);
  EXPECT_FALSE(mapped->expertStats());
  options.experts = ExpertPlace::disk;
  options.expertMemory = 1 << 30;
  const ExpertStats whole = load(options)->expertStats().value();
  EXPECT_EQ(whole.held, whole.experts);
  for (const uint64_t fit : {least, least + 1, whole.experts}) {
    options.expertMemory = fit * whole.expertBytes;
    const auto disk = load(options);
    ASSERT_EQ(disk->expertStats()->held, fit);
    for (const int chunk : {1, 7, 64}) {
      SCOPED_TRACE(path + " fits " + std::to_string(fit) + ", chunks of " + std::to_string(chunk));
      expectSameBits(logitsOf(*disk, ids, chunk), logitsOf(*mapped, ids, chunk));
    }
    const ExpertStats s = *disk->expertStats();
    EXPECT_GT(s.chosen, 0u);
    EXPECT_GT(s.bytesRead, 0u);
    if (fit == least) {
      EXPECT_LT(s.present, s.chosen);
    }
  }
}

class EveryTarget : public testing::TestWithParam<std::tuple<const char*, std::string>> {
 protected:
  std::string architecture() const { return std::get<0>(GetParam()); }
  std::string target() const { return std::get<1>(GetParam()); }
};

TEST_P(EveryTarget, quantisedExperts) {
  TemporaryFile file;
  const TinyModel model(architecture());
  ASSERT_TRUE(model.writer().write(file.path()));
  std::vector<int> ids;
  for (int i = 0; i < 100; ++i) ids.push_back((i * 37 + i * i) % TinyModel::kVocabulary);
  expectSameBits(file.path(), target(), ids, model.whole.at(architecture() + ".expert_used_count"));
}

std::string label(const testing::TestParamInfo<EveryTarget::ParamType>& tested) {
  std::string name = std::string(std::get<0>(tested.param)) + "_" + std::get<1>(tested.param);
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, EveryTarget,
                         testing::Combine(testing::Values("qwen2moe", "qwen3moe", "glm4moe", "gpt-oss"),
                                          testing::ValuesIn(cpuTargetNames())),
                         label);

class EveryArchitecture : public testing::TestWithParam<const char*> {};

TEST_P(EveryArchitecture, fileAndFolder) {
  nlohmann::json golden = goldenOf(GetParam());
  const auto ids = golden["prompts"]["long200"]["ids"].get<std::vector<int>>();
  uint64_t used = 0;
  for (const auto& [key, value] : golden["metadata"].items()) {
    if (key.ends_with("expert_used_count")) used = value.get<uint64_t>();
  }
  ASSERT_GT(used, 0u);
  const TemporaryFolder folder;
  ASSERT_TRUE(countedModel(golden).write(folder / "model.gguf"));
  expectSameBits(folder / "model.gguf", "", ids, used);
  if (!golden.contains("config")) return;
  const TemporaryFolder transformers;
  ASSERT_TRUE(writeCountedFolder(golden, transformers.path()));
  expectSameBits(transformers.path().string(), "", ids, used);
}

std::string plain(const testing::TestParamInfo<const char*>& tested) {
  std::string name = tested.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, EveryArchitecture,
                         testing::Values("qwen2moe", "qwen3moe", "glm4moe", "glm4moe-mtp", "gpt-oss", "gpt-oss-mxfp4",
                                         "deepseek2-mtp"),
                         plain);

// R1's form in 8-bit floats, whose scales stay mapped beside the experts.
TEST(Experts, folderInEightBits) {
  const std::filesystem::path folder = goldens() / "models/deepseek_r1_fp8";
  LEMMA_NEED_GOLDENS(folder);
  const auto golden = nlohmann::json::parse(readText(folder / "golden.json"));
  const auto config = nlohmann::json::parse(readText(folder / "config.json"));
  expectSameBits(folder.string(), "", golden["prompts"]["long200"]["ids"].get<std::vector<int>>(),
                 config["num_experts_per_tok"].get<uint64_t>());
}

// The layer that guesses tokens has experts too, beside those of the model in one cache.
TEST(Experts, ofTheLayerThatDrafts) {
  const nlohmann::json golden = goldenOf("deepseek2-mtp");
  const TemporaryFolder folder;
  ASSERT_TRUE(countedModel(golden).write(folder / "model.gguf"));
  LoadOptions options{.path = folder / "model.gguf", .context = 256, .batch = 64, .threads = 2};
  options.draft = true;
  std::vector<float> results[2];
  for (const ExpertPlace place : {ExpertPlace::mapped, ExpertPlace::disk}) {
    options.experts = place;
    options.expertMemory = 1 << 30;
    if (place == ExpertPlace::disk) {
      const ExpertStats s = load(options)->expertStats().value();
      options.expertMemory = golden["metadata"]["deepseek2.expert_used_count"].get<uint64_t>() * s.expertBytes;
    }
    const auto model = load(options);
    const SeqId seq = model->newSequence(), drafted = model->draft()->cache().create();
    const CancelFlag never(false);
    std::vector<float>& out = results[place == ExpertPlace::disk];
    for (int i = 0; i < 30; ++i) {
      Batch batch;
      batch.add(Token(i * 7 % 50), i, seq, true);
      const auto logits = model->forward(batch, never);
      ASSERT_TRUE(logits) << logits.error().what;
      out.insert(out.end(), logits->data.begin(), logits->data.end());
      const std::vector<float> hidden(logits->hidden.begin(), logits->hidden.end());
      batch.clear();
      batch.add(Token((i + 1) * 7 % 50), i, drafted, true);
      const auto guess = model->draft()->forward(batch, hidden, never);
      ASSERT_TRUE(guess) << guess.error().what;
      out.insert(out.end(), guess->data.begin(), guess->data.end());
    }
  }
  expectSameBits(results[1], results[0]);
}

// ---- what is refused

struct Small {
  TemporaryFile file;
  LoadOptions options{.path = file.path(), .context = 256, .batch = 64, .threads = 2};
  explicit Small(const std::string& architecture) {
    if (!TinyModel(architecture).writer().write(file.path())) throw std::runtime_error("no model was written");
    options.experts = ExpertPlace::disk;
  }
};

TEST(Experts, aModelWithoutAnyIsRefused) {
  const Small small("llama");
  const auto model = Model::load(small.options);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().what, small.file.path() + ": the model has no experts that could be read from the disk");
}

TEST(Experts, aBackendThatCannotIsRefused) {
  Small small("qwen3moe");
  small.options.backend = "reference";
  const auto model = Model::load(small.options);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().what, small.file.path() + ": the backend \"reference\" reads no experts from disk");
}

TEST(Experts, lessMemoryThanATokenNeedsIsRefused) {
  Small small("qwen3moe");
  small.options.expertMemory = 4096;
  const auto model = Model::load(small.options);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Err::outOfMemory);
  EXPECT_NE(model.error().what.find("MB of memory for experts, and the 2 that a token passes"), std::string::npos)
      << model.error().what;
}

TEST(Experts, aModelThatFitsIsMapped) {
  Small small("qwen3moe");
  small.options.experts = ExpertPlace::automatic;
  EXPECT_FALSE(load(small.options)->expertStats());
}

// The step fails with a sentence, and as if it had not been. What is mapped of this file lies before its experts.
TEST(Experts, aFileCutShortFailsTheStep) {
  const PatternFile pattern(1, 8, 256, 64);
  const std::unique_ptr<Backend> backend = std::move(*backendEntry("cpu")->make({.threads = 2}));
  ExpertCache cache(pattern.file);
  std::array<std::shared_ptr<ExpertSet>, 3> sets;
  for (int i = 0; i < 3; ++i) {  // F32 {16, 16}, 1,024 bytes each
    auto set = std::make_shared<ExpertSet>(pattern.setOf(0, i));
    for (TensorView& v : set->experts) v = contiguous(v.buf, v.off, Type::F32, {16, 16});
    sets[size_t(i)] = set;
  }
  const ExpertOrigin origin = cache.add(*sets[0], *sets[1], *sets[2], 2);
  ASSERT_TRUE(cache.start(2 * 3 * 2 * 4096));
  std::vector<float> memory(1024);
  const BufferRef buf{.bytes = memory.size() * 4, .host = reinterpret_cast<std::byte*>(memory.data())};
  const TensorView in = contiguous(buf, 0, Type::F32, {16, 1}), out = contiguous(buf, 256, Type::F32, {16, 1});
  TensorView ids = contiguous(buf, 512, Type::F32, {2, 1});
  ids.type = Type::I32;
  const TensorView weights = contiguous(buf, 768, Type::F32, {2, 1});
  const Op ops[] = {{.kind = OpKind::chooseExperts, .in = {ids}, .origin = origin},
                    {.kind = OpKind::moeFfn,
                     .in = {in, ids, weights},
                     .out = {out},
                     .experts = {sets[0], sets[1], sets[2]},
                     .origin = origin}};
  const auto program = backend->compile(ops, {.rows = 1, .wanted = 0});
  ASSERT_TRUE(program) << program.error().what;
  const CancelFlag never(false);
  const auto step = [&](int32_t a, int32_t b) {
    reinterpret_cast<int32_t*>(ids.data())[0] = a;
    reinterpret_cast<int32_t*>(ids.data())[1] = b;
    const auto fence = backend->submit(**program, {.rows = 1}, {}, never);
    return fence ? backend->wait(*fence, kNoDeadline) : tl::unexpected(fence.error());
  };
  EXPECT_TRUE(step(0, 1));
  std::filesystem::resize_file(pattern.path(), 4096);
  const auto cut = step(6, 7);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Err::unreadable);
  EXPECT_EQ(cut.error().what, pattern.path() + " has become shorter while its model was running");
}

}  // namespace
}  // namespace lemma::test
