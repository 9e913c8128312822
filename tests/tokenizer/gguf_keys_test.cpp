// Every form of tokenizer.json as GGUF's keys: refused by a sentence, or with the ids of the folder (class: bitwise).
#include "engine/tokenizer/gguf_keys.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

#include "engine/model_file/model_header.h"
#include "engine/tokenizer/tokenizer_document.h"
#include "tests/tokenizer/reference.h"

namespace lemma {
namespace {

using nlohmann::json;

struct Kept {
  std::unique_ptr<Tokenizer> folder, written;
  ModelHeader header;
};

// Both tokenizers where GGUF has keys for it; else the sentence.
Result<Kept> keptAsKeys(const TokenizerFiles& files, int rows) {
  Kept out;
  LEMMA_TRY(folder, Tokenizer::fromJson(files));
  LEMMA_TRY(keys, ggufTokenizerKeys(files, rows));
  out.header.kv = std::move(keys);
  LEMMA_CHECK(out.header.indexKeys());
  LEMMA_TRY(written, Tokenizer::fromGguf(out.header));
  out.folder = std::move(folder);
  out.written = std::move(written);
  return out;
}

// What GGUF has no key for: which blanks an added token takes with it, that it stands for whole words only, and what
// becomes of blanks at the ends of a text and of its marks where they are written with SentencePiece's sign.
bool saysMoreThanKeys(const std::string& text) {
  const auto has = [&](const char* part) { return text.find(part) != text.npos; };
  return text.starts_with(' ') || text.ends_with(' ') || has("<") || has("wordone") || has("\u2581");
}

TEST(GgufKeys, haveTheIdsOfEveryFormOrRefuseIt) {
  int written = 0, refused = 0;
  for (const json& form : test::keptForms("tokenizers.jsonl")) {
    SCOPED_TRACE(form["name"]);
    const std::string tokenizer = form["json"].dump();
    const auto kept = keptAsKeys({.tokenizer = tokenizer}, 0);
    if (!kept) {
      EXPECT_EQ(kept.error().code, Err::unsupported);
      EXPECT_NE(kept.error().what.find("tokenizer.json"), std::string::npos) << kept.error().what;
      ++refused;
      continue;
    }
    if (form["json"]["model"]["type"] == "Unigram") continue;  // unigram_keys_test
    for (const json& one : form["cases"]) {
      const std::string text = one[0];
      if (saysMoreThanKeys(text)) continue;
      EXPECT_EQ(test::numbers(kept->written->encode(text, true)), test::numbers(kept->folder->encode(text, true)))
          << text;
    }
    ++written;
  }
  EXPECT_GE(refused, 10);
  EXPECT_GE(written, 1);
  std::printf("%d written, %d refused\n", written, refused);
}

// SentencePiece's BPE as transformers writes it: a mark before the text and for each space, bytes where a character is
// no piece.
json sentencePieceBpe() {
  json file = json::parse(R"({
    "added_tokens": [{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true},
                     {"id": 2, "content": "</s>", "special": true}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
                   {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
    "pre_tokenizer": null,
    "post_processor": {"type": "TemplateProcessing",
                       "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}, {"Other": 1}]},
    "decoder": {"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
      {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": {}, "merges": []}
  })");
  json& vocab = file["model"]["vocab"];
  for (const char* special : {"<unk>", "<s>", "</s>"}) vocab[special] = vocab.size();
  for (int b = 0; b < 256; ++b) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", unsigned(b));
    vocab[name] = vocab.size();
  }
  for (const char* piece : {"\u2581", "a", "b", "I", "\u2581a", "ab", "\u2581ab"}) vocab[piece] = vocab.size();
  file["model"]["merges"] = json::array({"\u2581 a", "a b", "\u2581a b"});
  return file;
}

TEST(GgufKeys, sentencePieceBpeIsCalledLlama) {
  const std::string tokenizer = sentencePieceBpe().dump();
  const auto kept = keptAsKeys({.tokenizer = tokenizer}, 300);
  ASSERT_TRUE(kept) << kept.error().what;
  EXPECT_EQ(*kept->header.str("tokenizer.ggml.model"), "llama");
  EXPECT_TRUE(*kept->header.flag("tokenizer.ggml.add_space_prefix"));
  EXPECT_EQ(kept->written->size(), 300);
  EXPECT_TRUE(kept->folder->addBos());
  EXPECT_TRUE(kept->written->addBos());
  for (const char* text : {"ab", " ab ab", "aab\u00e9 b", "", "I ab", "<s>ab"}) {
    EXPECT_EQ(test::numbers(kept->written->encode(text, true)), test::numbers(kept->folder->encode(text, true)))
        << text;
  }
}

TEST(GgufKeys, whatGgufHasNoNameForIsRefused) {
  const struct {
    const char* name;
    std::function<void(json&)> change;
    const char* says;
  } cases[] = {
      {"no mark before the text", [](json& f) { f["normalizer"] = nullptr; }, "GGUF calls \"llama\""},
      {"no bytes",
       [](json& f) {
         f["model"]["byte_fallback"] = false;
         f["decoder"] = nullptr;
       },
       "of a kind that is not written"},
      {"bytes split as nobody does",
       [](json& f) {
         f["normalizer"] = nullptr;
         f["pre_tokenizer"] = json::parse(R"({"type": "Sequence", "pretokenizers": [
           {"type": "Split", "pattern": {"Regex": "[aeiou]"}, "behavior": "Isolated"},
           {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})");
         f["decoder"] = {{"type", "ByteLevel"}};
       },
       "GGUF has no name for the pre_tokenizer"},
      {"no JSON", [](json& f) { f = json::array(); }, "tokenizer.json"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    json file = sentencePieceBpe();
    c.change(file);
    const std::string text = file.dump();
    const auto keys = ggufTokenizerKeys({.tokenizer = text}, 0);
    ASSERT_FALSE(keys);
    EXPECT_NE(keys.error().what.find(c.says), std::string::npos) << keys.error().what;
  }
  const std::string right = sentencePieceBpe().dump();
  const auto large = ggufTokenizerKeys({.tokenizer = right}, int64_t(TokenizerDocument::kMostTokens) + 1);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Err::tooLarge);
}

// More ends than GGUF has keys for: those that its reader does not find by their texts are written first.
TEST(GgufKeys, endsOfAnAnswerAreKept) {
  const std::string tokenizer = sentencePieceBpe().dump();
  for (const char* ends : {"2", "[2, 5]", "[2, 5, 6, 7]", "[]"}) {
    const std::string generation = std::string("{\"eos_token_id\":") + ends + "}";
    const auto kept = keptAsKeys({.tokenizer = tokenizer, .generationConfig = generation}, 0);
    ASSERT_TRUE(kept) << kept.error().what;
    int lost = 0;
    for (int id = 0; id < kept->folder->size(); ++id) {
      const bool inFolder = kept->folder->isEndOfGeneration(Token(id));
      EXPECT_LE(kept->written->isEndOfGeneration(Token(id)), inFolder) << ends << ": " << id;
      lost += inFolder != kept->written->isEndOfGeneration(Token(id));
    }
    EXPECT_LE(lost, 1) << ends;
  }
}

}  // namespace
}  // namespace lemma
