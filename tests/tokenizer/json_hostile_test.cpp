// Broken and hostile files of a tokenizer: each is refused by a sentence that names the file, or does no harm.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/tokenizer/tokenizer.h"
#include "engine/tokenizer/tokenizer_document.h"

namespace lemma {
namespace {

using nlohmann::json;

json small() {
  return json::parse(R"({
    "added_tokens": [{"id": 3, "content": "<end>", "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
  })");
}

std::string nested(const char* open, const char* inner, const char* close, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += open;
  out += inner;
  for (int i = 0; i < times; ++i) out += close;
  return out;
}

struct Case {
  const char* name;
  std::string file;
  Err code;
  const char* says;
};

// One change of the small file.
template <class Change>
Case with(const char* name, Change change, Err code, const char* says) {
  json file = small();
  change(file);
  return {name, file.dump(), code, says};
}

std::vector<Case> cases() {
  std::vector<Case> out = {
      {"nothing", "", Err::badValue, "no valid JSON"},
      {"no JSON", "hello", Err::badValue, "no valid JSON"},
      {"cut off", small().dump().substr(0, 200), Err::badValue, "no valid JSON"},
      {"a list", "[]", Err::badValue, "no JSON object"},
      {"an empty object", "{}", Err::badValue, "model"},
      {"broken text", "{\"a\": \"\xff\"}", Err::badValue, "no valid JSON"},
      {"nested lists", nested("[", "1", "]", 100'000), Err::tooLarge, "nested too deep"},
      {"nested objects", nested("{\"a\":", "1", "}", 100'000), Err::tooLarge, "nested too deep"},
      {"a number as vocabulary", R"({"model": {"vocab": 1, "merges": []}})", Err::badValue, "vocab"},
      {"a text in the vocabulary", R"({"model": {"vocab": {"a": "b"}, "merges": []}})", Err::badValue, "vocab"},
      {"an object in the vocabulary", R"({"model": {"vocab": {"a": {}}, "merges": []}})", Err::badValue, "vocab"},
      {"a piece without a score", R"({"model": {"vocab": [["a"]]}})", Err::badValue, "vocab"},
      {"a piece with two scores", R"({"model": {"vocab": [["a", 1, 2]]}})", Err::badValue, "vocab"},
      {"a score first", R"({"model": {"vocab": [[1, "a"]]}})", Err::badValue, "vocab"},
      {"a merge of three", R"({"model": {"vocab": {"a": 0}, "merges": [["a", "b", "c"]]}})", Err::badValue, "merges"},
      {"a merge of one", R"({"model": {"vocab": {"a": 0}, "merges": [["a"]]}})", Err::badValue, "merges"},
      {"a merge that is a number", R"({"model": {"vocab": {"a": 0}, "merges": [1]}})", Err::badValue, "merges"},
      {"a merge that ends in its space", R"({"model": {"vocab": {"a": 0}, "merges": ["a "]}})", Err::badValue,
       "merges"},
      {"a merge of numbers", R"({"model": {"vocab": {"a": 0}, "merges": [[1, 2]]}})", Err::badValue, "merges"},
      {"a merge of an object", R"({"model": {"vocab": {"a": 0}, "merges": [{}]}})", Err::badValue, "merges"},
      {"a truth in the vocabulary", R"({"model": {"vocab": {"a": true}, "merges": []}})", Err::badValue, "vocab"},
      {"a piece that is a number", R"({"model": {"vocab": [1]}})", Err::badValue, "vocab"},
      {"a piece that is a text", R"({"model": {"vocab": ["a"]}})", Err::badValue, "vocab"},
      {"a piece of two texts", R"({"model": {"vocab": [["a", "b"]]}})", Err::badValue, "vocab"},
      {"a list in the vocabulary", R"({"model": {"vocab": {"a": []}, "merges": []}})", Err::badValue, "vocab"},
      {"a merge without a space", R"({"model": {"vocab": {"a": 0}, "merges": ["ab"]}})", Err::badValue, "merges"},
  };
  const auto model = [](const char* key, json value) { return [=](json& f) { f["model"][key] = value; }; };
  const auto part = [](const char* key, json value) { return [=](json& f) { f[key] = value; }; };
  const auto added = [](json value) { return [=](json& f) { f["added_tokens"] = json::array({value}); }; };
  const auto splitBy = [&](const char* regex) {
    return part("pre_tokenizer", {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}});
  };
  json longSequence = json::array();
  for (int i = 0; i < 100; ++i) longSequence.push_back({{"type", "NFC"}});
  const Err bad = Err::badValue, unsupported = Err::unsupported, large = Err::tooLarge;
  out.insert(
      out.end(),
      {with("an unknown model", model("type", "Neural"), unsupported, "\"Neural\""),
       with("a model of words", model("type", "WordPiece"), unsupported, "\"WordPiece\""),
       with("an empty vocabulary", model("vocab", json::object()), bad, "vocab is empty"),
       with("a list in BPE", model("vocab", json::array({json::array({"a", 1})})), bad, "vocab"),
       with("an id below zero", model("vocab", {{"a", -1}}), bad, "outside 0 to"),
       with("an id beyond all limits", model("vocab", {{"a", 1u << 31}}), bad, "outside 0 to"),
       with("an id of 64 bits", model("vocab", {{"a", UINT64_MAX}}), bad, "outside 0 to"),
       with("an id behind a million that are none", model("vocab", {{"a", 0}, {"b", 1 << 20}}), bad, "without a token"),
       with("two tokens of one id", model("vocab", {{"a", 1}, {"b", 1}}), bad, "two tokens"),
       with("dropout", model("dropout", 0.5), unsupported, "dropout"),
       with("marks of words", model("end_of_word_suffix", "</w>"), unsupported, "end_of_word_suffix"),
       with("an added token without an id", added({{"content", "x"}}), bad, "added_tokens"),
       with("an added token without a text", added({{"id", 9}}), bad, "added_tokens"),
       with("an added token that is a text", added("x"), bad, "added_tokens"),
       with("an added token of another's id", added({{"id", 0}, {"content", "x"}}), bad, "two tokens"),
       with("an added token far away", added({{"id", int64_t(1) << 40}, {"content", "x"}}), bad, "outside 0 to"),
       with("an added token below zero", added({{"id", -5}, {"content", "x"}}), bad, "outside 0 to"),
       with("added tokens that are none", part("added_tokens", 7), bad, "added_tokens"),
       with("an unknown normalizer", part("normalizer", {{"type", "Magic"}}), unsupported, "\"Magic\""),
       with("a normalizer of no type", part("normalizer", json::object()), unsupported, "normalizer"),
       with("a normalizer that is a text", part("normalizer", "NFC"), bad, "normalizer"),
       with("too many steps", part("normalizer", {{"type", "Sequence"}, {"normalizers", longSequence}}), large, "64"),
       with("a sequence of nothing", part("normalizer", {{"type", "Sequence"}}), bad, "sequence"),
       with("a map that is no base64", part("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "!!!"}}),
            bad, "base64"),
       with("a map that is cut off", part("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "AAA="}}),
            bad, "precompiled_charsmap"),
       with("a map of a wrong size",
            part("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "/////w=="}}), bad,
            "precompiled_charsmap"),
       with("a replacement without a pattern", part("normalizer", {{"type", "Replace"}, {"content", "x"}}), bad,
            "pattern"),
       with("a replacement of nothing",
            part("normalizer", {{"type", "Replace"}, {"pattern", {{"String", ""}}}, {"content", "x"}}), bad, "pattern"),
       with("an unknown pre-tokenizer", part("pre_tokenizer", {{"type", "Bert"}}), unsupported, "\"Bert\""),
       with("an unknown behavior",
            part("pre_tokenizer", {{"type", "Split"}, {"pattern", {{"String", "a"}}}, {"behavior", "Eaten"}}), bad,
            "\"Eaten\""),
       with("an open bracket", splitBy("[a"), bad, ""),
       with("an open group", splitBy("(a"), bad, ""),
       with("a back-reference", splitBy("(a)\\1"), unsupported, ""),
       with("groups within groups", splitBy(nested("(", "a", ")", 5000).c_str()), large, ""),
       with("a huge repeat", splitBy("(a{1000}){1000}"), large, ""),
       with("a huge expression", splitBy(std::string(100'000, 'a').c_str()), large, ""),
       with("an unknown decoder", part("decoder", {{"type", "CTC"}}), unsupported, "CTC"),
       with("an unknown post-processor", part("post_processor", {{"type", "Odd"}}), unsupported, "\"Odd\""),
       with("a template without a text", part("post_processor", {{"type", "TemplateProcessing"}}), bad, "template"),
       with("a template that is no list", part("post_processor", {{"type", "TemplateProcessing"}, {"single", 1}}), bad,
            "template"),
       with("a pattern that is a text", part("pre_tokenizer", {{"type", "Split"}, {"pattern", "a"}}), bad, "pattern"),
       with("a pattern that is a number",
            part("pre_tokenizer", {{"type", "Split"}, {"pattern", {{"String", 1}, {"Regex", 2}}}}), bad, "pattern"),
       with("an unknown prepend_scheme",
            part("pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "often"}}), bad,
            "\"often\""),
       with("a Metaspace without its mark", part("pre_tokenizer", {{"type", "Metaspace"}, {"replacement", ""}}), bad,
            "pre_tokenizer"),
       with("a delimiter of nothing", part("pre_tokenizer", {{"type", "CharDelimiterSplit"}}), bad, "delimiter"),
       with("a sequence that is a text", part("normalizer", {{"type", "Sequence"}, {"normalizers", "NFC"}}), bad,
            "sequence"),
       with("another decoder for bytes", part("decoder", {{"type", "Fuse"}}), unsupported, "does not fit"),
       with("bytes in the decoder only", part("pre_tokenizer", nullptr), unsupported, "does not fit"),
       with("no merges", [](json& f) { f["model"].erase("merges"); }, bad, "merges is missing"),
       with("no merges and no type",
            [](json& f) {
              f["model"].erase("merges");
              f["model"].erase("type");
            },
            unsupported, "\"WordPiece\""),
       with("a model that is a list", part("model", json::array()), bad, "model"),
       with("an added id that is a text", added({{"id", "9"}, {"content", "x"}}), bad, "added_tokens"),
       with("an added text that is a number", added({{"id", 9}, {"content", 9}}), bad, "added_tokens"),
       with("two added tokens of one id",
            part("added_tokens", json::array({{{"id", 9}, {"content", "x"}}, {{"id", 9}, {"content", "y"}}})), bad,
            "two tokens")});
  // The decoders of the families that write a space as a mark.
  const auto decoder = [](json step) {
    return [=](json& f) {
      f["pre_tokenizer"] = nullptr;
      f["decoder"] = {{"type", "Sequence"}, {"decoders", json::array({{{"type", "Fuse"}}, step})}};
    };
  };
  const json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  const auto other = [&](const char* key, json value) {
    json step = strip;
    step[key] = value;
    return step;
  };
  json noStart = strip;
  noStart.erase("start");
  out.insert(
      out.end(),
      {with("a mark behind the fuse", decoder({{"type", "Metaspace"}, {"replacement", "_"}}), unsupported, "Metaspace"),
       with("a replacement behind the fuse",
            decoder({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "b"}}), unsupported, "Replace"),
       with("a replacement without its pattern", decoder({{"type", "Replace"}, {"content", "b"}}), bad, "pattern"),
       with("two spaces to strip", decoder(other("start", 2)), unsupported, "Strip"),
       with("a letter to strip", decoder(other("content", "a")), unsupported, "Strip"),
       with("an end to strip", decoder(other("stop", 1)), unsupported, "Strip"),
       with("nothing to strip", decoder(noStart), unsupported, "Strip"),
       with(
           "a mark that is empty",
           [](json& f) {
             f["pre_tokenizer"] = nullptr;
             f["decoder"] = {{"type", "Metaspace"}, {"replacement", ""}};
           },
           unsupported, "Metaspace"),
       with(
           "an expression to replace by",
           [](json& f) {
             f["pre_tokenizer"] = nullptr;
             f["decoder"] = {{"type", "Replace"}, {"pattern", {{"Regex", "a"}}}, {"content", "b"}};
           },
           unsupported, "Replace"),
       with(
           "a strip before the fuse",
           [&](json& f) {
             f["pre_tokenizer"] = nullptr;
             f["decoder"] = strip;
           },
           unsupported, "Strip")});
  // Unigram models.
  const auto unigram = [](json vocab, json unknown) {
    return [=](json& f) {
      f["pre_tokenizer"] = f["decoder"] = nullptr;
      f["model"] = {{"type", "Unigram"}, {"vocab", vocab}, {"unk_id", unknown}};
      f["added_tokens"] = json::array();
    };
  };
  const json piece = json::array({"a", -1.5});
  out.insert(out.end(),
             {with("a Unigram of an object", unigram({{"a", 0}}, nullptr), bad, "no list of pieces and scores"),
              with("an unknown piece that is a text", unigram(json::array({piece}), "a"), bad, "unk_id"),
              with("an unknown piece below zero", unigram(json::array({piece}), -1), bad, "unk_id"),
              with("an unknown piece that is none", unigram(json::array({piece}), 1), bad, "unk_id"),
              with("a Unigram of nothing", unigram(json::array(), nullptr), bad, "vocab is empty"),
              with(
                  "a Unigram of bytes",
                  [&](json& f) {
                    const json splitter = f["pre_tokenizer"], bytes = f["decoder"];
                    unigram(json::array({piece}), nullptr)(f);
                    f["pre_tokenizer"] = splitter;
                    f["decoder"] = bytes;
                  },
                  unsupported, "Unigram")});
  return out;
}

TEST(TokenizerJsonHostile, brokenFilesAreRefusedByName) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const auto t = Tokenizer::fromJson({.tokenizer = c.file});
    if (t) {
      ADD_FAILURE() << "was accepted";
      continue;
    }
    EXPECT_EQ(t.error().code, c.code) << t.error().what;
    EXPECT_NE(t.error().what.find(c.says), std::string::npos) << t.error().what;
    EXPECT_LT(t.error().what.size(), 300u);
  }
}

TEST(TokenizerJsonHostile, theOtherFilesToo) {
  const std::string file = small().dump();
  const struct {
    const char *config, *generation, *says;
    Err code;
  } cases[] = {
      {"[", "", "tokenizer_config.json", Err::badValue},
      {"[]", "", "tokenizer_config.json", Err::badValue},
      {"", "{", "generation_config.json", Err::badValue},
      {"", R"({"eos_token_id": 4})", "eos_token_id", Err::badValue},
      {"", R"({"eos_token_id": -1})", "eos_token_id", Err::badValue},
      {"", R"({"eos_token_id": "2"})", "eos_token_id", Err::badValue},
      {"", R"({"eos_token_id": [3, [3]]})", "eos_token_id", Err::badValue},
      {"", R"({"eos_token_id": 18446744073709551615})", "eos_token_id", Err::badValue},
  };
  for (const auto& c : cases) {
    const auto t = Tokenizer::fromJson({.tokenizer = file, .config = c.config, .generationConfig = c.generation});
    ASSERT_FALSE(t) << c.config << c.generation;
    EXPECT_EQ(t.error().code, c.code);
    EXPECT_NE(t.error().what.find(c.says), std::string::npos) << t.error().what;
  }
}

// What is odd but has a meaning: holes among the ids, values of another kind where the library has defaults.
TEST(TokenizerJsonHostile, oddFilesStillWork) {
  json file = small();
  file["added_tokens"].push_back({{"id", 100}, {"content", "<far>"}, {"lstrip", "yes"}, {"special", 7}});
  file["added_tokens"].push_back({{"id", 101}, {"content", ""}, {"special", true}});
  file["model"]["merges"].push_back("x y");
  file["unknown"] = {{"key", {1, 2, 3}}};
  const auto t = Tokenizer::fromJson({.tokenizer = file.dump(), .config = R"({"bos_token": 5, "add_bos_token": 1})"});
  ASSERT_TRUE(t) << t.error().what;
  EXPECT_EQ((*t)->size(), 102);
  EXPECT_EQ((*t)->encode("ab<far>", false), (std::vector{Token(2), Token(100)}));
  EXPECT_EQ((*t)->piece(Token(50)), "");
  EXPECT_FALSE((*t)->addBos());
}

}  // namespace
}  // namespace lemma
