// Unigram tokenizers of folders as GGUF's keys: ids from the folder, from the keys and of the `tokenizers` library are
// the same (class: bitwise). tests/goldens/make_unigrams.py made the reference.
#include <gtest/gtest.h>

#include "engine/model_file/model_header.h"
#include "engine/tokenizer/gguf_keys.h"
#include "tests/tokenizer/reference.h"

namespace lemma {
namespace {

using nlohmann::json;

// What GGUF has no key for. Its models map text as SentencePiece does, where the library takes a letter with combining
// marks for one character; where they drop extra spaces they also drop them at the end, between two user-defined tokens
// text stands alone, and the mark of a space is one.
bool isOfAnotherKind(const json& form, const std::string& text) {
  if (!form["keys"]["remove_extra_whitespaces"]) return false;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const auto first = uint8_t(text[i]), second = uint8_t(text[i + 1]);
    if (first == 0xcc || (first == 0xcd && second < 0xb0)) return true;  // U+0300 to U+036F
  }
  if (text.find("<tool>") != text.npos || text.find("\u2581") != text.npos) return true;
  return form["name"] == "t5, older" && !text.empty() && std::string_view(" \t\n\r").find(text.back()) != text.npos;
}

TEST(UnigramKeys, haveTheIdsOfTheFolder) {
  int compared = 0;
  for (const json& form : test::keptForms("unigrams.jsonl")) {
    SCOPED_TRACE(form["name"]);
    const std::string tokenizer = form["json"].dump();
    const TokenizerFiles files{.tokenizer = tokenizer};
    const auto folder = Tokenizer::fromJson(files);
    ASSERT_TRUE(folder) << folder.error().what;
    const int rows = (*folder)->size() + 3;
    const auto keys = ggufTokenizerKeys(files, rows);
    if (form["keys"].is_null()) {
      ASSERT_FALSE(keys);
      EXPECT_EQ(keys.error().code, Err::unsupported);
      EXPECT_NE(keys.error().what.find("tokenizer.json"), std::string::npos);
      continue;
    }
    ASSERT_TRUE(keys) << keys.error().what;
    ModelHeader header;
    header.kv = *keys;
    ASSERT_TRUE(header.indexKeys());
    EXPECT_EQ(*header.str("tokenizer.ggml.model"), "t5");
    for (const auto& [key, value] : form["keys"].items()) {
      EXPECT_EQ(*header.flag("tokenizer.ggml." + key), value.get<bool>()) << key;
    }
    for (const char* key : {"tokens", "scores", "token_type"}) {
      EXPECT_EQ(header.find(std::string("tokenizer.ggml.") + key)->count(), uint64_t(rows)) << key;
    }
    const auto written = Tokenizer::fromGguf(header);
    ASSERT_TRUE(written) << written.error().what;
    EXPECT_EQ((*written)->unknown(), (*folder)->unknown());
    for (const json& one : form["cases"]) {
      const std::string text = one[0];
      EXPECT_EQ(json(test::numbers((*folder)->encode(text, true))), one[1]) << text;
      if (isOfAnotherKind(form, text)) continue;
      EXPECT_EQ(json(test::numbers((*written)->encode(text, true))), one[1]) << text;
      ++compared;
    }
  }
  EXPECT_GE(compared, 210);
}

// The map comes over byte for byte, as GGUF's other readers want it.
TEST(UnigramKeys, haveTheMapOfTheFolder) {
  const json form = test::keptForms("unigrams.jsonl").front();
  const auto& steps = form["json"]["normalizer"]["normalizers"];
  const std::string map = decodeBase64(steps[0]["precompiled_charsmap"].get<std::string>()).value();
  const std::string tokenizer = form["json"].dump();
  const auto keys = ggufTokenizerKeys({.tokenizer = tokenizer}, 0);
  ASSERT_TRUE(keys) << keys.error().what;
  ModelHeader header;
  header.kv = *keys;
  ASSERT_TRUE(header.indexKeys());
  const GgufValue* value = header.find("tokenizer.ggml.precompiled_charsmap");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->elementType(), GgufType::u8);
  const auto numbers = value->asI32Array();
  ASSERT_TRUE(numbers);
  std::string bytes;
  for (const int32_t b : *numbers) bytes += char(b);
  EXPECT_EQ(bytes, map);
}

TEST(UnigramKeys, hostileFoldersAreRefusedInOneSentence) {
  const json whole = test::keptForms("unigrams.jsonl").front()["json"];
  const auto refused = [](const json& tree, const char* word) {
    const std::string text = tree.dump();
    const auto keys = ggufTokenizerKeys({.tokenizer = text}, 0);
    ASSERT_FALSE(keys) << word;
    EXPECT_NE(keys.error().what.find(word), std::string::npos) << keys.error().what;
  };
  json tree = whole;
  tree["normalizer"]["normalizers"][0]["precompiled_charsmap"] = "AAAA!";
  refused(tree, "precompiled_charsmap");
  tree["normalizer"]["normalizers"][0]["precompiled_charsmap"] = "/////w==";  // a table of 4 GiB
  refused(tree, "precompiled_charsmap");
  tree = whole;
  tree["model"]["vocab"][3] = json::array({"x"});
  refused(tree, "vocab");
  tree = whole;
  tree["model"]["vocab"] = json::array();
  refused(tree, "vocab");
  tree = whole;
  tree["normalizer"] = json{{"type", "Lowercase"}};
  refused(tree, "t5");
}

}  // namespace
}  // namespace lemma
