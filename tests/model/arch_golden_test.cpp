// One small model of each architecture against logits that transformers computed in float32; the models are made here
// from what tests/goldens/models says of them. Class: reference (max |difference| <= 2e-3, the same argmax where the
// margin is above 0.01, greedy tokens equal), on both backends.
#include <map>
#include <set>

#include "engine/model_file/model_file.h"
#include "tests/model/counted_folder.h"
#include "tests/model/golden_rows.h"
#include "tests/model/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace lemma::test {
namespace {

class ArchGolden : public testing::TestWithParam<std::tuple<const char*, const char*>> {  // architecture, backend
 protected:
  void SetUp() override { writeModel(); }

  virtual void writeModel() {
    path_ = folder_ / "model.gguf";
    ASSERT_TRUE(countedModel(golden_).write(path_));
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
    rows_.expect(
        [&](const std::string& prompt, const std::vector<int>& ids) { return logitsOf(*load(prompt), ids, chunk); });
  }

  KeptRows rows_{std::get<0>(GetParam())};
  nlohmann::json& golden_ = rows_.golden;
  const TemporaryFolder folder_;
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
    path_ = folder_.path().string();
    ASSERT_TRUE(writeCountedFolder(golden_, folder_.path()));
  }
};

TEST_P(ArchFolder, oneBatch) { expectLogits(256); }

TEST_P(ArchFolder, chunksOfSeven) { expectLogits(7); }

// Files of Qwen1.5-MoE that are older than the keys for the widths of experts.
class WithoutWidths : public ArchGolden {
 protected:
  void writeModel() override {
    for (const char* key : {"expert_feed_forward_length", "expert_shared_feed_forward_length"}) {
      EXPECT_EQ(golden_["metadata"].erase(std::string("qwen2moe.") + key), 1u);
    }
    ArchGolden::writeModel();
  }
};

TEST_P(WithoutWidths, oneBatch) { expectLogits(256); }

// Gemma 3 as most folders have it: inside a model that also sees. Its text has the same logits.
class SeeingFolder : public ArchGolden {
 protected:
  void writeModel() override {
    path_ = folder_.path().string();
    ASSERT_TRUE(writeSeeingFolder(golden_, folder_.path(), olderName));
  }
};

TEST_P(SeeingFolder, oneBatch) { expectLogits(256); }

TEST_P(SeeingFolder, newerNames) {
  ASSERT_TRUE(writeSeeingFolder(golden_, folder_.path(), newerName));
  expectLogits(256);
}

TEST_P(SeeingFolder, holdsTheNamesThatTransformersWrites) {
  std::set<std::string> names;
  for (const auto& t : golden_["tensors"]) {
    if (t.contains("hf")) names.insert(olderName(t["hf"].get<std::string>()));
  }
  EXPECT_EQ(names, golden_["multimodal"]["text"].get<std::set<std::string>>());
  const auto file = openModel(path_);
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_EQ(file->header.tensors.size(), names.size());
}

// Published config.json files say only what differs from transformers' defaults.
TEST_P(SeeingFolder, whatIsNotSaidIsTransformersDefault) {
  auto& config = golden_["multimodal"]["config"];
  const nlohmann::json whole = config["text_config"], defaults = golden_["multimodal"]["defaults"];
  const auto keysOf = [&] {
    std::ofstream(folder_ / "config.json") << config.dump();
    const auto file = openModel(path_);
    EXPECT_TRUE(file) << file.error().what;
    std::map<std::string, double> keys;
    for (const auto& [key, value] : file->header.kv) {
      if (const auto number = value.asF64()) keys[key] = *number;
    }
    return keys;
  };
  for (const auto& [key, value] : defaults.items()) config["text_config"][key] = value;
  const auto said = keysOf();
  for (const auto& [key, value] : defaults.items()) config["text_config"].erase(key);
  EXPECT_EQ(keysOf(), said);
  EXPECT_GT(said.size(), 10u);
}

std::string archLabel(const testing::TestParamInfo<ArchGolden::ParamType>& info) {
  std::string name = std::string(std::get<0>(info.param)) + "_" + std::get<1>(info.param);
  std::ranges::replace(name, '-', '_');
  return name;
}

const auto kBackends = testing::Values("reference", "cpu");

INSTANTIATE_TEST_SUITE_P(
    Models, ArchGolden,
    testing::Combine(testing::Values("phi3", "gemma3", "qwen2moe", "qwen3moe", "glm4moe", "gpt-oss"), kBackends),
    archLabel);
INSTANTIATE_TEST_SUITE_P(Models, ArchFolder,
                         testing::Combine(testing::Values("phi3", "gemma3", "qwen2moe", "qwen3moe", "glm4moe",
                                                          "gpt-oss", "gpt-oss-mxfp4"),
                                          kBackends),
                         archLabel);
INSTANTIATE_TEST_SUITE_P(Models, WithoutWidths, testing::Combine(testing::Values("qwen2moe"), kBackends), archLabel);
INSTANTIATE_TEST_SUITE_P(Models, SeeingFolder, testing::Combine(testing::Values("gemma3"), kBackends), archLabel);
// The fast backend rounds what it multiplies with experts of this type to 8 bits: another class.
INSTANTIATE_TEST_SUITE_P(Quantised, ArchGolden,
                         testing::Combine(testing::Values("gpt-oss-mxfp4"), testing::Values("reference")), archLabel);

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
    {"bounds of YaRN that are rounded", "gpt-oss", [](auto& g) { g["config"]["rope_scaling"]["truncate"] = true; },
     Err::unsupported, "rope_scaling.truncate"},
    {"another clamp", "gpt-oss", [](auto& g) { g["config"]["swiglu_limit"] = 5.0; }, Err::unsupported, "swiglu_limit"},
    {"another packing", "gpt-oss-mxfp4", [](auto& g) { g["config"]["quantization_config"]["quant_method"] = "awq"; },
     Err::unsupported, "quant_method"},
    {"wider than its experts", "gpt-oss-mxfp4", [](auto& g) { g["config"]["intermediate_size"] = 128; }, Err::badValue,
     "ffn_gate_exps.weight"},
    {"no router", "qwen2moe",
     [](auto& g) {
       std::erase_if(g["tensors"].template get_ref<nlohmann::json::array_t&>(),
                     [](const auto& t) { return t["name"] == "blk.0.ffn_gate_inp.weight"; });
     },
     Err::notFound, "blk.0.ffn_gate_inp.weight"},
};

TEST(ArchFolders, seeingOnesWithoutTextAreRefused) {
  auto golden =
      nlohmann::json::parse(readText(std::filesystem::path(LEMMA_TESTS_DIR) / "goldens/models/gemma3/golden.json"));
  for (const nlohmann::json& part : {nlohmann::json(), nlohmann::json(7), nlohmann::json::array()}) {
    golden["multimodal"]["config"]["text_config"] = part;
    const TemporaryFolder folder;
    ASSERT_TRUE(writeSeeingFolder(golden, folder.path(), olderName));
    const auto model = Model::load({.path = folder.path().string(), .threads = 1});
    ASSERT_FALSE(model);
    EXPECT_NE(model.error().what.find("text_config"), std::string::npos) << model.error().what;
  }
}

TEST(ArchFolders, hostileOnesAreRefusedInOneSentence) {
  for (const HostileFolder& c : kHostileFolders) {
    SCOPED_TRACE(c.name);
    auto golden = nlohmann::json::parse(
        readText(std::filesystem::path(LEMMA_TESTS_DIR) / "goldens/models" / c.golden / "golden.json"));
    c.spoil(golden);
    const TemporaryFolder folder;
    ASSERT_TRUE(writeCountedFolder(golden, folder.path()));
    const auto model = Model::load({.path = folder.path().string(), .threads = 1});
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
