// The scanners of pre-tokenizers against a real regular-expression engine over the published expressions (class:
// bitwise, every border equal). tests/goldens/make_splits.py made the reference.
#include "engine/tokenizer/pretokenizer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/tokenizer/word_splitter.h"

namespace lemma {
namespace {

TEST(Pretokenizer, splitsAsTheExpressionsDo) {
  std::ifstream file(std::string(LEMMA_TESTS_DIR) + "/goldens/splits.jsonl");
  std::map<std::string, int> cases;
  for (std::string line; std::getline(file, line);) {
    const auto expected = nlohmann::json::parse(line);
    const std::string pre = expected["pre"], text = expected["text"];
    ASSERT_TRUE(pretokenizer(pre)) << pre;
    TextPieces pieces{.text = text, .ranges = {{0, text.size()}}};
    splitByPretokenizer(*pretokenizer(pre))->apply(pieces);
    std::vector<size_t> words;
    for (const TextRange& r : pieces.ranges) words.push_back(r.end - r.begin);
    EXPECT_EQ(nlohmann::json(words), expected["words"]) << line;
    ++cases[pre];
  }
  EXPECT_EQ(cases.size(), 15u);
  for (const auto& [pre, count] : cases) EXPECT_GE(count, 250) << pre;
}

TEST(Pretokenizer, namesThatAreNotKnown) {
  EXPECT_EQ(pretokenizer(""), nullptr);
  EXPECT_EQ(pretokenizer("Qwen2"), nullptr);
  EXPECT_NE(pretokenizer("deepseek-r1-qwen"), nullptr);
}

TEST(CharClass, knowsTheCategories) {
  const std::pair<uint32_t, CharClass> known[] = {
      {'A', CharClass::upper},     {'a', CharClass::lower},    {0x1c5, CharClass::title}, {0x2b0, CharClass::modifier},
      {0x4e00, CharClass::letter}, {0x301, CharClass::mark},   {0xbd, CharClass::number}, {'!', CharClass::punctuation},
      {'+', CharClass::symbol},    {0x3000, CharClass::space}, {0, CharClass::other},     {0x10ffff, CharClass::other},
      {0x85, CharClass::space},    {0x1c, CharClass::other},   {0x378, CharClass::other}, {0x110000, CharClass::other},
      {0x1f600, CharClass::symbol}};
  for (const auto& [code, wanted] : known) EXPECT_EQ(int(charClass(code)), int(wanted)) << code;
}

TEST(Utf8, onlyStrictFormsAreCodePoints) {
  const auto value = [](std::string_view text) {
    return std::pair(decodeUtf8(text, 0).value, decodeUtf8(text, 0).bytes);
  };
  EXPECT_EQ(value("\xf0\x9f\x98\x80"), std::pair(0x1f600u, 4));
  for (const std::string_view bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                                     "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xc3", "\xe2(\xa1"}) {
    EXPECT_EQ(value(bad), std::pair(0xfffdu, 1));
  }
}

}  // namespace
}  // namespace lemma
