// What a tokenizer promises whatever the vocabulary: special tokens, decoding, ends, round trips, linear time; and
// what becomes of broken vocabularies.
#include "engine/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "engine/tokenizer/pretokenizer.h"
#include "engine/tokenizer/sentencepiece_bpe.h"
#include "tests/support/tiny_vocabulary.h"

namespace lemma {
namespace {

using test::TinyVocabulary;

std::unique_ptr<Tokenizer> make(const GgufWriter& writer) {
  const auto bytes = writer.bytes();
  const auto header = parseGguf(bytes, bytes.size());
  EXPECT_TRUE(header) << header.error().what;
  auto tokenizer = Tokenizer::fromGguf(*header);
  EXPECT_TRUE(tokenizer) << tokenizer.error().what;
  return tokenizer ? std::move(*tokenizer) : nullptr;
}
Error errorOf(const GgufWriter& writer) {
  const auto bytes = writer.bytes();
  const auto header = parseGguf(bytes, bytes.size());
  EXPECT_TRUE(header) << header.error().what;
  const auto tokenizer = Tokenizer::fromGguf(*header);
  EXPECT_FALSE(tokenizer) << "was accepted";
  return tokenizer ? Error{} : tokenizer.error();
}
std::vector<std::string> pieces(const Tokenizer& t, const std::vector<Token>& ids) {
  std::vector<std::string> out;
  for (const Token id : ids) out.emplace_back(t.piece(id));
  return out;
}
using Strings = std::vector<std::string>;

TEST(Tokenizer, mergesByRank) {
  const auto t = make(TinyVocabulary().writer());
  EXPECT_EQ(pieces(*t, t->encode("hello world", false)), (Strings{"hello", " world"}));
  EXPECT_EQ(pieces(*t, t->encode("held", false)), (Strings{"he", "ld"}));
  EXPECT_EQ(pieces(*t, t->encode("aaaaaaa", false)), (Strings{"aaaa", "aa", "a"}));
  EXPECT_TRUE(t->encode("", true).empty());
}

// The scan of short words and the heap of long ones give the same tokens.
TEST(Tokenizer, longWordsMergeAsShortOnes) {
  const auto t = make(TinyVocabulary().writer());
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::string word;
    for (int i = 0; i < 30; ++i) word += "helowrda"[random() % 8];
    const auto alone = pieces(*t, t->encode(word, false));
    const auto longer = pieces(*t, t->encode(word + std::string(40, 'z'), false));
    ASSERT_EQ(longer.size(), alone.size() + 40) << word;
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), longer.begin())) << word;
  }
}

TEST(Tokenizer, controlTokensComeFromTextOnlyWhenAsked) {
  const auto t = make(TinyVocabulary().writer());
  const std::string text = "<|im_start|>hello<|im_end|><unk><unused>";
  for (const Token token : t->encode(text, false)) EXPECT_FALSE(t->isControl(token)) << t->piece(token);
  EXPECT_EQ(pieces(*t, t->encode(text, true)),
            (Strings{"<|im_start|>", "hello", "<|im_end|>", "<unk>", "<", "u", "n", "u", "s", "e", "d", ">"}));
  EXPECT_EQ(t->decode(t->encode(text, false), false), text);
  EXPECT_EQ(t->decode(t->encode(text, true), false), text);
  EXPECT_EQ(t->decode(t->encode(text, true), true), "hello<unused>");
}

TEST(Tokenizer, mergesCannotMakeAControlToken) {
  TinyVocabulary v;
  const int control = v.add("xy", 3);
  v.merges.push_back("x y");
  const auto t = make(v.writer());
  EXPECT_EQ(pieces(*t, t->encode("xy", false)), (Strings{"x", "y"}));
  EXPECT_EQ(t->encode("xy", true), (std::vector{Token(control)}));
}

TEST(Tokenizer, addedTokensAreFoundInAnyText) {
  const auto t = make(TinyVocabulary().writer());
  EXPECT_EQ(pieces(*t, t->encode("<think>a</think>", false)), (Strings{"<think>", "a", "</think>"}));
  EXPECT_FALSE(t->isControl(*t->find("<think>")));
}

TEST(Tokenizer, theLongestSpecialTokenWins) {
  TinyVocabulary v;
  v.add("<a>", 3);
  v.add("<a><b>", 3);
  v.add("<a><b><c>d", 3);
  const auto t = make(v.writer());
  EXPECT_EQ(pieces(*t, t->encode("<a><b><c>x<a><a><b>", true)),
            (Strings{"<a><b>", "<", "c", ">", "x", "<a>", "<a><b>"}));
}

TEST(Tokenizer, endsByIdAndByText) {
  TinyVocabulary v;
  v.eos = v.add("<my own end>", 3);
  const int known = v.add("<|eot_id|>", 1);  // a file that forgot to call it control
  const auto t = make(v.writer());
  EXPECT_TRUE(t->isEndOfGeneration(Token(v.eos)));
  EXPECT_TRUE(t->isEndOfGeneration(Token(known)));
  EXPECT_TRUE(t->isControl(Token(known)));
  EXPECT_TRUE(t->isEndOfGeneration(*t->find("<|im_end|>")));
  EXPECT_FALSE(t->isEndOfGeneration(*t->find("<think>")));
  EXPECT_FALSE(t->isEndOfGeneration(Token(-1)));
  EXPECT_EQ(t->eos(), Token(v.eos));
  EXPECT_FALSE(t->addBos());
}

TEST(Tokenizer, idsOutsideTheVocabularyAreNothing) {
  const auto t = make(TinyVocabulary().writer());
  for (const int id : {-1, t->size(), 1 << 30, -(1 << 30)}) {
    EXPECT_EQ(t->piece(Token(id)), "");
    EXPECT_FALSE(t->isControl(Token(id)));
    EXPECT_EQ(t->decode(std::vector{Token(id)}, false), "");
  }
}

// decode(encode(x)) == x for bytes of any kind.
TEST(Tokenizer, byteLevelRoundTrip) {
  std::mt19937 random(11);
  for (const char* pre :
       {"gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-llm", "deepseek-coder", "deepseek-v3", "tekken", "gpt-4o"}) {
    TinyVocabulary v;
    v.pre = pre;
    const auto t = make(v.writer());
    for (int round = 0; round < 300; ++round) {
      std::string text;
      for (unsigned i = random() % 60; i-- > 0;) {
        switch (random() % 5) {
          case 0:
            text += char(random());
            break;
          case 1:
            text += std::string(1 + random() % 3, " \n\r\t'"[random() % 5]);
            break;
          case 2: {
            const uint32_t c = 0x80 + random() % 0xff80;  // may be a surrogate, which is no UTF-8
            text += {char(0xe0 | (c >> 12)), char(0x80 | ((c >> 6) & 63)), char(0x80 | (c & 63))};
            break;
          }
          case 3:
            text += "\U0001f600";
            break;
          default:
            text += char(' ' + random() % 95);
        }
      }
      const auto ids = t->encode(text, round % 2 == 0);
      ASSERT_EQ(t->decode(ids, false), text) << pre << ", round " << round;
    }
  }
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kSecondsForAMegabyte = 15;
#else
constexpr double kSecondsForAMegabyte = 1;
#endif

TEST(Tokenizer, aMegabyteOfAnythingIsLinear) {
  constexpr size_t kMegabyte = 1 << 20;
  std::mt19937 random(5);
  std::string noise(kMegabyte, 0), emoji, mixed;
  for (char& c : noise) c = char(random());
  while (emoji.size() < kMegabyte) emoji += "\U0001f600";
  while (mixed.size() < kMegabyte) mixed += "<|im_";
  const std::string texts[] = {std::string(kMegabyte, 'a'),
                               std::string(kMegabyte, ' ') + "x",
                               std::string(kMegabyte, '<'),
                               std::string(kMegabyte, '1'),
                               std::string(kMegabyte, '\n'),
                               noise,
                               emoji,
                               mixed};
  for (const char* pre : {"smollm", "deepseek-v3", "deepseek-llm"}) {
    TinyVocabulary v;
    v.pre = pre;
    v.add(std::string(SpecialMatcher::kLongest, '<'), 3);
    const auto t = make(v.writer());
    for (const std::string& text : texts) {
      const std::clock_t start = std::clock();  // of this program: the machine may be busy
      const auto ids = t->encode(text, true);
      EXPECT_LT(double(std::clock() - start) / CLOCKS_PER_SEC, kSecondsForAMegabyte) << pre << " " << int(text[0]);
      EXPECT_EQ(t->decode(ids, false), text);
    }
  }
}

GgufWriter sentencePiece(const Strings& tokens, const std::vector<float>& scores, const std::vector<int32_t>& types) {
  return GgufWriter()
      .str("tokenizer.ggml.model", "llama")
      .strings("tokenizer.ggml.tokens", tokens)
      .f32s("tokenizer.ggml.scores", scores)
      .i32s("tokenizer.ggml.token_type", types);
}

TEST(SentencePiece, mergesByScoreAndFallsBackToBytes) {
  const auto t = make(sentencePiece({"<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab", "\u2581a", "<0xC3>", "<0xA4>"},
                                    {0, 0, 0, -1, -2, -3, -9, -4, 0, 0}, {2, 3, 3, 1, 1, 1, 1, 1, 6, 6}));
  EXPECT_EQ(pieces(*t, t->encode("ab", false)), (Strings{" a", "b"}));  // -4 is better than -9
  EXPECT_EQ(pieces(*t, t->encode("\u00e4", false)), (Strings{" ", "\xc3", "\xa4"}));
  EXPECT_EQ(pieces(*t, t->encode("z", false)), (Strings{" ", "<unk>"}));
  EXPECT_EQ(t->decode(t->encode("ab a", false), false), "ab a");
  EXPECT_TRUE(t->addBos());
  EXPECT_EQ(t->bos(), Token(1));
}

TEST(SentencePiece, scoresThatAreNoNumbersAreTheLowest) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const auto t =
      make(sentencePiece({"<unk>", "a", "b", "ab", "ba", "\u2581"}, {0, 0, 0, nan, -inf, 0}, {2, 1, 1, 1, 1, 1}));
  EXPECT_EQ(pieces(*t, t->encode("aba", false)), (Strings{" ", "a", "ba"}));
}

TEST(SentencePiece, byteTokensThatAreNone) {
  for (const char* text : {"<0x-1>", "<0xZZ>", "<0x1>", "<0x100>", "<0x>", "0x41", "", "<0x4 >"}) {
    EXPECT_EQ(byteOfToken(text), std::nullopt) << text;
    const auto t = make(sentencePiece({"<unk>", text, "a", "\u2581"}, {0, 0, 0, 0}, {2, 6, 1, 1}));
    EXPECT_EQ(t->piece(Token(1)), text);
  }
  EXPECT_EQ(byteOfToken("<0x0A>"), 10);
  EXPECT_EQ(byteOfToken("<0xfF>"), 255);
}

TEST(TokenizerHostile, brokenVocabulariesAreRefusedByKey) {
  const auto with = [](auto change) {
    TinyVocabulary v;
    change(v);
    return v.writer();
  };
  const Strings two = {"a", "b"};
  const auto gpt2 = [] { return GgufWriter().str("tokenizer.ggml.model", "gpt2"); };
  const auto llama = [] { return GgufWriter().str("tokenizer.ggml.model", "llama"); };
  const struct {
    const char* name;
    GgufWriter writer;
    Err code;
    const char* names;
  } cases[] = {
      {"no tokenizer", GgufWriter(), Err::notFound, "tokenizer.ggml.model"},
      {"vocabulary left out", GgufWriter().str("tokenizer.ggml.model", "no_vocab"), Err::notFound, "no tokenizer"},
      {"model of another type", GgufWriter().u32("tokenizer.ggml.model", 1), Err::badValue, "tokenizer.ggml.model"},
      {"unknown model", GgufWriter().str("tokenizer.ggml.model", "x\ny"), Err::unsupported, "\"x?y\""},
      {"no tokens", gpt2(), Err::notFound, "tokenizer.ggml.tokens"},
      {"tokens are numbers", gpt2().i32s("tokenizer.ggml.tokens", {1}), Err::badValue, "tokenizer.ggml.tokens"},
      {"tokens are one text", gpt2().str("tokenizer.ggml.tokens", "a"), Err::badValue, "tokenizer.ggml.tokens"},
      {"empty vocabulary", gpt2().strings("tokenizer.ggml.tokens", Strings{}), Err::badValue, "tokenizer.ggml.tokens"},
      {"no merges", gpt2().strings("tokenizer.ggml.tokens", two), Err::notFound, "tokenizer.ggml.merges"},
      {"merges are numbers", gpt2().strings("tokenizer.ggml.tokens", two).i32s("tokenizer.ggml.merges", {1}),
       Err::badValue, "tokenizer.ggml.merges"},
      {"merge without a space", with([](auto& v) { v.merges[3] = "ab"; }), Err::badValue, "entry 4"},
      {"merge of nothing", with([](auto& v) { v.merges[3] = ""; }), Err::badValue, "entry 4"},
      {"merge with an empty right part", with([](auto& v) { v.merges[3] = "a "; }), Err::badValue, "entry 4"},
      {"merge of one space", with([](auto& v) { v.merges[0] = " "; }), Err::badValue, "entry 1"},
      {"too few types", with([](auto& v) { v.types.pop_back(); }), Err::badValue, "tokenizer.ggml.token_type"},
      {"too many types", with([](auto& v) { v.types.push_back(1); }), Err::badValue, "tokenizer.ggml.token_type"},
      {"no types in the array", with([](auto& v) { v.types.clear(); }), Err::badValue, "tokenizer.ggml.token_type"},
      {"type -1", with([](auto& v) { v.types[7] = -1; }), Err::badValue, "token 7"},
      {"type 7", with([](auto& v) { v.types[7] = 7; }), Err::badValue, "token 7"},
      {"types are text", gpt2().strings("tokenizer.ggml.tokens", two).strings("tokenizer.ggml.token_type", two),
       Err::badValue, "tokenizer.ggml.token_type"},
      {"type beyond 32 bits",
       gpt2().strings("tokenizer.ggml.tokens", Strings{"a"}).u32s("tokenizer.ggml.token_type", {~0u}), Err::badValue,
       "tokenizer.ggml.token_type"},
      {"bos outside", with([](auto& v) { v.bos = int(v.tokens.size()); }), Err::badValue, "bos_token_id"},
      {"eos far outside", with([](auto& v) { v.eos = 1 << 30; }), Err::badValue, "eos_token_id"},
      {"eos of -2", with([](auto& v) { v.eos = -2; }), Err::badValue, "eos_token_id"},
      {"eot outside", TinyVocabulary().writer().u64("tokenizer.ggml.eot_token_id", 1ull << 40), Err::badValue,
       "eot_token_id"},
      {"eom is text", TinyVocabulary().writer().str("tokenizer.ggml.eom_token_id", "1"), Err::badValue, "eom_token_id"},
      {"unknown outside", TinyVocabulary().writer().i32("tokenizer.ggml.unknown_token_id", -7), Err::badValue,
       "unknown_token_id"},
      {"add_bos is a number", TinyVocabulary().writer().u32("tokenizer.ggml.add_bos_token", 1), Err::badValue,
       "add_bos_token"},
      {"unknown pre-tokenizer", with([](auto& v) { v.pre = "newest"; }), Err::unsupported, "\"newest\""},
      {"too few scores", llama().strings("tokenizer.ggml.tokens", two).f32s("tokenizer.ggml.scores", {1}),
       Err::badValue, "tokenizer.ggml.scores"},
      {"scores are text", llama().strings("tokenizer.ggml.tokens", two).strings("tokenizer.ggml.scores", two),
       Err::badValue, "tokenizer.ggml.scores"},
      {"space prefix is text",
       llama().strings("tokenizer.ggml.tokens", two).str("tokenizer.ggml.add_space_prefix", "yes"), Err::badValue,
       "add_space_prefix"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Error error = errorOf(c.writer);
    EXPECT_EQ(error.code, c.code) << error.what;
    EXPECT_NE(error.what.find(c.names), std::string::npos) << error.what;
  }
}

TEST(TokenizerHostile, oddVocabulariesStillWork) {
  TinyVocabulary v;
  v.merges = {"qq zz", "h nothing", "h e", "h e", "\xff \xfe", "e e", "  x"};  // unknown parts, twice, no UTF-8
  v.add("", 1);
  v.add("", 3);
  v.add(std::string(100'000, '<'), 3);  // longer than any text is searched for
  for (int i = 0; i < 1000; ++i) v.add("same", 3);
  v.bos = -1;  // 2^32 - 1 in the file: none
  const auto t = make(v.writer());
  EXPECT_EQ(t->bos(), std::nullopt);
  EXPECT_EQ(pieces(*t, t->encode("hee", true)), (Strings{"he", "e"}));
  EXPECT_EQ(pieces(*t, t->encode("same", true)), (Strings{"same"}));
}

// A vocabulary with a handful of bytes only: what it has no token for is left out.
TEST(TokenizerHostile, missingBytesAreLeftOut) {
  const auto t = make(GgufWriter()
                          .str("tokenizer.ggml.model", "gpt2")
                          .strings("tokenizer.ggml.tokens", Strings{"a", "b"})
                          .strings("tokenizer.ggml.merges", Strings{}));
  EXPECT_EQ(pieces(*t, t->encode("axb\xff", false)), (Strings{"a", "b"}));
}

}  // namespace
}  // namespace lemma
