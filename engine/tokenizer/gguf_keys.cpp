#include "engine/tokenizer/gguf_keys.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_map>

#include "engine/model_file/model_header.h"
#include "engine/tokenizer/byte_bpe.h"
#include "engine/tokenizer/sentencepiece_bpe.h"
#include "engine/tokenizer/tokenizer.h"
#include "engine/tokenizer/tokenizer_document.h"
#include "engine/tokenizer/tokenizer_json_steps.h"

namespace lemma {
namespace {

using Key = std::pair<std::string, GgufValue>;
using Keys = std::vector<Key>;

// One name of each kind of pre-tokenizer, those of the models that people run first.
constexpr const char* kPretokenizerNames[] = {"llama-bpe",  "qwen2",  "deepseek-v3", "deepseek-llm", "deepseek-coder",
                                              "gpt-4o",     "tekken", "smollm",      "glm4",         "kimi-k2",
                                              "seed-coder", "qwen35", "falcon",      "gpt-2"};

// What pre-tokenizers treat differently: contractions, digits, signs, spaces and lines, cases, marks, scripts, emoji.
constexpr std::string_view kProbe =
    "I'll SAY we've DON'T it's HE'S 1234567 3.14159e-10 v2x100 \u00bd\u0663\u0664  two   spaces\tand\ttabs \n\n  "
    "lines\r\n\r\n"
    "   indented(code[0]==\"x\"){return a+=1;}// ok!!!...???\n camelCase HTTPServer snake_case Z\u00fcrich na\u00efve "
    "e\u0301te\u0301 \u4f60\u597d\uff0c\u4e16\u754c\u3002 \u3053\u3093\u306b\u3061\u306f "
    "\uc548\ub155\ud558\uc138\uc694 "
    "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439 \u0645\u0631\u062d\u0628\u0627 "
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u0e44\u0e17\u0e22 \U0001f600\U0001f680\u2764\ufe0f $100 50% #tag @you "
    "https://a.b/c?d=e&f  ";

class Writer {
 public:
  explicit Writer(const TokenizerFiles& files) : files_(files) {}

  Result<Keys> write(int64_t rows) {
    if (rows > int64_t(TokenizerDocument::kMostTokens)) {
      return fail(Err::tooLarge, "the model has " + std::to_string(rows) + " embeddings, more than the " +
                                     std::to_string(TokenizerDocument::kMostTokens) + " tokens allowed");
    }
    LEMMA_TRY(tokenizer, Tokenizer::fromJson(files_));
    tokenizer_ = std::move(tokenizer);
    LEMMA_TRY(document, TokenizerDocument::parse("tokenizer.json", files_.tokenizer));
    document_ = std::move(document);
    LEMMA_TRY(steps, readTokenizerSteps(document_.tree));
    const nlohmann::json& model = *member(document_.tree, "model");
    const bool byteFallback = steps.byteFallback || flagOf(model, "byte_fallback", false);
    if (!document_.scores.empty()) return writeUnigram(rows, steps, byteFallback);
    if (!document_.hasMerges || (!steps.byteLevel && !byteFallback)) {
      return fail(Err::unsupported, "tokenizer.json: the tokenizer is of a kind that is not written to GGUF");
    }
    addTokens(rows, byteFallback && !steps.byteLevel);
    addSpecial();
    if (steps.byteLevel) {
      set("model", GgufValue::of(std::string_view("gpt2")));
      addMerges();
      for (const char* name : kPretokenizerNames) {
        if (readsTheSame({preOf(name)}, {kProbe})) return std::move(keys_);
      }
      return fail(Err::unsupported, "tokenizer.json: GGUF has no name for the pre_tokenizer");
    }
    set("model", GgufValue::of(std::string_view("llama")));
    set("add_space_prefix", GgufValue::of(steps.dropsFirstSpace));
    addScores();
    if (readsTheSame({preOf("default")}, {kProbe})) return std::move(keys_);
    return fail(Err::unsupported, "tokenizer.json: the tokenizer is not one that GGUF calls \"llama\"");
  }

 private:
  static Key keyOf(std::string_view key, GgufValue value) {
    return {"tokenizer.ggml." + std::string(key), std::move(value)};
  }
  static Key preOf(std::string_view name) { return keyOf("pre", GgufValue::of(name)); }
  void set(std::string_view key, GgufValue value) { keys_.push_back(keyOf(key, std::move(value))); }

  Result<Keys> writeUnigram(int64_t rows, const TokenizerSteps& steps, bool byteFallback) {
    document_.ids.resize(document_.tokens.size());
    std::iota(document_.ids.begin(), document_.ids.end(), int64_t(0));
    addTokens(rows, byteFallback);
    addSpecial();
    set("model", GgufValue::of(std::string_view("t5")));
    std::vector<float> scores(texts_.size());
    std::ranges::copy(document_.scores, scores.begin());
    set("scores", GgufValue::of(std::span<const float>(scores)));
    if (!steps.charsMap.empty()) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(steps.charsMap.data());
      set("precompiled_charsmap", GgufValue::of(std::span(bytes, steps.charsMap.size())));
    }
    const std::string front = "  " + std::string(kProbe);
    std::string_view noEnd = front;
    noEnd.remove_suffix(noEnd.size() - noEnd.find_last_not_of(' ') - 1);
    for (const bool dropsExtra : {false, true}) {
      for (const bool prefix : {true, false}) {
        const Keys tail = {preOf("default"), keyOf("add_space_prefix", GgufValue::of(prefix)),
                           keyOf("remove_extra_whitespaces", GgufValue::of(dropsExtra))};
        const std::string_view whole = dropsExtra ? noEnd : front;
        if (readsTheSame(tail, {whole.substr(2), whole})) return std::move(keys_);
      }
    }
    return fail(Err::unsupported, "tokenizer.json: the tokenizer is not one that GGUF calls \"t5\"");
  }

  void addTokens(int64_t rows, bool byteTokens) {
    const int64_t count = std::max<int64_t>(rows, tokenizer_->size());
    texts_.resize(size_t(count));
    std::vector<int32_t> kinds(static_cast<size_t>(count), int32_t(TokenKind::unused));
    for (size_t row = 0; row < document_.tokens.size(); ++row) {
      const auto id = size_t(document_.ids[row]);
      texts_[id] = document_.tokens[row];
      const bool byte = byteTokens && byteOfToken(texts_[id]);
      kinds[id] = int32_t(byte ? TokenKind::byte : TokenKind::normal);
    }
    if (const nlohmann::json* added = member(document_.tree, "added_tokens"); added && added->is_array()) {
      for (const nlohmann::json& token : *added) {
        const auto id = token.at("id").get<int64_t>();
        if (id >= tokenizer_->size()) continue;
        texts_[size_t(id)] = token.at("content").get<std::string>();
        kinds[size_t(id)] = int32_t(TokenKind::userDefined);
      }
    }
    for (size_t id = 0; id < texts_.size(); ++id) {
      if (kinds[id] == int32_t(TokenKind::unused)) texts_[id] = "[PAD" + std::to_string(id) + "]";
      if (tokenizer_->isControl(Token(int32_t(id)))) kinds[id] = int32_t(TokenKind::control);
    }
    if (const auto unknown = tokenizer_->unknown()) kinds[size_t(*unknown)] = int32_t(TokenKind::unknown);
    set("tokens", GgufValue::of(std::span<const std::string>(texts_)));
    set("token_type", GgufValue::of(std::span<const int32_t>(kinds)));
  }

  void addSpecial() {
    const auto id = [&](std::string_view key, std::optional<Token> token) {
      if (token) set(key, GgufValue::of(uint32_t(int32_t(*token))));
    };
    id("bos_token_id", tokenizer_->bos());
    id("eos_token_id", tokenizer_->eos());
    id("padding_token_id", tokenizer_->pad());
    id("unknown_token_id", tokenizer_->unknown());
    set("add_bos_token", GgufValue::of(tokenizer_->addBos()));
    set("add_eos_token", GgufValue::of(tokenizer_->addEos()));
  }

  void addMerges() {
    std::vector<std::string> merges;
    for (size_t i = 0; i + 1 < document_.merges.size(); i += 2) {
      merges.push_back(std::string(document_.merges[i]) + " " + std::string(document_.merges[i + 1]));
    }
    set("merges", GgufValue::of(std::span<const std::string>(merges)));
  }

  // SentencePiece ranks pieces where tokenizer.json ranks merges: a piece is as good as the first merge that makes it.
  void addScores() {
    std::unordered_map<std::string, float> byText;
    for (size_t i = 0; i + 1 < document_.merges.size(); i += 2) {
      const size_t rank = i / 2;
      byText.emplace(std::string(document_.merges[i]) + std::string(document_.merges[i + 1]), -float(rank) - 1);
    }
    std::vector<float> scores;
    for (const std::string& text : texts_) {
      const auto it = byText.find(text);
      scores.push_back(it == byText.end() ? 0 : it->second);
    }
    set("scores", GgufValue::of(std::span<const float>(scores)));
  }

  // Whether the keys with those make a tokenizer that reads the texts as the folder's; they stay with it then.
  bool readsTheSame(const Keys& tail, std::initializer_list<std::string_view> texts) {
    const size_t before = keys_.size();
    keys_.insert(keys_.end(), tail.begin(), tail.end());
    ModelHeader header;
    header.kv = keys_;
    if (header.indexKeys()) {
      const auto written = Tokenizer::fromGguf(header);
      const auto same = [&](std::string_view text) {
        return (*written)->encode(text, true) == tokenizer_->encode(text, true);
      };
      if (written && std::ranges::all_of(texts, same)) {
        addEnds(**written);
        return true;
      }
    }
    keys_.erase(keys_.begin() + ptrdiff_t(before), keys_.end());
    return false;
  }

  // GGUF has two places for tokens that end an answer beside eos and those that readers know by their texts.
  void addEnds(const Tokenizer& written) {
    std::vector<std::string_view> places = {"eom_token_id", "eot_token_id"};
    for (const Token end : tokenizer_->endOfGeneration()) {
      if (written.isEndOfGeneration(end) || places.empty()) continue;
      set(places.back(), GgufValue::of(uint32_t(int32_t(end))));
      places.pop_back();
    }
  }

  const TokenizerFiles& files_;
  std::unique_ptr<Tokenizer> tokenizer_;
  TokenizerDocument document_;
  std::vector<std::string> texts_;
  Keys keys_;
};

}  // namespace

Result<Keys> ggufTokenizerKeys(const TokenizerFiles& files, int64_t rows) { return Writer(files).write(rows); }

}  // namespace lemma
