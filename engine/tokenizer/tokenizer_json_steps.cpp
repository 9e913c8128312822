#include "engine/tokenizer/tokenizer_json_steps.h"

#include <algorithm>
#include <iterator>

#include "engine/model_file/model_header.h"
#include "engine/tokenizer/byte_bpe.h"
#include "engine/tokenizer/sentencepiece_bpe.h"

namespace lemma {

using nlohmann::json;

const json* member(const json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}
std::string textOf(const json& object, std::string_view key) {
  const json* value = member(object, key);
  return value && value->is_string() ? value->get<std::string>() : std::string();
}
bool flagOf(const json& object, std::string_view key, bool otherwise) {
  const json* value = member(object, key);
  return value && value->is_boolean() ? value->get<bool>() : otherwise;
}

namespace {

constexpr size_t kMostSteps = 64;  // of one sequence

std::string in(std::string_view part) { return "tokenizer.json: the " + std::string(part) + " "; }
tl::unexpected<Error> unknownType(std::string_view part, std::string_view type) {
  return fail(Err::unsupported, in(part) + quotedName(type) + " is not supported");
}

// The steps of one part of the file, sequences of them laid flat.
Result<std::vector<const json*>> flatSteps(const json& tree, std::string_view part, std::string_view list) {
  std::vector<const json*> out;
  const json* top = member(tree, part);
  if (!top || top->is_null()) return out;
  std::vector<const json*> open{top};
  while (!open.empty()) {
    const json* step = open.back();
    open.pop_back();
    if (!step->is_object()) return fail(Err::badValue, in(part) + "holds a step that is no object");
    if (textOf(*step, "type") != "Sequence") {
      out.push_back(step);
    } else {
      const json* steps = member(*step, list);
      if (!steps || !steps->is_array()) return fail(Err::badValue, in(part) + "has a sequence without steps");
      for (auto it = steps->rbegin(); it != steps->rend(); ++it) open.push_back(&*it);
    }
    if (out.size() + open.size() > kMostSteps) return fail(Err::tooLarge, in(part) + "has more than 64 steps");
  }
  return out;
}

struct Pattern {
  std::string text;
  std::optional<Regex> regex;
};

Result<Pattern> patternOf(const json& step, std::string_view part) {
  const json* pattern = member(step, "pattern");
  if (pattern && pattern->is_object()) {
    if (const json* text = member(*pattern, "String");
        text && text->is_string() && !text->get_ref<const std::string&>().empty()) {
      return Pattern{text->get<std::string>(), std::nullopt};
    }
    if (const json* regex = member(*pattern, "Regex"); regex && regex->is_string()) {
      auto compiled = Regex::compile(regex->get_ref<const std::string&>());
      if (!compiled) return fail(compiled.error().code, "tokenizer.json: " + compiled.error().what);
      return Pattern{{}, std::move(*compiled)};
    }
  }
  return fail(Err::badValue, in(part) + "has a step without a pattern");
}

// --- normalizer

Result<void> addNormalizer(const json& step, TokenizerSteps& steps) {
  auto& out = steps.normalizer;
  const std::string type = textOf(step, "type");
  if (type == "Replace") {
    LEMMA_TRY(pattern, patternOf(step, "normalizer"));
    std::string content = textOf(step, "content");
    out.push_back(pattern.regex ? replaceRegex(std::move(*pattern.regex), std::move(content))
                                : replaceText(std::move(pattern.text), std::move(content)));
  } else if (type == "Prepend") {
    out.push_back(prependText(textOf(step, "prepend")));
  } else if (type == "Strip") {
    out.push_back(stripSpaces(flagOf(step, "strip_left", true), flagOf(step, "strip_right", true)));
  } else if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    const bool decomposed = type.back() == 'D', compatible = type.size() == 4;
    out.push_back(toUnicodeForm(decomposed ? (compatible ? UnicodeForm::nfkd : UnicodeForm::nfd)
                                           : (compatible ? UnicodeForm::nfkc : UnicodeForm::nfc)));
  } else if (type == "Lowercase") {
    out.push_back(toLowerCase());
  } else if (type == "StripAccents") {
    out.push_back(withoutMarks());
  } else if (type == "Precompiled") {
    auto bytes = decodeBase64(textOf(step, "precompiled_charsmap"));
    if (!bytes) return fail(Err::badValue, in("normalizer") + "has a precompiled_charsmap that is no base64");
    if (bytes->empty()) return {};
    LEMMA_TRY(map, CharsMap::parse("tokenizer.json: precompiled_charsmap", *bytes));
    out.push_back(mapGraphemes(std::move(map)));
    steps.charsMap = std::move(*bytes);
  } else {
    return unknownType("normalizer", type);
  }
  return {};
}

// --- pre-tokenizer

Result<SplitBehavior> behaviorOf(const json& step, std::string_view otherwise) {
  constexpr std::pair<std::string_view, SplitBehavior> kNames[] = {
      {"Removed", SplitBehavior::removed},
      {"Isolated", SplitBehavior::isolated},
      {"MergedWithPrevious", SplitBehavior::mergedWithPrevious},
      {"MergedWithNext", SplitBehavior::mergedWithNext},
      {"Contiguous", SplitBehavior::contiguous}};
  std::string name = textOf(step, "behavior");
  if (name.empty()) name = otherwise;
  for (const auto& [known, behavior] : kNames) {
    if (known == name) return behavior;
  }
  return fail(Err::badValue, in("pre_tokenizer") + "has a step of the unknown behavior " + quotedName(name));
}

Result<PrependScheme> prependOf(const json& step) {
  const std::string scheme = textOf(step, "prepend_scheme");
  if (scheme == "always") return PrependScheme::always;
  if (scheme == "first") return PrependScheme::first;
  if (scheme == "never") return PrependScheme::never;
  if (!scheme.empty())
    return fail(Err::badValue, "tokenizer.json: the prepend_scheme " + quotedName(scheme) + " is unknown");
  return flagOf(step, "add_prefix_space", true) ? PrependScheme::always : PrependScheme::never;
}

CharSet punctuation() {
  CharSet set;
  CharSet::named("P", set);
  return set.united(CharSet::of({{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}));
}
CharSet numeric() {
  CharSet set;
  CharSet::named("N", set);
  return set;
}

Result<void> addSplitter(const json& step, bool last, TokenizerSteps& out) {
  const std::string type = textOf(step, "type");
  auto& steps = out.splitter;
  if (type == "Split") {
    LEMMA_TRY(pattern, patternOf(step, "pre_tokenizer"));
    LEMMA_TRY(behavior, behaviorOf(step, "Isolated"));
    const bool invert = flagOf(step, "invert", false);
    steps.push_back(pattern.regex ? splitByRegex(std::move(*pattern.regex), behavior, invert)
                                  : splitByText(std::move(pattern.text), behavior, invert));
  } else if (type == "ByteLevel") {
    out.byteLevel = true;
    if (flagOf(step, "add_prefix_space", true)) steps.push_back(prependSpace());
    if (flagOf(step, "use_regex", true)) steps.push_back(splitByPretokenizer(*pretokenizer("gpt-2")));
    if (!last) steps.push_back(writeByteLevel());
  } else if (type == "Metaspace") {
    LEMMA_TRY(prepend, prependOf(step));
    const std::string mark = textOf(step, "replacement");
    if (mark.empty()) return fail(Err::badValue, in("pre_tokenizer") + "has a Metaspace step without a replacement");
    steps.push_back(markSpaces(mark, prepend, flagOf(step, "split", true)));
  } else if (type == "Digits") {
    const bool each = flagOf(step, "individual_digits", false);
    steps.push_back(splitBySet(numeric(), each ? SplitBehavior::isolated : SplitBehavior::contiguous));
  } else if (type == "Whitespace") {
    // \w+|[^\w\s]+ on another regex engine: \w knows no numbers of Latin-1 there, but the two joiners.
    const std::string word = "[[\\w\\x{200c}\\x{200d}]&&[^\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}]]";
    LEMMA_TRY(regex, Regex::compile(word + "+|[^\\s" + word + "]+"));
    steps.push_back(splitByRegex(std::move(regex), SplitBehavior::removed, true));
  } else if (type == "WhitespaceSplit") {
    steps.push_back(splitBySet(CharSet::space(), SplitBehavior::removed));
  } else if (type == "Punctuation") {
    LEMMA_TRY(behavior, behaviorOf(step, "Isolated"));
    steps.push_back(splitBySet(punctuation(), behavior));
  } else if (type == "CharDelimiterSplit") {
    const std::string delimiter = textOf(step, "delimiter");
    if (delimiter.empty()) return fail(Err::badValue, in("pre_tokenizer") + "has a step without its delimiter");
    steps.push_back(splitByText(delimiter, SplitBehavior::removed, false));
  } else {
    return unknownType("pre_tokenizer", type);
  }
  return {};
}

// --- decoder

Result<void> readDecoder(const std::vector<const json*>& steps, TokenizerSteps& out) {
  bool fused = false, first = true;
  for (const json* step : steps) {
    const std::string type = textOf(*step, "type");
    if (type == "ByteLevel") {
      if (!out.byteLevel) return fail(Err::unsupported, in("decoder") + "ByteLevel does not fit the pre_tokenizer");
    } else if (out.byteLevel) {
      return fail(Err::unsupported, in("decoder") + quotedName(type) + " does not fit the pre_tokenizer ByteLevel");
    } else if (type == "Metaspace") {
      LEMMA_TRY(prepend, prependOf(*step));
      const std::string mark = textOf(*step, "replacement");
      if (!first || mark.empty()) return unknownType("decoder", type);
      out.replaced.emplace_back(mark, " ");
      out.dropsFirstSpace = prepend != PrependScheme::never;
    } else if (type == "Replace") {
      LEMMA_TRY(pattern, patternOf(*step, "decoder"));
      if (pattern.regex || fused) return unknownType("decoder", type);
      out.replaced.emplace_back(pattern.text, textOf(*step, "content"));
    } else if (type == "ByteFallback") {
      out.byteFallback = true;
    } else if (type == "Fuse") {
      fused = true;
    } else if (type == "Strip") {
      const json* start = member(*step, "start");
      const json* stop = member(*step, "stop");
      const bool one = fused && textOf(*step, "content") == " " && start && *start == 1 && (!stop || *stop == 0);
      if (!one) return unknownType("decoder", type);
      out.dropsFirstSpace = true;
    } else {
      return unknownType("decoder", type);
    }
    first = false;
  }
  return {};
}

// --- post-processor

// The special tokens at both ends of a template for one text: [{"SpecialToken": {"id": "<s>"}}, {"Sequence": ...}].
Result<void> readPostProcessor(const json& step, TokenizerSteps& out) {
  const std::string type = textOf(step, "type");
  if (type == "ByteLevel") return {};
  if (type != "TemplateProcessing") return unknownType("post_processor", type);
  const json* single = member(step, "single");
  if (!single || !single->is_array()) return fail(Err::badValue, in("post_processor") + "has no template for one text");
  bool text = false;
  for (const json& item : *single) {
    if (member(item, "Sequence")) {
      text = true;
    } else if (const json* special = member(item, "SpecialToken")) {
      (text ? out.after : out.before) = textOf(*special, "id");
    }
  }
  return {};
}

}  // namespace

TokenKind TokenizerSteps::decodePiece(std::string_view text, std::string& out) const {
  if (byteLevel) {
    if (!isByteLevel(text)) return out += text, TokenKind::unused;
    appendByteLevelDecoded(text, out);
    return TokenKind::normal;
  }
  const auto byte = byteFallback ? byteOfToken(text) : std::nullopt;
  if (byte) return out += char(*byte), TokenKind::byte;
  std::string piece(text);
  for (const auto& [from, to] : replaced) replaceText(from, to)->apply(piece);
  out += piece;
  return TokenKind::normal;
}

Result<TokenizerSteps> readTokenizerSteps(const json& tree) {
  TokenizerSteps out;
  LEMMA_TRY(normalizer, flatSteps(tree, "normalizer", "normalizers"));
  for (const json* step : normalizer) LEMMA_CHECK(addNormalizer(*step, out));
  LEMMA_TRY(splitter, flatSteps(tree, "pre_tokenizer", "pretokenizers"));
  for (const json* step : splitter) LEMMA_CHECK(addSplitter(*step, step == splitter.back(), out));
  LEMMA_TRY(decoder, flatSteps(tree, "decoder", "decoders"));
  LEMMA_CHECK(readDecoder(decoder, out));
  LEMMA_TRY(processor, flatSteps(tree, "post_processor", "processors"));
  for (const json* step : processor) LEMMA_CHECK(readPostProcessor(*step, out));
  return out;
}

}  // namespace lemma
