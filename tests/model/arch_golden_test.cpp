// One small model of each architecture against logits that transformers computed in float32; the models are made here
// from what tests/goldens/models says of them. Class: reference (max |difference| <= 2e-3, the same argmax where the
// margin is above 0.01, greedy tokens equal), on both backends.
#include "tests/model/counted_model.h"
#include "tests/model/run_model.h"
#include "tests/model/tiny_model.h"
#include "tests/support/goldens.h"
#include "tests/support/npy.h"

namespace lemma::test {
namespace {

constexpr double kReference = 2e-3;
constexpr float kClearMargin = 0.01f;
constexpr const char* kPrompts[] = {"short", "mid40", "long200"};  // in the order of the rows

class ArchGolden : public testing::TestWithParam<std::tuple<const char*, const char*>> {  // architecture, backend
 protected:
  void SetUp() override {
    const auto folder = std::filesystem::path(LEMMA_TESTS_DIR) / "goldens/models" / std::get<0>(GetParam());
    golden_ = nlohmann::json::parse(readText(folder / "golden.json"));
    logits_ = readNpy(folder / "logits.npy");
    writeModel();
  }

  virtual void writeModel() {
    ASSERT_TRUE(countedModel(golden_).write(file_.path()));
    path_ = file_.path();
  }

  std::unique_ptr<Model> load(const std::string& prompt) {
    auto model = Model::load({.path = path_,
                              .context = golden_["prompts"][prompt]["context"].get<int>(),
                              .batch = 256,
                              .threads = 2,
                              .kvType = "f32",
                              .backend = std::get<1>(GetParam())});
    if (!model) throw std::runtime_error(model.error().what);
    return std::move(*model);
  }

  void expectLogits(int chunk) {
    int64_t row = 0;
    double worst = 0;
    for (const char* prompt : kPrompts) {
      SCOPED_TRACE(prompt);
      const auto ids = golden_["prompts"][prompt]["ids"].get<std::vector<int>>();
      const auto model = load(prompt);
      const int vocabulary = model->info().vocabulary;
      const std::vector<float> got = logitsOf(*model, ids, chunk);
      ASSERT_EQ(got.size(), ids.size() * size_t(vocabulary));
      ASSERT_EQ(logits_.shape.back(), vocabulary);
      for (const auto& position : golden_["prompts"][prompt]["positions"]) {
        ASSERT_LT(row, logits_.shape.front());
        const float* want = logits_.row(row++);
        const float* have = got.data() + position.get<size_t>() * size_t(vocabulary);
        for (int t = 0; t < vocabulary; ++t) {
          ASSERT_TRUE(std::isfinite(have[t])) << "position " << position;
          worst = std::max(worst, std::fabs(double(have[t]) - double(want[t])));
        }
        if (margin(want, vocabulary) > kClearMargin) {
          EXPECT_EQ(argmax(have, vocabulary), argmax(want, vocabulary)) << "position " << position;
        }
      }
    }
    EXPECT_EQ(row, logits_.shape.front());
    EXPECT_LE(worst, kReference) << "in chunks of " << chunk;
    RecordProperty("worst", std::to_string(worst));
  }

  nlohmann::json golden_;
  Npy logits_;
  TemporaryFile file_;
  std::string path_;
};

TEST_P(ArchGolden, oneBatch) { expectLogits(256); }

TEST_P(ArchGolden, chunksOfSeven) { expectLogits(7); }

TEST_P(ArchGolden, tokenByToken) { expectLogits(1); }

TEST_P(ArchGolden, greedyTokens) {
  const auto expected = golden_["greedy_from_short"]["ids"].get<std::vector<int>>();
  const auto prompt = golden_["prompts"]["short"]["ids"].get<std::vector<int>>();
  EXPECT_EQ(greedy(*load("short"), prompt, int(expected.size())), expected);
}

// The same models as folders of transformers.
class ArchFolder : public ArchGolden {
 protected:
  void writeModel() override {
    path_ = file_.path() + ".folder";
    std::filesystem::create_directory(path_);
    ASSERT_TRUE(writeCountedFolder(golden_, path_));
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
};

TEST_P(ArchFolder, oneBatch) { expectLogits(256); }

TEST_P(ArchFolder, chunksOfSeven) { expectLogits(7); }

std::string label(const testing::TestParamInfo<ArchGolden::ParamType>& info) {
  std::string name = std::string(std::get<0>(info.param)) + "_" + std::get<1>(info.param);
  std::ranges::replace(name, '-', '_');
  return name;
}

const auto kBackends = testing::Values("reference", "cpu");

INSTANTIATE_TEST_SUITE_P(
    Models, ArchGolden,
    testing::Combine(testing::Values("phi3", "gemma3", "qwen2moe", "qwen3moe", "glm4moe", "gpt-oss"), kBackends),
    label);
INSTANTIATE_TEST_SUITE_P(Models, ArchFolder,
                         testing::Combine(testing::Values("phi3", "gemma3", "qwen2moe", "qwen3moe", "glm4moe"),
                                          kBackends),
                         label);
// The fast backend rounds what it multiplies with experts of this type to 8 bits: another class.
INSTANTIATE_TEST_SUITE_P(Quantised, ArchGolden,
                         testing::Combine(testing::Values("gpt-oss-mxfp4"), testing::Values("reference")), label);

struct HostileFolder {
  const char* name;
  const char* golden;
  void (*spoil)(nlohmann::json& golden);
  Err want;
  const char* word;
};

const HostileFolder kHostileFolders[] = {
    {"no long factors", "phi3", [](auto& g) { g["config"]["rope_scaling"].erase("long_factor"); }, Err::notFound,
     "rope_scaling.long_factor"},
    {"factors that are no numbers", "phi3", [](auto& g) { g["config"]["rope_scaling"]["short_factor"][1] = "x"; },
     Err::badValue, "rope_scaling.short_factor"},
    {"a factor too many", "phi3", [](auto& g) { g["config"]["rope_scaling"]["long_factor"].push_back(1.0); },
     Err::badValue, "rope_factors_long.weight"},
    {"more than a head rotated", "phi3", [](auto& g) { g["config"]["partial_rotary_factor"] = 1e300; },
     Err::unsupported, "partial_rotary_factor"},
    {"less than nothing rotated", "glm4moe", [](auto& g) { g["config"]["partial_rotary_factor"] = -1; },
     Err::unsupported, "partial_rotary_factor"},
    {"layers without a period", "gemma3", [](auto& g) { g["config"]["layer_types"][1] = "full_attention"; },
     Err::unsupported, "layer_types"},
    {"layers that are no texts", "gemma3", [](auto& g) { g["config"]["layer_types"] = 7; }, Err::badValue,
     "layer_types"},
    {"another gate", "gemma3", [](auto& g) { g["config"]["hidden_activation"] = "relu"; }, Err::unsupported,
     "hidden_activation"},
    {"a norm that is a matrix", "gemma3",
     [](auto& g) {
       g["tensors"][1]["ne"] = {24, 2};
     },
     Err::badValue, "output_norm.weight"},
    {"no router", "qwen2moe",
     [](auto& g) {
       std::erase_if(g["tensors"].template get_ref<nlohmann::json::array_t&>(),
                     [](const auto& t) { return t["name"] == "blk.0.ffn_gate_inp.weight"; });
     },
     Err::notFound, "blk.0.ffn_gate_inp.weight"},
};

TEST(ArchFolders, hostileOnesAreRefusedInOneSentence) {
  for (const HostileFolder& c : kHostileFolders) {
    SCOPED_TRACE(c.name);
    auto golden = nlohmann::json::parse(
        readText(std::filesystem::path(LEMMA_TESTS_DIR) / "goldens/models" / c.golden / "golden.json"));
    c.spoil(golden);
    const TemporaryFile place;
    const std::filesystem::path folder = place.path() + ".folder";
    std::filesystem::create_directory(folder);
    ASSERT_TRUE(writeCountedFolder(golden, folder));
    const auto model = Model::load({.path = folder.string(), .threads = 1});
    std::filesystem::remove_all(folder);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, c.want) << model.error().what;
    EXPECT_NE(model.error().what.find(c.word), std::string::npos) << model.error().what;
  }
}

// Gemma 3 of 27B scales q . k by the width of the stream a head, and only its number of layers tells.
TEST(Gemma3, of62LayersScalesByWidthAHead) {
  TinyModel tiny("gemma3");
  for (int layer = TinyModel::kLayers; layer < 62; ++layer) {
    for (const auto& [name, tensor] : std::map(tiny.tensors)) {
      if (name.starts_with("blk.1.")) tiny.tensors["blk." + std::to_string(layer) + name.substr(5)] = tensor;
    }
  }
  tiny.whole["gemma3.block_count"] = 62;
  const auto logits = [&] {
    TemporaryFile file;
    EXPECT_TRUE(tiny.writer().write(file.path()));
    return logitsOf(*loadModel(file.path(), "cpu", "f32"), {1, 2, 3, 4, 5}, 8);
  };
  const auto silent = logits();
  tiny.real["gemma3.attention.scale"] = 1 / std::sqrt(float(TinyModel::kEmbedding) / TinyModel::kHeads);
  EXPECT_EQ(logits(), silent);
  tiny.real["gemma3.attention.scale"] = 1 / std::sqrt(float(TinyModel::kWideHead));
  EXPECT_NE(logits(), silent);
}

}  // namespace
}  // namespace lemma::test
