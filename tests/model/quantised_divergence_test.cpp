// Small models in quantised formats. Class: divergence of the fast backend from the reference one, which decodes the
// same weights and multiplies in floats. Where a random model decides by hairs, one rounding outweighs all others, so
// these do not: a mixture's embeddings name its experts (wide_router.h), and phi3's attention is no sharper than
// llama's (calm).
#include "engine/quantise/quantise.h"
#include "kernels/api/backend_list.h"
#include "tests/model/divergence.h"
#include "tests/model/golden_rows.h"
#include "tests/model/wide_router.h"
#include "tests/support/temporary_folder.h"

namespace lemma::test {
namespace {

struct QuantisedModel {
  const char* model;  // of the reference data where it ends in .gguf, else of tests/goldens/models
  Type type;
  friend std::ostream& operator<<(std::ostream& out, const QuantisedModel& m) {
    std::string name =
        std::string(m.model).substr(0, std::string_view(m.model).find('/')) + "_" + std::string(typeInfo(m.type)->name);
    std::ranges::replace(name, '-', '_');
    return out << name;
  }
};

// phi3 with scores of attention of standard deviation 1.6 and not 4.2, where a row's largest weight is 0.33 in the
// mean, as in the small llama, and not 0.67; values are as large as before. Rows are whole blocks.
nlohmann::json calm(nlohmann::json golden) {
  constexpr float kQueriesAndKeys = 0.625f;
  golden["metadata"]["phi3.feed_forward_length"] = 96;
  for (auto& t : golden["tensors"]) {
    const std::string name = t["name"];
    for (auto& n : t["ne"]) n = n == 88 ? 96 : n == 176 ? 192 : n.get<int>();
    if (name.ends_with("attn_qkv.weight")) t["scale"] = t["scale"].get<float>() * kQueriesAndKeys;
    if (name.ends_with("attn_output.weight")) t["scale"] = t["scale"].get<float>() / kQueriesAndKeys;
  }
  return golden;
}

// A mixture whose rows are whole blocks of 256, so that it can be in K-quants.
nlohmann::json widerRows(nlohmann::json golden) {
  const std::map<uint64_t, uint64_t> wider{{64, 256}, {96, 256}, {48, 128}, {32, 256}, {24, 64}};
  for (const char* key : {"embedding_length", "feed_forward_length", "attention.key_length", "attention.value_length",
                          "expert_feed_forward_length"}) {
    auto& value = golden["metadata"]["qwen3moe." + std::string(key)];
    value = wider.at(value.get<uint64_t>());
  }
  for (auto& t : golden["tensors"]) {
    const bool sumsNothing = t["ne"].size() == 1 || t["name"] == "token_embd.weight";
    for (auto& n : t["ne"]) {
      const auto found = wider.find(n.get<uint64_t>());
      if (found != wider.end()) n = found->second;
    }
    if (!sumsNothing) t["scale"] = t["scale"].get<float>() / 2;  // four times as many inputs
  }
  return golden;
}

class QuantisedDivergence : public testing::TestWithParam<QuantisedModel> {
 protected:
  // Writes the model in its format and leaves the prompts' ids.
  void write() {
    const std::string model = GetParam().model;
    const bool wider = model == "qwen3moe-256", dense = model == "phi3";
    std::string source = (goldens() / "models" / model).string();
    nlohmann::json golden;
    if (model.ends_with(".gguf")) {
      LEMMA_NEED_GOLDENS(std::filesystem::path(source));
      golden = nlohmann::json::parse(readText(std::filesystem::path(source).parent_path() / "golden.json"));
    } else {
      golden = KeptRows(wider ? "qwen3moe" : model).golden;
      source = folder_ / "source.gguf";
      ASSERT_TRUE(countedModel(wider ? widerRows(golden) : dense ? calm(golden) : golden).write(source));
    }
    for (const char* prompt : {"mid40", "long200"}) {
      prompts_.push_back(golden["prompts"][prompt]["ids"].get<std::vector<int>>());
    }
    if (!dense) {
      ASSERT_TRUE(WideRouter(source).write(folder_ / "wide.gguf"));
      source = folder_ / "wide.gguf";
    }
    const auto file = openModel(source);
    ASSERT_TRUE(file) << file.error().what;
    const Type type = GetParam().type;
    const QuantiseOptions options{
        .recipe = *findRecipe("F16"), .rules = {{"*ffn_gate_inp*", Type::F32}, {"*.weight", type}}, .threads = 2};
    const auto done = quantise(*file, path_, options, {}, CancelFlag(false));
    ASSERT_TRUE(done) << done.error().what;
    uint64_t all = 0, typed = 0;
    for (const QuantisedTensor& t : done->tensors) {
      all += t.bytesTo;
      if (t.to == type) typed += t.bytesTo;
    }
    ASSERT_GT(typed, all / 3) << "most matrices have rows that are no whole blocks";  // which stay in 16 bits
  }

  std::unique_ptr<Model> load(const std::string& backend, const std::string& target = {}) const {
    auto model = Model::load({.path = path_,
                              .context = 256,
                              .batch = 256,
                              .threads = 2,
                              .kvType = "f32",
                              .backend = backend,
                              .target = target});
    if (!model) throw std::runtime_error(model.error().what);
    return std::move(*model);
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_ / "model.gguf";
  std::vector<std::vector<int>> prompts_;
};

TEST_P(QuantisedDivergence, isSmall) {
  write();
  if (IsSkipped() || HasFatalFailure()) return;
  const auto reference = load("reference");
  const int vocabulary = reference->info().vocabulary;
  for (const std::vector<int>& ids : prompts_) {
    const std::vector<float> want = logitsOf(*reference, ids, 256);
    for (const std::string_view target : cpuTargets()) {
      const auto fast = load("cpu", std::string(target));
      for (const int chunk : target == cpuTargets().back() ? std::vector{256, 7, 1} : std::vector{256}) {
        const std::string label = std::to_string(ids.size()) + "_" + std::string(target) + "_" + std::to_string(chunk);
        SCOPED_TRACE(label);
        const Divergence d = expectClose(want, logitsOf(*fast, ids, chunk), vocabulary);
        EXPECT_GT(d.mean, 1e-6) << "nothing was rounded";
        RecordProperty(label, std::to_string(d.mean) + " mean, " + std::to_string(d.worst) + " worst");
      }
    }
  }
}

constexpr const char* kSmallModels[] = {"deepseek_v2_lite/model-f32.gguf",
                                        "deepseek_v3/model-f32.gguf",
                                        "deepseek_r1_fp8/model-f32.gguf",
                                        "qwen2moe",
                                        "qwen3moe",
                                        "glm4moe",
                                        "gpt-oss",
                                        "phi3"};

std::vector<QuantisedModel> quantisedModels() {
  std::vector<QuantisedModel> out;
  for (const char* model : kSmallModels) {
    for (const Type type : {Type::Q8_0, Type::Q5_1, Type::Q4_0, Type::MXFP4}) out.push_back({model, type});
  }
  for (const Type type : {Type::Q6_K, Type::Q4_K, Type::Q3_K, Type::IQ4_XS}) out.push_back({"qwen3moe-256", type});
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, QuantisedDivergence, testing::ValuesIn(quantisedModels()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace lemma::test
