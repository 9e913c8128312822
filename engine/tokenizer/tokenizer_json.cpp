// Tokenizers from the tokenizer.json and tokenizer_config.json of a Hugging Face folder.
#include <algorithm>
#include <numeric>

#include "engine/model_file/model_header.h"
#include "engine/tokenizer/byte_bpe.h"
#include "engine/tokenizer/char_bpe.h"
#include "engine/tokenizer/sentencepiece_bpe.h"
#include "engine/tokenizer/text_pipeline.h"
#include "engine/tokenizer/tokenizer_builder.h"
#include "engine/tokenizer/tokenizer_document.h"
#include "engine/tokenizer/tokenizer_json_steps.h"
#include "engine/tokenizer/unigram.h"

namespace lemma {
namespace {

using nlohmann::json;

constexpr std::string_view kFile = "tokenizer.json";

tl::unexpected<Error> bad(std::string what) { return fail(Err::badValue, std::string(kFile) + ": " + std::move(what)); }
tl::unexpected<Error> notSupported(std::string what) {
  return fail(Err::unsupported, std::string(kFile) + ": " + std::move(what) + " is not supported");
}

struct AddedToken {
  std::string text;
  int64_t id = 0;
  bool special = false, normalized = false, stripLeft = false, stripRight = false, wholeWord = false;
};

// Models write the marks of their turns so; some files forget to call them special.
bool looksSpecial(std::string_view text) {
  constexpr std::string_view kWideOpen = "<\uff5c", kWideClose = "\uff5c>";
  return (text.size() > 4 && text.starts_with("<|") && text.ends_with("|>")) ||
         (text.size() > 8 && text.starts_with(kWideOpen) && text.ends_with(kWideClose));
}

class JsonReader {
 public:
  explicit JsonReader(const TokenizerFiles& files) : files_(files) {}

  Result<std::unique_ptr<Tokenizer>> read() {
    LEMMA_TRY(document, TokenizerDocument::parse(kFile, files_.tokenizer));
    document_ = std::move(document);
    LEMMA_TRY(config, optional("tokenizer_config.json", files_.config));
    LEMMA_TRY(special, optional("special_tokens_map.json", files_.specialTokens));
    config_ = std::move(config);
    specialTokens_ = std::move(special);
    const json* model = member(document_.tree, "model");
    if (!model || !model->is_object()) return bad("the key \"model\" is missing");
    model_ = model;
    LEMMA_TRY(steps, readTokenizerSteps(document_.tree));
    steps_ = std::move(steps);
    steps_.byteFallback |= flagOf(*model_, "byte_fallback", false);
    LEMMA_TRY(type, modelType());
    LEMMA_CHECK(readAddedTokens());
    LEMMA_CHECK(readTokens());
    LEMMA_CHECK(readSpecial());
    builder_.findEnds();
    builder_.vocabulary().index();
    LEMMA_TRY(words, wordModel(type));
    auto pipeline = std::make_unique<TextPipeline>(std::move(words));
    for (auto& step : steps_.normalizer) pipeline->add(std::move(step));
    for (auto& step : steps_.splitter) pipeline->add(std::move(step));
    setWritten(*pipeline);
    builder_.setModel(std::move(pipeline));
    return builder_.build();
  }

 private:
  static Result<json> optional(std::string_view name, std::string_view text) {
    if (text.empty()) return json();
    LEMMA_TRY(document, TokenizerDocument::parse(name, text));
    return std::move(document.tree);
  }

  Result<std::string> modelType() {
    std::string type = textOf(*model_, "type");
    if (type.empty()) type = document_.hasMerges ? "BPE" : document_.scores.empty() ? "WordPiece" : "Unigram";
    if (type == "Unigram") {
      if (document_.scores.size() != document_.tokens.size()) return bad("model.vocab is no list of pieces and scores");
      document_.ids.resize(document_.tokens.size());
      std::iota(document_.ids.begin(), document_.ids.end(), int64_t(0));
      const json* unknown = member(*model_, "unk_id");
      if (unknown && !unknown->is_null() && document_.tokens.size() > 0 &&
          (!unknown->is_number_unsigned() || unknown->get<uint64_t>() >= document_.tokens.size())) {
        return bad("model.unk_id is none of the " + std::to_string(document_.tokens.size()) + " pieces");
      }
      return type;
    }
    if (type != "BPE") return notSupported("the model type " + quotedName(type));
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      if (!textOf(*model_, key).empty()) return notSupported("model." + std::string(key));
    }
    if (const json* dropout = member(*model_, "dropout"); dropout && dropout->is_number() && *dropout != 0) {
      return notSupported("model.dropout");
    }
    if (!document_.hasMerges) return bad("model.merges is missing");
    return type;
  }

  Result<void> readAddedTokens() {
    const json* list = member(document_.tree, "added_tokens");
    if (!list || list->is_null()) return {};
    if (!list->is_array()) return bad("added_tokens is no list");
    for (const json& entry : *list) {
      const json* id = entry.is_object() ? member(entry, "id") : nullptr;
      const json* content = entry.is_object() ? member(entry, "content") : nullptr;
      if (!id || !id->is_number_integer() || !content || !content->is_string()) {
        return bad("an entry of added_tokens has no id or no content");
      }
      AddedToken token{.text = content->get<std::string>()};
      token.id = id->get<int64_t>();
      token.special = flagOf(entry, "special", false) || looksSpecial(token.text);
      token.normalized = flagOf(entry, "normalized", !token.special);
      token.stripLeft = flagOf(entry, "lstrip", false);
      token.stripRight = flagOf(entry, "rstrip", false);
      token.wholeWord = flagOf(entry, "single_word", false);
      if (files_.rows > 0 && token.id >= files_.rows) continue;
      added_.push_back(std::move(token));
    }
    return {};
  }

  // Both vocabularies: what each token stands for, and as the words are written when they are looked up.
  Result<void> readTokens() {
    const size_t count = document_.tokens.size();
    if (document_.ids.size() != count) return bad("model.vocab is not of the form that model.type asks for");
    if (count == 0) return bad("model.vocab is empty");
    int64_t last = -1;
    for (const int64_t id : document_.ids) last = std::max(last, id < 0 ? int64_t(INT32_MAX) : id);
    for (const AddedToken& t : added_) last = std::max(last, t.id < 0 ? int64_t(INT32_MAX) : t.id);
    if (last >= int64_t(TokenizerDocument::kMostTokens)) {
      return bad("a token has an id outside 0 to " + std::to_string(TokenizerDocument::kMostTokens - 1));
    }
    if (size_t(last) >= count + added_.size() + TokenizerDocument::kMostHoles) {
      return bad("the id " + std::to_string(last) + " leaves more than " +
                 std::to_string(TokenizerDocument::kMostHoles) + " ids without a token");
    }
    constexpr int32_t kNone = -1;
    std::vector<int32_t> rowOf(size_t(last) + 1, kNone), addedOf(size_t(last) + 1, kNone);
    for (size_t row = 0; row < count; ++row) {
      int32_t& slot = rowOf[size_t(document_.ids[row])];
      if (slot != kNone) return bad("two tokens have the id " + std::to_string(document_.ids[row]));
      slot = int32_t(row);
    }
    for (size_t i = 0; i < added_.size(); ++i) {
      int32_t& slot = addedOf[size_t(added_[i].id)];
      const int32_t row = rowOf[size_t(added_[i].id)];
      if (slot != kNone || (row != kNone && document_.tokens[size_t(row)] != added_[i].text)) {
        return bad("two tokens have the id " + std::to_string(added_[i].id));
      }
      slot = int32_t(i);
    }
    inWords_ = std::make_unique<Vocabulary>();
    for (Vocabulary* v : {&builder_.vocabulary(), inWords_.get()})
      v->reserve(size_t(last) + 1, document_.tokens.bytes());
    const std::string unknown = unknownText();
    std::string out, inWords;
    for (size_t id = 0; id <= size_t(last); ++id) {
      const AddedToken* added = addedOf[id] == kNone ? nullptr : &added_[size_t(addedOf[id])];
      const std::string_view text = rowOf[id] == kNone ? std::string_view() : document_.tokens[size_t(rowOf[id])];
      const bool plain = rowOf[id] != kNone;
      TokenKind kind = plain ? TokenKind::normal : TokenKind::unused;
      out.clear();
      inWords = text;
      if (added) {
        kind = added->special ? TokenKind::control : TokenKind::userDefined;
        out = added->text;
      } else if (plain) {
        kind = steps_.decodePiece(text, out);
      }
      if (plain && !unknown.empty() && text == unknown) kind = TokenKind::unknown;
      if (plain && steps_.byteFallback) {
        if (const auto byte = byteOfToken(text)) bytes_.set(*byte, Token(int32_t(id)));
      }
      if (steps_.byteLevel && plain) {
        inWords.clear();
        appendByteLevelDecoded(text, inWords);
        if (!isByteLevel(text)) kind = added ? kind : TokenKind::unused;
      }
      const bool inVocabulary = plain && kind != TokenKind::control && kind != TokenKind::unknown &&
                                kind != TokenKind::unused && kind != TokenKind::byte;
      if (!builder_.vocabulary().add(out, kind) ||
          !inWords_->add(inWords, inVocabulary ? TokenKind::normal : TokenKind::control)) {
        return fail(Err::tooLarge, std::string(kFile) + ": the vocabulary holds more than 4 GiB of text");
      }
    }
    inWords_->index();
    return {};
  }

  std::string unknownText() const {
    const json* id = member(*model_, "unk_id");
    if (!id || !id->is_number_unsigned()) return textOf(*model_, "unk_token");
    const auto row = id->get<uint64_t>();
    return row < document_.tokens.size() ? std::string(document_.tokens[size_t(row)]) : std::string();
  }

  Result<void> readSpecial() {
    auto& special = builder_.special();
    special.spacePrefix = steps_.dropsFirstSpace;
    if (const std::string unknown = unknownText(); !unknown.empty()) special.unknown = idOf(unknown);
    // A text or an added token written out; the older special_tokens_map.json speaks where the newer file is silent.
    const auto named = [&](const char* key) -> std::optional<Token> {
      for (const json* file : {&config_, &specialTokens_}) {
        const json* value = member(*file, key);
        if (value && value->is_object()) value = member(*value, "content");
        if (value && value->is_string()) return idOf(value->get_ref<const std::string&>());
      }
      return std::nullopt;
    };
    special.bos = named("bos_token");
    special.eos = named("eos_token");
    special.pad = named("pad_token");
    if (!special.unknown) special.unknown = named("unk_token");
    if (!special.bos && !steps_.before.empty()) special.bos = idOf(steps_.before);
    if (!special.eos && !steps_.after.empty()) special.eos = idOf(steps_.after);
    const bool bos = special.bos && !steps_.before.empty() && idOf(steps_.before) == special.bos;
    const bool eos = special.eos && !steps_.after.empty() && idOf(steps_.after) == special.eos;
    const bool configured = config_.is_object();
    special.addBos = (configured ? flagOf(config_, "add_bos_token", bos) : bos) && special.bos;
    special.addEos = (configured ? flagOf(config_, "add_eos_token", eos) : eos) && special.eos;
    return readEnds();
  }

  // What ends an answer beside the tokens that are known by their texts. config.json speaks where the newer file is
  // silent; what it names outside the vocabulary was left there from another model.
  Result<void> readEnds() {
    LEMMA_TRY(generation, optional("generation_config.json", files_.generationConfig));
    if (const json* ends = member(generation, "eos_token_id"); ends && !ends->is_null()) {
      if (addEnds(*ends)) return {};
      return fail(Err::badValue, "generation_config.json: eos_token_id names no token of the vocabulary");
    }
    LEMMA_TRY(model, optional("config.json", files_.modelConfig));
    if (const json* ends = member(model, "eos_token_id")) addEnds(*ends);
    return {};
  }
  // A number or a list of them. Whether each is a token.
  bool addEnds(const json& ends) {
    bool all = true;
    for (const json& end : ends.is_array() ? ends : json::array({ends})) {
      const int64_t id = end.is_number_integer() ? end.get<int64_t>() : -1;
      if (id >= 0 && id < builder_.vocabulary().size()) {
        builder_.addEnd(Token(int32_t(id)));
      } else {
        all = false;
      }
    }
    return all;
  }

  // The token written so: an added one before one of the vocabulary.
  std::optional<Token> idOf(std::string_view text) const {
    for (const AddedToken& t : added_) {
      if (t.text == text) return Token(int32_t(t.id));
    }
    for (size_t row = 0; row < document_.tokens.size(); ++row) {
      if (document_.tokens[row] == text) return Token(int32_t(document_.ids[row]));
    }
    return std::nullopt;
  }

  Result<std::unique_ptr<WordModel>> wordModel(const std::string& type) {
    const ByteTokens bytes = flagOf(*model_, "byte_fallback", false) ? bytes_ : ByteTokens();
    const auto unknown = builder_.special().unknown;
    if (type == "Unigram") {
      if (steps_.byteLevel) return notSupported("the model type Unigram with the pre_tokenizer ByteLevel");
      LEMMA_TRY(model, Unigram::make(*inWords_, document_.scores, unknown, bytes));
      return std::unique_ptr<WordModel>(std::move(model));
    }
    const bool wholeWords = flagOf(*model_, "ignore_merges", false);
    if (steps_.byteLevel) {
      return withMerges(std::make_unique<ByteBpe>(std::move(inWords_), wholeWords));
    }
    return withMerges(std::make_unique<CharBpe>(std::move(inWords_),
                                                CharBpe::Options{.unknown = unknown,
                                                                 .fuseUnknown = flagOf(*model_, "fuse_unk", false),
                                                                 .wholeWords = wholeWords,
                                                                 .bytes = bytes}));
  }
  template <class Bpe>
  std::unique_ptr<WordModel> withMerges(std::unique_ptr<Bpe> bpe) {
    const TextRows& merges = document_.merges;
    for (size_t i = 0; i + 1 < merges.size(); i += 2) bpe->addMerge(merges[i], merges[i + 1]);
    bpe->index();
    return bpe;
  }

  // Special tokens are looked for in the text as it is written, others as the file says.
  void setWritten(TextPipeline& pipeline) {
    std::vector<WrittenToken> asWritten, inNormalized;
    for (const AddedToken& t : added_) {
      WrittenToken token{t.text, Token(int32_t(t.id)), t.stripLeft, t.stripRight, t.wholeWord};
      if (t.special || !t.normalized) {
        asWritten.push_back(std::move(token));
      } else {
        token.text = pipeline.normalized(t.text);
        inNormalized.push_back(std::move(token));
      }
    }
    builder_.setWritten(std::move(asWritten));
    if (!inNormalized.empty()) pipeline.setAdded(SpecialMatcher(std::move(inNormalized)));
  }

  const TokenizerFiles& files_;
  TokenizerDocument document_;
  json config_, specialTokens_;
  const json* model_ = nullptr;
  TokenizerSteps steps_;
  std::vector<AddedToken> added_;
  std::unique_ptr<Vocabulary> inWords_;
  ByteTokens bytes_;
  TokenizerBuilder builder_;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::fromJson(const TokenizerFiles& files) { return JsonReader(files).read(); }

}  // namespace lemma
