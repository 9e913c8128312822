// Tokenizers from the metadata of a GGUF file (keys tokenizer.ggml.*).
#include <limits>

#include "engine/tokenizer/byte_bpe.h"
#include "engine/tokenizer/sentencepiece_bpe.h"
#include "engine/tokenizer/text_pipeline.h"
#include "engine/tokenizer/tokenizer_builder.h"
#include "engine/tokenizer/unigram.h"

namespace lemma {
namespace {

constexpr std::string_view kModel = "tokenizer.ggml.model", kPre = "tokenizer.ggml.pre",
                           kTokens = "tokenizer.ggml.tokens", kTypes = "tokenizer.ggml.token_type",
                           kScores = "tokenizer.ggml.scores", kMerges = "tokenizer.ggml.merges",
                           kCharsMap = "tokenizer.ggml.precompiled_charsmap";

std::string the(std::string_view key) { return "the key " + quotedName(key); }

Result<GgufStrings> stringArray(const ModelHeader& header, std::string_view key) {
  const GgufValue* value = header.find(key);
  if (!value) return fail(Err::notFound, the(key) + " is missing");
  const auto strings = value->asStringArray();
  if (!strings) return fail(Err::badValue, the(key) + " is not an array of strings");
  return *strings;
}

// One number for each of `count` tokens; empty where the key is absent.
template <class T>
Result<std::vector<T>> perToken(const ModelHeader& header, std::string_view key, size_t count,
                                std::optional<std::vector<T>> (GgufValue::*read)() const) {
  const GgufValue* value = header.find(key);
  if (!value) return std::vector<T>();
  if (value->type() == GgufType::array && value->count() != count) {
    return fail(Err::badValue, the(key) + " has " + std::to_string(value->count()) + " entries for " +
                                   std::to_string(count) + " tokens");
  }
  auto numbers = (value->*read)();
  if (!numbers) return fail(Err::badValue, the(key) + " is not an array of numbers that fit");
  return std::move(*numbers);
}

// The token that a key names; empty where it is absent or says -1.
Result<std::optional<Token>> tokenOf(const ModelHeader& header, std::string_view key, int tokens) {
  const GgufValue* value = header.find(key);
  if (!value) return std::optional<Token>();
  const auto id = value->asI64();
  if (!id)
    return fail(Err::badValue, the(key) + " is of type " + std::string(name(value->type())) + ", not a token id");
  if (*id == -1 || *id == std::numeric_limits<uint32_t>::max()) return std::optional<Token>();
  if (*id < 0 || *id >= tokens) {
    return fail(Err::badValue, the(key) + " is " + std::to_string(*id) + ", outside the vocabulary of " +
                                   std::to_string(tokens) + " tokens");
  }
  return std::optional(Token(*id));
}

class GgufReader {
 public:
  explicit GgufReader(const ModelHeader& header) : header_(header) {}

  Result<std::unique_ptr<Tokenizer>> read() {
    LEMMA_TRY(model, header_.str(kModel));
    if (model == "no_vocab" || model == "none") return fail(Err::notFound, "the file holds no tokenizer");
    const bool unigram = model == "t5" || model == "unigram";
    const bool sentencePiece = model == "llama" || unigram;
    if (!sentencePiece && model != "gpt2") {
      return fail(Err::unsupported, "the tokenizer model " + quotedName(model) + " is not supported");
    }
    LEMMA_CHECK(readTokens(sentencePiece));
    LEMMA_CHECK(readSpecial());
    builder_.findEnds();
    builder_.vocabulary().index();
    LEMMA_CHECK(unigram ? readUnigram() : sentencePiece ? readSentencePiece() : readByteBpe());
    return builder_.build();
  }

 private:
  Result<void> readTokens(bool sentencePiece) {
    LEMMA_TRY(tokens, stringArray(header_, kTokens));
    if (tokens.size() == 0) return fail(Err::badValue, the(kTokens) + " is empty");
    LEMMA_TRY(types, perToken(header_, kTypes, size_t(tokens.size()), &GgufValue::asI32Array));
    Vocabulary& vocabulary = builder_.vocabulary();
    vocabulary.reserve(size_t(tokens.size()), size_t(tokens.size()) * 8);
    std::string piece;
    size_t id = 0;
    for (const std::string_view text : tokens) {
      const int32_t type = types.empty() ? int32_t(TokenKind::normal) : types[id];
      if (type < 0 || type > int32_t(TokenKind::byte)) {
        return fail(Err::badValue, the(kTypes) + " gives token " + std::to_string(id) + " the type " +
                                       std::to_string(type) + ", which GGUF does not define");
      }
      const auto kind = TokenKind(type);
      const bool plain = kind == TokenKind::normal || kind == TokenKind::undefined;
      const auto byte = kind == TokenKind::byte ? byteOfToken(text) : std::nullopt;
      piece.clear();
      if (byte && sentencePiece) {
        piece = char(*byte);
      } else if (plain && sentencePiece) {
        appendSpaceMarksDecoded(text, piece);
      } else if (plain) {
        appendByteLevelDecoded(text, piece);
      } else {
        piece = text;
      }
      if (byte) bytes_.emplace_back(*byte, Token(int32_t(id)));
      if (!vocabulary.add(piece, kind)) return fail(Err::tooLarge, the(kTokens) + " holds more than 4 GiB of text");
      ++id;
    }
    if (id != tokens.size()) return fail(Err::unreadable, the(kTokens) + " changed while it was read");
    return {};
  }

  Result<void> readSpecial() {
    const int size = builder_.vocabulary().size();
    auto& special = builder_.special();
    LEMMA_TRY(bos, tokenOf(header_, "tokenizer.ggml.bos_token_id", size));
    LEMMA_TRY(eos, tokenOf(header_, "tokenizer.ggml.eos_token_id", size));
    LEMMA_TRY(unknown, tokenOf(header_, "tokenizer.ggml.unknown_token_id", size));
    LEMMA_TRY(pad, tokenOf(header_, "tokenizer.ggml.padding_token_id", size));
    special.bos = bos;
    special.eos = eos;
    special.unknown = unknown;
    special.pad = pad;
    for (const std::string_view key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
      LEMMA_TRY(end, tokenOf(header_, key, size));
      if (end) builder_.addEnd(*end);
    }
    return {};
  }

  Result<void> readAddBosEos(bool addBos, bool addEos = false) {
    LEMMA_TRY(bos, header_.flagOr("tokenizer.ggml.add_bos_token", addBos));
    LEMMA_TRY(eos, header_.flagOr("tokenizer.ggml.add_eos_token", addEos));
    builder_.special().addBos = bos && builder_.special().bos;
    builder_.special().addEos = eos && builder_.special().eos;
    return {};
  }

  Result<void> readByteBpe() {
    LEMMA_TRY(preName, header_.strOr(kPre, "default"));
    const Pretokenizer* pre = pretokenizer(preName);
    if (!pre) return fail(Err::unsupported, "the pre-tokenizer " + quotedName(preName) + " is not supported");
    LEMMA_CHECK(readAddBosEos(pre->addBos));
    LEMMA_TRY(merges, stringArray(header_, kMerges));
    auto bpe = std::make_unique<ByteBpe>(builder_.vocabulary(), pre->wholeWords);
    size_t entry = 0;
    for (const std::string_view merge : merges) {
      ++entry;
      const size_t space = merge.find(' ', 1);  // a part is never empty
      if (space == std::string_view::npos || space + 1 == merge.size()) {
        return fail(Err::badValue, "entry " + std::to_string(entry) + " of " + the(kMerges) + " is not two parts");
      }
      bpe->addMerge(merge.substr(0, space), merge.substr(space + 1));
    }
    bpe->index();
    auto model = std::make_unique<TextPipeline>(std::move(bpe));
    model->add(splitByPretokenizer(*pre));
    builder_.setModel(std::move(model));
    return {};
  }

  // What both kinds of SentencePiece models share: special tokens by their usual texts, the scores.
  Result<std::vector<float>> readPieces(bool addBos, bool addEos) {
    auto& special = builder_.special();
    const Vocabulary& vocabulary = builder_.vocabulary();
    if (!special.bos) special.bos = vocabulary.find("<s>");
    if (!special.eos) special.eos = vocabulary.find("</s>");
    if (!special.unknown) special.unknown = vocabulary.find("<unk>");
    LEMMA_CHECK(readAddBosEos(addBos, addEos));
    LEMMA_TRY(spacePrefix, header_.flagOr("tokenizer.ggml.add_space_prefix", true));
    special.spacePrefix = spacePrefix;
    LEMMA_TRY(scores, perToken(header_, kScores, size_t(vocabulary.size()), &GgufValue::asF32Array));
    scores.resize(size_t(vocabulary.size()));
    return scores;
  }

  Result<void> readSentencePiece() {
    LEMMA_TRY(scores, readPieces(true, false));
    const auto& special = builder_.special();
    auto model =
        std::make_unique<SentencePieceBpe>(builder_.vocabulary(), scores, special.unknown, special.spacePrefix);
    for (const auto& [byte, token] : bytes_) model->setByte(byte, token);
    builder_.setModel(std::move(model));
    return {};
  }

  Result<void> readUnigram() {
    LEMMA_TRY(scores, readPieces(false, true));
    const auto& special = builder_.special();
    ByteTokens bytes;
    for (const auto& [byte, token] : bytes_) bytes.set(byte, token);
    LEMMA_TRY(words, Unigram::make(builder_.vocabulary(), {scores.begin(), scores.end()}, special.unknown, bytes));
    auto model = std::make_unique<TextPipeline>(std::move(words));
    if (const GgufValue* value = header_.find(kCharsMap)) {
      const auto numbers = value->asI32Array();
      if (!numbers) return fail(Err::badValue, the(kCharsMap) + " is not an array of bytes");
      std::string map;
      for (const int32_t n : *numbers) map += char(n);
      if (!map.empty()) {
        LEMMA_TRY(parsed, CharsMap::parse(the(kCharsMap), map));
        model->add(mapLongest(std::move(parsed)));
      }
    }
    model->add(replaceText("\u2581", " "));  // to the format a space and its mark are one
    LEMMA_TRY(noExtra, header_.flagOr("tokenizer.ggml.remove_extra_whitespaces", false));
    if (noExtra) model->add(withoutExtraSpaces());
    if (special.spacePrefix) model->add(prependText(" "));
    builder_.setModel(std::move(model));
    return {};
  }

  const ModelHeader& header_;
  TokenizerBuilder builder_;
  std::vector<std::pair<uint8_t, Token>> bytes_;  // SentencePiece: the tokens that stand for one byte
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::fromGguf(const ModelHeader& header) { return GgufReader(header).read(); }

}  // namespace lemma
