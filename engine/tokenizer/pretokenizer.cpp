#include "engine/tokenizer/pretokenizer.h"

#include <algorithm>
#include <iterator>

namespace lemma {
namespace {

using Window = SplitWindow;

// --- runs of characters

template <class Predicate>
size_t run(const Window& w, size_t i, Predicate&& wanted) {
  while (i < w.end && wanted(i)) i = w.next(i);
  return i;
}
bool letterAt(const Window& w, size_t i) { return i < w.end && isLetter(w.at(i)); }
bool numberAt(const Window& w, size_t i) { return i < w.end && w.at(i) == CharClass::number; }
bool spaceAt(const Window& w, size_t i) { return i < w.end && w.at(i) == CharClass::space; }
bool markAt(const Window& w, size_t i) { return i < w.end && w.at(i) == CharClass::mark; }
bool newlineAt(const Window& w, size_t i) { return i < w.end && (w.text[i] == '\r' || w.text[i] == '\n'); }
bool asciiAt(const Window& w, size_t i, char c) { return i < w.end && w.text[i] == c; }
// [^\s\p{L}\p{N}]
bool restAt(const Window& w, size_t i) { return i < w.end && !letterAt(w, i) && !numberAt(w, i) && !spaceAt(w, i); }

size_t letters(const Window& w, size_t i) {
  return run(w, i, [&](size_t k) { return letterAt(w, k); });
}
size_t rest(const Window& w, size_t i) {
  return run(w, i, [&](size_t k) { return restAt(w, k); });
}
size_t newlines(const Window& w, size_t i) {
  return run(w, i, [&](size_t k) { return newlineAt(w, k); });
}

// --- parts that many expressions share; each returns i where it does not match

// 's|'t|'re|'ve|'m|'ll|'d, in any case where anyCase says so; the long s folds to s.
size_t contraction(const Window& w, size_t i, bool anyCase) {
  if (!asciiAt(w, i, '\'')) return i;
  const auto letterIs = [&](size_t k, char c) {
    return k < w.end && (w.text[k] == c || (anyCase && w.text[k] == char(c - 32)));
  };
  for (const char c : {'s', 't', 'm', 'd'}) {
    if (letterIs(i + 1, c)) return i + 2;
  }
  for (const auto& [a, b] : {std::pair('r', 'e'), std::pair('v', 'e'), std::pair('l', 'l')}) {
    if (letterIs(i + 1, a) && letterIs(i + 2, b)) return i + 3;
  }
  if (anyCase && w.end - i >= 3 && w.text.substr(i + 1, 2) == "\u017f") return i + 3;
  return i;
}

// \s*[\r\n]+ where `lines` says so, then \s+(?!\S)|\s+
size_t spaces(const Window& w, size_t i, bool lines) {
  size_t last = i, afterLine = i;
  const size_t end = run(w, i, [&](size_t k) {
    if (!spaceAt(w, k)) return false;
    last = k;
    if (newlineAt(w, k)) afterLine = k + 1;
    return true;
  });
  if (lines && afterLine > i) return afterLine;
  return end == w.end || last == i ? end : last;  // the last space belongs to the word after it
}

// \p{N}{1,most}
size_t numbers(const Window& w, size_t i, int most) {
  for (int n = 0; n < most && numberAt(w, i); ++n) i = w.next(i);
  return i;
}

// ` ?[^\s\p{L}\p{N}]+[\r\n]*`, with `/` among the ends where slash says so
size_t restWithLines(const Window& w, size_t i, bool slash) {
  const size_t start = asciiAt(w, i, ' ') ? i + 1 : i;
  if (!restAt(w, start)) return i;
  return run(w, rest(w, start), [&](size_t k) { return newlineAt(w, k) || (slash && asciiAt(w, k, '/')); });
}

// --- whole expressions

// '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t gpt2(const Window& w, size_t i) {
  if (const size_t end = contraction(w, i, false); end > i) return end;
  const size_t start = asciiAt(w, i, ' ') ? i + 1 : i;
  if (letterAt(w, start)) return letters(w, start);
  if (numberAt(w, start)) return run(w, start, [&](size_t k) { return numberAt(w, k); });
  if (restAt(w, start)) return rest(w, start);
  return spaces(w, i, false);
}

// (?i:'s|...)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,most}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
size_t llama3Like(const Window& w, size_t i, int most) {
  if (const size_t end = contraction(w, i, true); end > i) return end;
  if (letterAt(w, i)) return letters(w, i);
  if (numberAt(w, i)) return numbers(w, i, most);
  if (const size_t after = w.next(i); !newlineAt(w, i) && letterAt(w, after)) return letters(w, after);
  if (const size_t end = restWithLines(w, i, false); end > i) return end;
  return spaces(w, i, true);
}
size_t llama3(const Window& w, size_t i) { return llama3Like(w, i, 3); }
size_t qwen2(const Window& w, size_t i) { return llama3Like(w, i, 1); }

// A = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and B = [\p{Ll}\p{Lm}\p{Lo}\p{M}] of tekken and gpt-4o
bool inA(const Window& w, size_t k) { return (letterAt(w, k) || markAt(w, k)) && w.at(k) != CharClass::lower; }
bool inB(const Window& w, size_t k) {
  return (letterAt(w, k) || markAt(w, k)) && w.at(k) != CharClass::upper && w.at(k) != CharClass::title;
}

// A*B+ : where no B follows the run of A, A* gives back down to its last character that is a B too.
size_t lowerWord(const Window& w, size_t i) {
  size_t lastBoth = w.end;
  const size_t endA = run(w, i, [&](size_t k) {
    if (inB(w, k)) lastBoth = inA(w, k) ? k : lastBoth;
    return inA(w, k);
  });
  const size_t endB = run(w, endA, [&](size_t k) { return inB(w, k); });
  if (endB > endA) return endB;
  return lastBoth == w.end ? i : w.next(lastBoth);
}

// A+B*
size_t upperWord(const Window& w, size_t i) {
  const size_t endA = run(w, i, [&](size_t k) { return inA(w, k); });
  return endA == i ? i : run(w, endA, [&](size_t k) { return inB(w, k); });
}

// [^\r\n\p{L}\p{N}]?A*B+|[^\r\n\p{L}\p{N}]?A+B* with (?i:'s|...)? after it where contractions says so, \p{N}{1,most},
// ` ?[^\s\p{L}\p{N}]+[\r\n/]*`, \s*[\r\n]+|\s+(?!\S)|\s+
size_t casedLike(const Window& w, size_t i, int most, bool contractions) {
  const bool lead = !newlineAt(w, i) && !letterAt(w, i) && !numberAt(w, i);
  for (const SplitMatcher word : {lowerWord, upperWord}) {
    size_t end = i;
    if (const size_t start = w.next(i); lead && word(w, start) > start) {
      end = word(w, start);
    } else {
      end = word(w, i);
    }
    if (end > i) return contractions ? contraction(w, end, true) : end;
  }
  if (numberAt(w, i)) return numbers(w, i, most);
  if (const size_t end = restWithLines(w, i, true); end > i) return end;
  return spaces(w, i, true);
}
size_t tekken(const Window& w, size_t i) { return casedLike(w, i, 1, false); }
size_t gpt4o(const Window& w, size_t i) { return casedLike(w, i, 3, true); }

// [\p{P}$+<=>^~|`]+
size_t falconSigns(const Window& w, size_t i) {
  return run(w, i, [&](size_t k) {
    return w.at(k) == CharClass::punctuation || std::string_view("$+<=>^~|`").find(w.text[k]) != std::string_view::npos;
  });
}
// [0-9][0-9][0-9]
size_t threeDigits(const Window& w, size_t i) {
  const auto digitAt = [&](size_t k) { return k < w.end && w.text[k] >= '0' && w.text[k] <= '9'; };
  return digitAt(i) && digitAt(i + 1) && digitAt(i + 2) ? i + 3 : i;
}

// Qwen 3.5: llama3Like's with marks beside letters, one number at a time
constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Seed-Coder: llama3Like's, where signs end before a new line
constexpr std::string_view kSeedCoder =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Viking's two expressions in one: ` ?[^(\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+`, and every number alone
constexpr std::string_view kViking =
    R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{ff0c}\x{3001}\x{964}\x{6d4}\x{60c})\p{N}]+| (?=\p{N})|\p{N})";
// Kimi K2: gpt4o's without Chinese characters, which stand alone
constexpr std::string_view kKimi = R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)"
                                   R"([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
                                   R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+)"
                                   R"([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
                                   R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// \p{N}
size_t eachNumber(const Window& w, size_t i) { return numbers(w, i, 1); }
// \p{N}{1,3}
size_t threeNumbers(const Window& w, size_t i) { return numbers(w, i, 3); }
// \p{N}+
size_t allNumbers(const Window& w, size_t i) {
  return run(w, i, [&](size_t k) { return numberAt(w, k); });
}
// [\r\n]
size_t eachNewline(const Window& w, size_t i) { return newlineAt(w, i) ? i + 1 : i; }

struct Range {
  uint32_t first, last;
};
template <size_t N>
size_t rangeRun(const Window& w, size_t i, const Range (&ranges)[N]) {
  return run(w, i, [&](size_t k) {
    const uint32_t c = decodeUtf8(w.text, k).value;
    const Range* r = std::lower_bound(std::begin(ranges), std::end(ranges), c,
                                      [](const Range& range, uint32_t value) { return range.last < value; });
    return r != std::end(ranges) && r->first <= c;
  });
}

// [\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+
size_t deepseekCjk(const Window& w, size_t i) {
  static constexpr Range kRanges[] = {{0x3040, 0x30ff}, {0x4e00, 0x9fa5}};
  return rangeRun(w, i, kRanges);
}

// [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|
// \s*[\r\n]+|\s+(?!\S)|\s+
size_t deepseek3(const Window& w, size_t i) {
  const auto asciiLetterAt = [&](size_t k) {
    return k < w.end && ((w.text[k] >= 'a' && w.text[k] <= 'z') || (w.text[k] >= 'A' && w.text[k] <= 'Z'));
  };
  const auto letterOrMarkAt = [&](size_t k) { return letterAt(w, k) || markAt(w, k); };
  const auto signAt = [&](size_t k) {
    return k < w.end && (w.at(k) == CharClass::punctuation || w.at(k) == CharClass::symbol);
  };
  const bool asciiSign = w.text[i] > 0 && signAt(i);
  if (asciiSign && asciiLetterAt(i + 1)) return run(w, i + 1, asciiLetterAt);
  if (letterOrMarkAt(i)) return run(w, i, letterOrMarkAt);
  if (const size_t after = w.next(i); !newlineAt(w, i) && !signAt(i) && letterOrMarkAt(after)) {
    return run(w, after, letterOrMarkAt);
  }
  if (const size_t start = asciiAt(w, i, ' ') ? i + 1 : i; signAt(start)) return newlines(w, run(w, start, signAt));
  return spaces(w, i, true);
}

// \s?\p{L}+ and \s?\p{P}+
size_t spaceLetters(const Window& w, size_t i) {
  const size_t start = spaceAt(w, i) ? w.next(i) : i;
  return letterAt(w, start) ? letters(w, start) : i;
}
size_t spacePunctuation(const Window& w, size_t i) {
  const auto signAt = [&](size_t k) { return k < w.end && w.at(k) == CharClass::punctuation; };
  const size_t start = spaceAt(w, i) ? w.next(i) : i;
  return signAt(start) ? run(w, start, signAt) : i;
}
// [\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+
size_t deepseekEastAsian(const Window& w, size_t i) {
  static constexpr Range kRanges[] = {{0x800, 0x9fa5}, {0xac00, 0xd7ff}};
  return rangeRun(w, i, kRanges);
}

// \s?[A-Za-z\u00b5...]+ : the cased letters that the first DeepSeek models name one by one
size_t deepseekLlmLetters(const Window& w, size_t i) {
  static constexpr Range kRanges[] = {
      {0x41, 0x5a},       {0x61, 0x7a},       {0xb5, 0xb5},       {0xc0, 0xd6},       {0xd8, 0xf6},
      {0xf8, 0x1ba},      {0x1bc, 0x1bf},     {0x1c4, 0x293},     {0x295, 0x2af},     {0x370, 0x373},
      {0x376, 0x377},     {0x37b, 0x37d},     {0x37f, 0x37f},     {0x386, 0x386},     {0x388, 0x38a},
      {0x38c, 0x38c},     {0x38e, 0x3a1},     {0x3a3, 0x3f5},     {0x3f7, 0x481},     {0x48a, 0x52f},
      {0x531, 0x556},     {0x10a0, 0x10c5},   {0x13a0, 0x13f5},   {0x13f8, 0x13fd},   {0x1c90, 0x1cba},
      {0x1cbd, 0x1cbf},   {0x1d00, 0x1d2b},   {0x1d6b, 0x1d77},   {0x1d79, 0x1d9a},   {0x1e00, 0x1f15},
      {0x1f18, 0x1f1d},   {0x1f20, 0x1f45},   {0x1f48, 0x1f4d},   {0x1f50, 0x1f57},   {0x1f59, 0x1f59},
      {0x1f5b, 0x1f5b},   {0x1f5d, 0x1f5d},   {0x1f5f, 0x1f7d},   {0x1f80, 0x1fb4},   {0x1fb6, 0x1fbc},
      {0x1fbe, 0x1fbe},   {0x1fc2, 0x1fc4},   {0x1fc6, 0x1fcc},   {0x1fd0, 0x1fd3},   {0x1fd6, 0x1fdb},
      {0x1fe0, 0x1fec},   {0x1ff2, 0x1ff4},   {0x1ff6, 0x1ffc},   {0x2102, 0x2102},   {0x2107, 0x2107},
      {0x210a, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211d},   {0x2124, 0x2124},   {0x2126, 0x2126},
      {0x2128, 0x2128},   {0x212a, 0x212d},   {0x212f, 0x2134},   {0x2139, 0x2139},   {0x213c, 0x213f},
      {0x2145, 0x2149},   {0x214e, 0x214e},   {0x2183, 0x2184},   {0x2c00, 0x2c7b},   {0x2c7e, 0x2ce4},
      {0x2ceb, 0x2cee},   {0x2cf2, 0x2cf3},   {0xa640, 0xa66d},   {0xa680, 0xa69b},   {0xa722, 0xa76f},
      {0xa771, 0xa787},   {0xa78b, 0xa78e},   {0xab70, 0xabbf},   {0xfb00, 0xfb06},   {0xfb13, 0xfb17},
      {0xff21, 0xff3a},   {0xff41, 0xff5a},   {0x10400, 0x1044f}, {0x104b0, 0x104d3}, {0x104d8, 0x104fb},
      {0x10c80, 0x10cb2}, {0x10cc0, 0x10cf2}, {0x118a0, 0x118df}, {0x1e900, 0x1e943}};
  const size_t start = spaceAt(w, i) ? w.next(i) : i;
  const size_t end = rangeRun(w, start, kRanges);
  return end > start ? end : i;
}

// \s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+
size_t deepseekLlmSigns(const Window& w, size_t i) {
  static constexpr Range kRanges[] = {{0x21, 0x2f},     {0x3a, 0x7e},     {0x2018, 0x201f},
                                      {0x3000, 0x3002}, {0xff01, 0xff0f}, {0xff1a, 0xff5e}};
  if (spaceAt(w, i)) {
    const size_t start = w.next(i);
    if (const size_t end = rangeRun(w, start, kRanges); end > start) return end;
  }
  return rangeRun(w, i, kRanges);  // U+3000 is a space and a sign
}

// \s+$
size_t trailingSpaces(const Window& w, size_t i) {
  if (!spaceAt(w, i)) return i;
  for (size_t before = i; before > w.begin;) {
    --before;
    if (w.at(before) == CharClass::inside) continue;
    if (w.at(before) == CharClass::space) return i;  // that one has been tried: scan each run once only
    break;
  }
  const size_t end = run(w, i, [&](size_t k) { return spaceAt(w, k); });
  return end == w.end ? end : i;
}

constexpr Pretokenizer kPretokenizers[] = {
    {.name = "default", .stages = {gpt2}},
    {.name = "gpt-2", .stages = {gpt2}},
    {.name = "phi-2", .stages = {gpt2}},
    {.name = "mpt", .stages = {gpt2}},
    {.name = "olmo", .stages = {gpt2}},
    {.name = "jina-es", .stages = {gpt2}},
    {.name = "jina-de", .stages = {gpt2}},
    {.name = "jina-v1-en", .stages = {gpt2}},
    {.name = "jina-v2-es", .stages = {gpt2}},
    {.name = "jina-v2-de", .stages = {gpt2}},
    {.name = "jina-v2-code", .stages = {gpt2}},
    {.name = "roberta-bpe", .stages = {gpt2}},
    {.name = "a.x-4.0", .stages = {gpt2}},
    {.name = "exaone4", .stages = {gpt2}},
    {.name = "gigachat", .stages = {gpt2}},
    {.name = "granite-docling", .stages = {gpt2}},
    {.name = "mellum", .stages = {gpt2}},
    {.name = "trillion", .stages = {gpt2}},
    {.name = "viking", .expression = kViking},
    {.name = "falcon", .stages = {falconSigns, gpt2, threeDigits}},
    {.name = "smollm", .stages = {eachNumber, gpt2}},
    {.name = "starcoder", .stages = {eachNumber, gpt2}},
    {.name = "refact", .stages = {eachNumber, gpt2}},
    {.name = "command-r", .stages = {eachNumber, gpt2}},
    {.name = "codeshell", .stages = {eachNumber, gpt2}},
    {.name = "exaone", .stages = {eachNumber, gpt2}},
    {.name = "mellum2", .stages = {eachNumber, gpt2}},
    {.name = "minerva-7b", .stages = {eachNumber, gpt2}},
    {.name = "llama-bpe", .stages = {llama3}, .wholeWords = true, .addBos = true},
    {.name = "llama3", .stages = {llama3}, .wholeWords = true, .addBos = true},
    {.name = "llama-v3", .stages = {llama3}, .wholeWords = true, .addBos = true},
    {.name = "falcon3", .stages = {llama3}, .wholeWords = true, .addBos = true},
    {.name = "falcon-h1", .stages = {llama3}, .wholeWords = true, .addBos = true},
    {.name = "lfm2", .stages = {llama3}, .wholeWords = true, .addBos = true},
    {.name = "midm-2.0", .stages = {llama3}, .wholeWords = true, .addBos = true},
    {.name = "smaug-bpe", .stages = {llama3}},
    {.name = "dbrx", .stages = {llama3}},
    {.name = "chatglm-bpe", .stages = {llama3}},
    {.name = "glm4", .stages = {llama3}},
    {.name = "glm5", .stages = {llama3}},
    {.name = "pixtral", .stages = {llama3}, .wholeWords = true, .addBos = true},
    {.name = "qwen2", .stages = {qwen2}},
    {.name = "deepseek-r1-qwen", .stages = {qwen2}},
    {.name = "stablelm2", .stages = {qwen2}},
    {.name = "megrez", .stages = {qwen2}},
    {.name = "f2llmv2", .stages = {qwen2}},
    {.name = "kormo", .stages = {qwen2}},
    {.name = "bailingmoe", .stages = {qwen2}},
    {.name = "hunyuan", .stages = {qwen2}},
    {.name = "grok-2", .stages = {qwen2}},
    {.name = "solar-open", .stages = {qwen2}},
    {.name = "seed-coder", .expression = kSeedCoder},
    {.name = "qwen35", .expression = kQwen35},
    {.name = "kimi-k2", .expression = kKimi},
    {.name = "deepseek-llm",
     .stages = {eachNewline, deepseekLlmLetters, deepseekLlmSigns, trailingSpaces, deepseekEastAsian, allNumbers}},
    {.name = "deepseek-coder", .stages = {eachNewline, spaceLetters, spacePunctuation, deepseekEastAsian, eachNumber}},
    {.name = "deepseek-v3", .stages = {threeNumbers, deepseekCjk, deepseek3}},
    {.name = "deepseek-r1", .stages = {threeNumbers, deepseekCjk, deepseek3}},
    {.name = "hunyuan-dense", .stages = {threeNumbers, deepseekCjk, deepseek3}},
    {.name = "joyai-llm", .stages = {threeNumbers, deepseekCjk, deepseek3}},
    {.name = "tekken", .stages = {tekken}, .wholeWords = true, .addBos = true},
    {.name = "gpt-4o", .stages = {gpt4o}},
    {.name = "o200k", .stages = {gpt4o}},
    {.name = "llama4", .stages = {gpt4o}},
    {.name = "kanana2", .stages = {gpt4o}},
    {.name = "minimax-m2", .stages = {gpt4o}},
};

void splitStage(const Pretokenizer& pre, size_t stage, const Window& w, std::vector<size_t>& ends) {
  if (stage == pre.stages.size() || !pre.stages[stage]) {
    ends.push_back(w.end);
    return;
  }
  const auto piece = [&](size_t from, size_t to) {
    if (from < to) splitStage(pre, stage + 1, {w.text, w.classes, from, to}, ends);
  };
  size_t done = w.begin;
  for (size_t i = w.begin; i < w.end;) {
    const size_t end = pre.stages[stage](w, i);
    if (end == i) {
      i = w.next(i);
      continue;
    }
    piece(done, i);
    piece(i, end);
    done = i = end;
  }
  piece(done, w.end);
}

}  // namespace

const Pretokenizer* pretokenizer(std::string_view name) {
  const auto it =
      std::find_if(std::begin(kPretokenizers), std::end(kPretokenizers), [&](const auto& p) { return p.name == name; });
  return it == std::end(kPretokenizers) ? nullptr : it;
}

void splitWords(const Pretokenizer& pre, std::string_view text, std::vector<CharClass>& classes,
                std::vector<size_t>& ends) {
  classify(text, classes);
  if (!text.empty()) splitStage(pre, 0, {text, classes.data(), 0, text.size()}, ends);
}

}  // namespace lemma
