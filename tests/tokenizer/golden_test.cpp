// Ids against other implementations' (class: bitwise, every id equal): vocabulary files of five families with the
// cases of llama.cpp and strings of every script, decoding of DeepSeek R1's ids, the default model.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/gguf/gguf.h"
#include "engine/model_file/model_file.h"
#include "engine/tokenizer/sentencepiece_bpe.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/support/default_model.h"
#include "tests/support/goldens.h"
#include "tests/tokenizer/reference.h"

namespace lemma {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::expectReference, test::lines, test::numbers, test::strings, test::tokens, test::unpacked;

fs::path folder() { return test::tokenizerGoldens(); }

class VocabularyFile : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { load(GetParam()); }
  void load(const std::string& family) {
    const fs::path file = folder() / ("ggml-vocab-" + family + ".gguf.xz");
    LEMMA_NEED_GOLDENS(file);
    const std::vector<std::byte> bytes = unpacked(file);  // gone afterwards: the tokenizer must not need them
    if (bytes.empty()) GTEST_SKIP() << "xz is not installed";
    const auto header = parseGguf(bytes, bytes.size());
    ASSERT_TRUE(header) << header.error().what;
    auto made = Tokenizer::fromGguf(*header);
    ASSERT_TRUE(made) << made.error().what;
    tokenizer_ = std::move(*made);
  }
  std::unique_ptr<Tokenizer> tokenizer_;
};
class VocabularyWithCases : public VocabularyFile {};

TEST_P(VocabularyWithCases, cases) {
  const fs::path input = folder() / ("ggml-vocab-" + std::string(GetParam()) + ".gguf.inp");
  LEMMA_NEED_GOLDENS(input);
  const std::string all = test::readText(input), separator = "\n__ggml_vocab_test__\n";
  std::istringstream out(test::readText(input.string().substr(0, input.string().size() - 3) + "out"));
  int count = 0;
  size_t at = 0;
  for (std::string line; std::getline(out, line); ++count) {
    std::istringstream ids(line);
    std::vector<int> expected{std::istream_iterator<int>(ids), {}};
    ASSERT_LE(at, all.size());
    const size_t end = std::min(all.find(separator, at), all.size());
    const std::string text = all.substr(at, end - at);
    EXPECT_EQ(numbers(tokenizer_->encode(text, false)), expected) << text;
    EXPECT_EQ(tokenizer_->decode(tokenizer_->encode(text, false), false), text);
    at = end + separator.size();
  }
  EXPECT_GE(count, 40);
}

TEST_P(VocabularyFile, strings) {
  expectReference(*tokenizer_, folder() / ("ref-" + std::string(GetParam()) + ".jsonl"));
}

TEST_P(VocabularyFile, stringsComeBack) {
  const bool marks = GetParam() == std::string("llama-spm");  // writes a space as U+2581, so the two are one to it
  for (const auto& [id, text] : strings()) {
    std::string expected;
    marks ? appendSpaceMarksDecoded(text, expected) : void(expected = text);
    EXPECT_EQ(tokenizer_->decode(tokenizer_->encode(text, false), false), expected) << id;
  }
}

std::string label(const testing::TestParamInfo<const char*>& one) {
  std::string name = one.param;
  std::erase(name, '-');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Goldens, VocabularyFile,
                         testing::Values("deepseek-r1", "qwen2", "llama-bpe", "gpt-2", "llama-spm"), label);
INSTANTIATE_TEST_SUITE_P(Goldens, VocabularyWithCases, testing::Values("qwen2", "llama-bpe", "gpt-2", "llama-spm"),
                         label);

class DeepSeekR1 : public VocabularyFile {
  void SetUp() override { load("deepseek-r1"); }
};

TEST_F(DeepSeekR1, decoding) {
  const auto text = strings();
  for (const json& line : lines(folder() / "ref-deepseek-r1-decode.jsonl")) {
    const auto ids = tokens(line["ids"]);
    const auto expected = [&](const char* key) {
      return line[key].is_null() ? text.at(line["id"]) : line[key].get<std::string>();
    };
    EXPECT_EQ(tokenizer_->decode(ids, false), expected("decode")) << line["id"];
    // The GGUF file calls <|User|> and its like control tokens, the reference's file does not and leaves them in.
    std::string skipped = expected("decode_skip_special");
    for (const Token t : ids) {
      if (!tokenizer_->isControl(t)) continue;
      if (const size_t at = skipped.find(tokenizer_->piece(t)); at != skipped.npos)
        skipped.erase(at, tokenizer_->piece(t).size());
    }
    EXPECT_EQ(tokenizer_->decode(ids, true), skipped) << line["id"];
  }
}

TEST(DefaultModel, strings) {
  const fs::path model = test::defaultModel(), reference = test::goldens() / "smollm2" / "ref-tokens.jsonl";
  LEMMA_NEED_GOLDENS(reference);
  if (!fs::exists(model)) GTEST_SKIP() << "the default model is not there: " << model.string();
  const auto file = openModel(model);
  ASSERT_TRUE(file) << file.error().what;
  const auto tokenizer = Tokenizer::fromGguf(file->header);
  ASSERT_TRUE(tokenizer) << tokenizer.error().what;
  expectReference(**tokenizer, reference);
  EXPECT_TRUE((*tokenizer)->isEndOfGeneration(*(*tokenizer)->find("<|im_end|>")));
  EXPECT_FALSE((*tokenizer)->addBos());
}

// One vocabulary under each name of a pre-tokenizer, as llama.cpp splits for it (make_pre_names.py).
TEST(PretokenizerNames, idsOfOneVocabulary) {
  const fs::path vocabulary = folder() / "ggml-vocab-llama-bpe.gguf.xz";
  LEMMA_NEED_GOLDENS(vocabulary);
  const std::vector<std::byte> bytes = unpacked(vocabulary);
  if (bytes.empty()) GTEST_SKIP() << "xz is not installed";
  auto header = parseGguf(bytes, bytes.size());
  ASSERT_TRUE(header) << header.error().what;
  std::erase_if(header->kv, [](const auto& kv) { return kv.first == "tokenizer.ggml.add_bos_token"; });
  const auto pre = std::ranges::find(header->kv, "tokenizer.ggml.pre", &std::pair<std::string, GgufValue>::first);
  ASSERT_NE(pre, header->kv.end());
  const auto names = lines(fs::path(LEMMA_TESTS_DIR) / "goldens" / "pre_names.jsonl");
  EXPECT_GE(names.size(), 55u);
  for (const json& name : names) {
    SCOPED_TRACE(name["pre"]);
    pre->second = GgufValue::of(std::string_view(name["pre"].get_ref<const std::string&>()));
    ASSERT_TRUE(header->indexKeys());
    const auto t = Tokenizer::fromGguf(*header);
    ASSERT_TRUE(t) << t.error().what;
    EXPECT_EQ((*t)->addBos(), name["add_bos"]);
    for (const json& one : name["cases"]) {
      EXPECT_EQ(json(numbers((*t)->encode(one[0].get<std::string>(), false))), one[1]) << one[0];
    }
  }
}

}  // namespace
}  // namespace lemma
