// Folders of safetensors in GGUF's form, against the GGUF files that llama.cpp's converter made of the same weights.
// Class: bitwise.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>

#include "engine/quantise/gguf_form.h"
#include "engine/quantise/quantise.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/support/goldens.h"
#include "tests/support/temporary_folder.h"

namespace lemma {
namespace {

std::vector<float> decoded(const ModelFile& file, const ModelTensor& t) {
  std::vector<float> values(size_t(t.ne[0] * t.ne[1] * t.ne[2] * t.ne[3]));
  typeInfo(t.type)->decode(file.parts[t.part].bytes.data() + t.offset, values.data(), int64_t(values.size()));
  return values;
}

class Folder : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto folder = test::goldens() / "models" / GetParam();
    LEMMA_NEED_GOLDENS(folder);
    auto opened = openModel(folder.string()), file = openModel((folder / "model-f32.gguf").string());
    ASSERT_TRUE(opened) << opened.error().what;
    ASSERT_TRUE(file) << file.error().what;
    folder_ = std::move(*opened);
    gguf_ = std::move(*file);
  }

  ModelFile folder_, gguf_;
};

TEST_P(Folder, hasTheTensorsOfTheConvertedFile) {
  const auto form = GgufForm::of(folder_);
  ASSERT_TRUE(form) << form.error().what;
  size_t compared = 0;
  for (const ModelTensor& t : (*form)->header().tensors) {
    SCOPED_TRACE(t.name);
    const ModelTensor* other = gguf_.header.tensor(t.name);
    if (!other) {  // the converter leaves out the layer that drafts
      EXPECT_TRUE(t.name.starts_with("blk.3.") || t.name.find("nextn") != std::string::npos);
      continue;
    }
    EXPECT_EQ(t.ne, other->ne);
    const std::vector<float> expected = decoded(gguf_, *other);
    std::vector<float> values(expected.size());
    if ((*form)->made(t)) {
      (*form)->rows(t, 0, t.ne[1] * t.ne[2], values.data());
    } else {
      typeInfo(t.type)->decode((*form)->bytes(t).data(), values.data(), int64_t(values.size()));
    }
    EXPECT_EQ(std::memcmp(values.data(), expected.data(), values.size() * sizeof(float)), 0);
    ++compared;
  }
  EXPECT_GT(compared, 10u);
}

// The same through quantise, in pieces on three threads; what the file is then computes as the converter's does.
TEST_P(Folder, isWrittenAsGguf) {
  const test::TemporaryFolder folder;
  const std::string out = folder / "out.gguf";
  const CancelFlag cancel(false);
  const auto done = quantise(folder_, out, {.recipe = *findRecipe("F16"), .threads = 3}, {}, cancel);
  ASSERT_TRUE(done) << done.error().what;
  const auto written = openModel(out);
  ASSERT_TRUE(written) << written.error().what;
  for (const ModelTensor& t : gguf_.header.tensors) {
    SCOPED_TRACE(t.name);
    const ModelTensor* other = written->header.tensor(t.name);
    ASSERT_TRUE(other);
    std::vector<float> expected = decoded(gguf_, t);
    if (other->type == Type::F16) {
      std::vector<std::byte> rounded(expected.size() * 2);
      typeInfo(Type::F16)->encode(expected.data(), rounded.data(), int64_t(expected.size()));
      typeInfo(Type::F16)->decode(rounded.data(), expected.data(), int64_t(expected.size()));
    }
    EXPECT_EQ(decoded(*written, *other), expected);
  }
  const std::string architecture = *gguf_.header.str("general.architecture");
  for (const auto& [key, value] : gguf_.header.kv) {
    if (!key.starts_with(architecture + ".")) continue;
    if (key.ends_with(".block_count") && written->header.find(architecture + ".nextn_predict_layers")) continue;
    SCOPED_TRACE(key);
    const GgufValue* other = written->header.find(key);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->type(), value.type());
    EXPECT_EQ(other->asF64(), value.asF64());
    EXPECT_EQ(other->asString(), value.asString());
    EXPECT_EQ(other->asBool(), value.asBool());
  }
  for (const auto& [key, value] : written->header.kv) {
    EXPECT_FALSE(key.starts_with("lemma.") || key.ends_with("half_split")) << key;
    EXPECT_NE(value.type(), GgufType::u64) << key;
    EXPECT_NE(value.type(), GgufType::f64) << key;
  }
  const auto theirs = Tokenizer::of(folder_), ours = Tokenizer::of(*written);
  ASSERT_TRUE(theirs && ours) << (ours ? "" : ours.error().what);
  EXPECT_TRUE(std::ranges::equal((*ours)->endOfGeneration(), (*theirs)->endOfGeneration()));
  for (const char* text :
       {"The capital of France is", "I'll 1234 \n\n  <s>x</s>", "na\u00efve \u4f60\u597d \U0001f600"}) {
    EXPECT_EQ((*ours)->encode(text, true), (*theirs)->encode(text, true)) << text;
    EXPECT_EQ((*ours)->encode(text, false), (*theirs)->encode(text, false)) << text;
  }
}

// Folders that open, but cannot be written: each is refused in one sentence that names the tensor or the key.
TEST(HostileFolder, isNotWritten) {
  struct Case {
    const char* name;
    std::vector<std::pair<std::string, std::array<int64_t, 2>>> tensors;
    bool halfSplit;
    Err code;
    const char* names;
  };
  const std::vector<std::byte> room(1 << 16);
  const Case kCases[] = {
      {"no name in GGUF", {{"model.visual.proj", {8, 8}}}, false, Err::unsupported, "model.visual.proj"},
      {"heads that do not fit", {{"blk.0.attn_q.weight", {8, 10}}}, true, Err::badValue, "blk.0.attn_q.weight"},
      {"halves inside heads", {{"blk.0.attn_q_b.weight", {8, 8}}}, true, Err::unsupported, "blk.0.attn_q_b.weight"},
      {"an expert is missing",
       {{"blk.0.ffn_up_exps.0.weight", {8, 8}}, {"blk.0.ffn_up_exps.2.weight", {8, 8}}},
       false,
       Err::notFound,
       "blk.0.ffn_up_exps.1.weight"},
      {"experts of two shapes",
       {{"blk.0.ffn_up_exps.0.weight", {8, 8}},
        {"blk.0.ffn_up_exps.1.weight", {8, 4}},
        {"blk.0.ffn_up_exps.2.weight", {8, 8}}},
       false,
       Err::badValue,
       "blk.0.ffn_up_exps.1.weight"}};
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    ModelFile file;
    file.header.kv = {{"general.architecture", GgufValue::of(std::string_view("llama"))},
                      {"llama.attention.head_count", GgufValue::of(uint64_t(2))},
                      {"llama.expert_count", GgufValue::of(uint64_t(3))},
                      {"llama.rope.half_split", GgufValue::of(c.halfSplit)}};
    for (const auto& [name, ne] : c.tensors) {
      file.header.tensors.push_back({.name = name,
                                     .type = Type::F32,
                                     .rank = 2,
                                     .ne = {ne[0], ne[1], 1, 1},
                                     .bytes = uint64_t(ne[0] * ne[1] * 4)});
    }
    file.parts.push_back({"model.safetensors", room, nullptr});
    ASSERT_TRUE(file.header.indexKeys() && file.header.indexTensors());
    const auto form = GgufForm::of(file);
    ASSERT_FALSE(form);
    EXPECT_EQ(form.error().code, c.code) << form.error().what;
    EXPECT_NE(form.error().what.find(c.names), std::string::npos) << form.error().what;
  }
}

TEST(HostileFolder, ofMoreExpertsThanThereAreIsNotWritten) {
  const std::vector<std::byte> room(1 << 20);
  ModelFile file;
  file.header.kv = {{"general.architecture", GgufValue::of(std::string_view("gpt-oss"))}};
  file.header.tensors.push_back({.name = "blk.0.ffn_down_exps.weight",
                                 .type = Type::F32,
                                 .rank = 3,
                                 .ne = {1, 1, (1 << 16) + 1, 1},
                                 .bytes = ((1 << 16) + 1) * 4,
                                 .nb = {4, 4, 4, 4 * ((1 << 16) + 1)}});
  file.parts.push_back({"model.safetensors", room, nullptr});
  ASSERT_TRUE(file.header.indexKeys() && file.header.indexTensors());
  const auto form = GgufForm::of(file);
  ASSERT_FALSE(form);
  EXPECT_EQ(form.error().code, Err::tooLarge);
  EXPECT_NE(form.error().what.find("blk.0.ffn_down_exps.weight"), std::string::npos) << form.error().what;
}

// Widths of latents that do not fit each other or the joint matrix, or that no model has.
TEST(HostileFolder, whoseLatentIsAnotherIsNotWritten) {
  const std::map<std::string, uint64_t> kFitting{{"attention.kv_lora_rank", 16},
                                                 {"attention.head_count", 2},
                                                 {"attention.key_length", 24},
                                                 {"attention.value_length", 8},
                                                 {"rope.dimension_count", 8}};
  const std::vector<std::byte> room(1 << 16);
  const auto formed = [&](const std::map<std::string, uint64_t>& keys) {
    ModelFile file;
    file.header.kv = {{"general.architecture", GgufValue::of(std::string_view("deepseek2"))}};
    for (const auto& [key, value] : keys) file.header.kv.emplace_back("deepseek2." + key, GgufValue::of(value));
    file.header.tensors.push_back(
        {.name = "blk.0.attn_kv_b.weight", .type = Type::F32, .rank = 2, .ne = {16, 48, 1, 1}, .bytes = 16 * 48 * 4});
    file.parts.push_back({"model.safetensors", room, nullptr});
    EXPECT_TRUE(file.header.indexKeys() && file.header.indexTensors());
    const auto form = GgufForm::of(file);
    return form ? std::string() : form.error().what;
  };
  EXPECT_EQ(formed(kFitting), "");
  for (const auto& [key, value] : kFitting) {
    for (const uint64_t other : {uint64_t(0), value + 1, uint64_t(1) << 31, ~uint64_t(0)}) {
      auto keys = kFitting;
      keys[key] = other;
      const std::string error = formed(keys);
      const bool named = error.find(key) != std::string::npos ||
                         error.find("attention.key_length") != std::string::npos ||
                         error.find("blk.0.attn_kv_b.weight") != std::string::npos;
      EXPECT_TRUE(named) << key << " = " << other << ": " << error;
    }
    auto keys = kFitting;
    keys.erase(key);
    if (key == "attention.kv_lora_rank") {
      EXPECT_EQ(formed(keys), "");  // no latent, so one matrix like others
    } else {
      EXPECT_NE(formed(keys).find(key), std::string::npos) << key;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Folder,
                         testing::Values("llama31", "qwen2", "qwen3", "qwen3moe", "deepseek_v2_lite", "deepseek_v3",
                                         "deepseek_r1_fp8"));

}  // namespace
}  // namespace lemma
