// Small models, from GGUF and from the folders transformers wrote, against logits that transformers computed in
// float32. Class: reference (max |difference| <= 2e-3, the same argmax where the margin is above 0.01, greedy tokens
// equal), on the reference backend; files whose weights are floats also on the fast one, which computes them in
// float32.
#include "engine/tokenizer/tokenizer.h"
#include "tests/model/golden_rows.h"

namespace lemma::test {
namespace {

struct GoldenModel {
  const char* folder;
  const char* file;          // empty: the folder, from its safetensors
  const char* logitsSuffix;  // of logits_<prompt><suffix>.npy
  friend std::ostream& operator<<(std::ostream& out, const GoldenModel& m) {
    std::string name = std::string(m.folder) + "_" + (*m.file ? m.file : "folder");
    std::ranges::replace_if(
        name, [](unsigned char c) { return !std::isalnum(c); }, '_');
    return out << name;
  }
};

class Golden : public testing::TestWithParam<std::tuple<GoldenModel, const char*>> {  // file, backend
 protected:
  void SetUp() override {
    const auto& [golden, backend] = GetParam();
    folder_ = goldens() / "models" / golden.folder;
    LEMMA_NEED_GOLDENS(folder_);
    logitsSuffix_ = golden.logitsSuffix;
    golden_ = nlohmann::json::parse(readText(folder_ / "golden.json"));
    model_ = loadModel((folder_ / golden.file).string(), backend, "f32");
  }

  void expectLogits(const std::string& prompt, int chunk) {
    const auto ids = golden_["prompts"][prompt]["ids"].get<std::vector<int>>();
    const auto positions = golden_["prompts"][prompt]["positions"].get<std::vector<int>>();
    const Npy expected = readNpy(folder_ / ("logits_" + prompt + logitsSuffix_ + ".npy"));
    const std::vector<float> got = logitsOf(*model_, ids, chunk);
    ASSERT_EQ(got.size(), ids.size() * size_t(expected.shape.back()));
    ASSERT_EQ(expected.shape.front(), int64_t(positions.size()));
    const double worst = worstOfRows(expected, 0, positions, got);
    EXPECT_LE(worst, kReference) << prompt << " in chunks of " << chunk;
    RecordProperty(prompt + "_" + std::to_string(chunk), std::to_string(worst));
  }

  std::filesystem::path folder_;
  std::string logitsSuffix_;
  nlohmann::json golden_;
  std::unique_ptr<Model> model_;
};

TEST_P(Golden, oneBatch) {
  for (const char* prompt : {"short", "mid40", "long200"}) expectLogits(prompt, 512);
}

TEST_P(Golden, chunksOfSeven) {
  for (const char* prompt : {"short", "mid40", "long200"}) expectLogits(prompt, 7);
}

TEST_P(Golden, tokenByToken) {
  for (const char* prompt : {"short", "mid40", "long200"}) expectLogits(prompt, 1);
}

class GoldenTokens : public Golden {};  // of models with a tokenizer that this build reads

TEST_P(GoldenTokens, promptsBecomeTheirTokens) {
  const Tokenizer* tokenizer = model_->tokenizer();
  ASSERT_NE(tokenizer, nullptr);
  for (const char* prompt : {"short", "mid40", "long200"}) {
    std::vector<int> ids;
    if (tokenizer->addBos()) ids.push_back(int(tokenizer->bos().value()));
    for (const Token t : tokenizer->encode(golden_["prompts"][prompt]["text"].get<std::string>(), true)) {
      ids.push_back(int(t));
    }
    EXPECT_EQ(ids, golden_["prompts"][prompt]["ids"].get<std::vector<int>>()) << prompt;
  }
}

class GoldenGreedy : public Golden {};  // of files whose very weights the golden's greedy tokens are of

TEST_P(GoldenGreedy, tokens) {
  const auto prompt = golden_["prompts"]["short"]["ids"].get<std::vector<int>>();
  const auto expected = golden_["greedy_from_short"]["ids"].get<std::vector<int>>();
  EXPECT_EQ(greedy(*model_, prompt, int(expected.size())), expected);
}

// Half of the layers on the reference, half on the fast backend, either way round, and by turns.
class GoldenPlaced : public Golden {
 protected:
  void expectPlaced(const std::string& plan) {
    auto placed = Model::load({.path = (folder_ / std::get<0>(GetParam()).file).string(),
                               .threads = 2,
                               .kvType = "f32",
                               .backend = "cpu,reference",
                               .place = plan});
    ASSERT_TRUE(placed) << placed.error().what;
    EXPECT_EQ((*placed)->devices().size(), 2u);
    model_ = std::move(*placed);
    expectLogits("mid40", 512);
    expectLogits("mid40", 7);
  }
};

TEST_P(GoldenPlaced, halfTheLayersOnEach) {
  const int layers = model_->info().layers;
  const std::string last = std::to_string(layers - 1), half = std::to_string(layers / 2);
  expectPlaced(half + "-" + last + "=reference,head=reference");
  expectPlaced("embed=reference,0-" + half + "=reference," + half + "=cpu");
  std::string turns;
  for (int layer = 1; layer < layers; layer += 2)
    turns += (layer > 1 ? "," : "") + std::to_string(layer) + "=reference";
  if (!turns.empty()) expectPlaced(turns);
}

// Single tensors and experts on the other backend: the op that multiplies by them is computed there.
struct PlacedWeight {
  GoldenModel model;
  const char* plan;
  friend std::ostream& operator<<(std::ostream& out, const PlacedWeight& p) {
    std::string name = p.plan;
    std::ranges::replace_if(
        name, [](unsigned char c) { return !std::isalnum(c); }, '_');
    return out << p.model << "_" << name;
  }
};

class GoldenWeightPlaced : public testing::TestWithParam<PlacedWeight> {
 protected:
  static std::vector<float> logits(const std::string& backend, const std::string& plan, int chunk) {
    const std::filesystem::path folder = goldens() / "models" / GetParam().model.folder;
    const auto model = Model::load({.path = (folder / GetParam().model.file).string(),
                                    .threads = 2,
                                    .kvType = "f32",
                                    .backend = backend,
                                    .place = plan});
    if (!model) throw std::runtime_error(model.error().what);
    const auto golden = nlohmann::json::parse(readText(folder / "golden.json"));
    return logitsOf(**model, golden["prompts"]["mid40"]["ids"].get<std::vector<int>>(), chunk);
  }
};

TEST_P(GoldenWeightPlaced, computesTheSame) {
  const std::filesystem::path folder = goldens() / "models" / GetParam().model.folder;
  LEMMA_NEED_GOLDENS(folder);
  const auto golden = nlohmann::json::parse(readText(folder / "golden.json"));
  const Npy expected = readNpy(folder / ("logits_mid40" + std::string(GetParam().model.logitsSuffix) + ".npy"));
  const auto positions = golden["prompts"]["mid40"]["positions"].get<std::vector<int>>();
  const std::vector<float> whole = logits("cpu", "auto", 512);
  std::string same = GetParam().plan;
  for (size_t at; (at = same.find("reference")) != std::string::npos;) same.replace(at, 9, "cpu");
  for (const int chunk : {512, 7}) {
    const std::vector<float> placed = logits("cpu,reference", GetParam().plan, chunk);
    EXPECT_LE(worstOfRows(expected, 0, positions, placed), kReference) << "in chunks of " << chunk;
    if (chunk == 512) {
      EXPECT_NE(placed, whole) << "nothing was computed elsewhere";
    }
  }
  expectSameBits(logits("cpu,reference", same, 512), whole);
}

const PlacedWeight kPlacedWeights[] = {
    {{"llama31", "model-f32.gguf", ""}, "blk.1.ffn_down=reference"},
    {{"llama31", "model-f32.gguf", ""}, "blk.*.attn_k=reference,output_norm=reference"},
    {{"llama31", "model-f32.gguf", ""}, "1=reference,blk.1.ffn_up=cpu"},
    {{"deepseek_v3", "model-f16.gguf", "_f16w"}, "blk.1.attn_q_b=reference"},
    {{"deepseek_v3", "model-f16.gguf", "_f16w"}, "blk.1.attn_k_b=reference,blk.0.attn_v_b=reference"},
    {{"deepseek_v3", "model-f16.gguf", "_f16w"}, "1:experts=reference"},
    {{"deepseek_v3", "model-f16.gguf", "_f16w"}, "1:experts.0-7=reference,2:experts.3=reference"},
    {{"deepseek_r1_fp8", "model-f32.gguf", ""}, "blk.*.ffn_*_exps=reference"},
    {{"qwen3moe", "model-f32.gguf", ""}, "0:experts.0-3=reference,0:experts.2=cpu,1:experts.11=reference"},
    {{"deepseek_v3", "", ""}, "1:experts.0-7=reference"}};
INSTANTIATE_TEST_SUITE_P(All, GoldenWeightPlaced, testing::ValuesIn(kPlacedWeights), testing::PrintToStringParamName());

TEST(GoldenPlan, whatOneOpReadsCannotBeOnTwoDevices) {
  const std::filesystem::path file = goldens() / "models/deepseek_v3/model-f16.gguf";
  LEMMA_NEED_GOLDENS(file);
  for (const char* plan :
       {"blk.1.attn_k_b=reference,blk.1.attn_v_b=cpu", "blk.1.ffn_gate_exps=reference,blk.1.ffn_up_exps=cpu",
        "blk.1.ffn_gate_exps=cpu,1:experts.3=reference,blk.1.ffn_up_exps=cpu"}) {
    const auto model = Model::load({.path = file.string(), .threads = 1, .backend = "cpu,reference", .place = plan});
    ASSERT_FALSE(model) << plan;
    EXPECT_EQ(model.error().code, Err::badValue);
    EXPECT_NE(model.error().what.find("two devices"), std::string::npos) << model.error().what;
  }
}

const GoldenModel kLlama[] = {{"llama31", "model-f32.gguf", ""},
                              {"llama31", "model-f16.gguf", "_f16w"},
                              {"llama_tied_bf16", "model-bf16.gguf", ""},
                              {"llama_kquant", "model-f16.gguf", ""}};
const GoldenModel kLlamaQuantised[] = {{"llama_kquant", "model-q8_0.gguf", "_q8_0"},
                                       {"llama_kquant", "model-q4_0.gguf", "_q4_0"},
                                       {"llama_kquant", "model-q6_k.gguf", "_q6_k"},
                                       {"llama_kquant", "model-q4_k_m.gguf", "_q4_k_m"},
                                       {"llama_kquant", "model-q3_k_m.gguf", "_q3_k_m"}};
const GoldenModel kQwen[] = {{"qwen2", "model-f32.gguf", ""},
                             {"qwen3", "model-f32.gguf", ""},
                             {"qwen3", "model-f16.gguf", "_f16w"},
                             {"qwen3moe", "model-f32.gguf", ""}};

const GoldenModel kDeepSeek[] = {{"deepseek_v3", "model-f32.gguf", ""},
                                 {"deepseek_v3", "model-f16.gguf", "_f16w"},
                                 {"deepseek_v3", "model-f16-legacy.gguf", "_f16w"},
                                 {"deepseek_r1_fp8", "model-f32.gguf", ""},
                                 {"deepseek_v2_lite", "model-f32.gguf", ""}};
const GoldenModel kFolders[] = {{"llama31", "", ""},         {"llama_tied_bf16", "", ""}, {"llama_kquant", "", ""},
                                {"qwen2", "", ""},           {"qwen3", "", ""},           {"deepseek_v3", "", ""},
                                {"deepseek_r1_fp8", "", ""}, {"deepseek_v2_lite", "", ""}};

const auto kBothBackends = testing::Values("reference", "cpu");

std::string goldenLabel(const testing::TestParamInfo<Golden::ParamType>& info) {
  const auto& [golden, backend] = info.param;
  return testing::PrintToString(golden) + "_" + backend;
}

INSTANTIATE_TEST_SUITE_P(Llama, Golden, testing::Combine(testing::ValuesIn(kLlama), kBothBackends), goldenLabel);
INSTANTIATE_TEST_SUITE_P(Llama, GoldenTokens, testing::Combine(testing::ValuesIn(kLlama), testing::Values("cpu")),
                         goldenLabel);
INSTANTIATE_TEST_SUITE_P(Llama, GoldenGreedy, testing::Combine(testing::ValuesIn(kLlama), kBothBackends), goldenLabel);
INSTANTIATE_TEST_SUITE_P(Qwen, Golden, testing::Combine(testing::ValuesIn(kQwen), kBothBackends), goldenLabel);
INSTANTIATE_TEST_SUITE_P(Qwen, GoldenTokens, testing::Combine(testing::ValuesIn(kQwen), testing::Values("cpu")),
                         goldenLabel);
INSTANTIATE_TEST_SUITE_P(Folders, Golden, testing::Combine(testing::ValuesIn(kFolders), kBothBackends), goldenLabel);
INSTANTIATE_TEST_SUITE_P(Folders, GoldenGreedy, testing::Combine(testing::ValuesIn(kFolders), kBothBackends),
                         goldenLabel);
INSTANTIATE_TEST_SUITE_P(Qwen, GoldenGreedy, testing::Combine(testing::ValuesIn(kQwen), kBothBackends), goldenLabel);
INSTANTIATE_TEST_SUITE_P(DeepSeek, Golden, testing::Combine(testing::ValuesIn(kDeepSeek), kBothBackends), goldenLabel);
INSTANTIATE_TEST_SUITE_P(DeepSeek, GoldenGreedy, testing::Combine(testing::ValuesIn(kDeepSeek), kBothBackends),
                         goldenLabel);

const GoldenModel kPlaced[] = {
    {"llama31", "model-f32.gguf", ""}, {"qwen3moe", "model-f32.gguf", ""}, {"deepseek_v3", "model-f16.gguf", "_f16w"}};
INSTANTIATE_TEST_SUITE_P(All, GoldenPlaced, testing::Combine(testing::ValuesIn(kPlaced), testing::Values("cpu")),
                         goldenLabel);
INSTANTIATE_TEST_SUITE_P(LlamaQuantised, Golden,
                         testing::Combine(testing::ValuesIn(kLlamaQuantised), testing::Values("reference")),
                         goldenLabel);

}  // namespace
}  // namespace lemma::test
