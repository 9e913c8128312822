// The methods of strings, lists and mappings that do not change them.
#include <algorithm>

#include "engine/template/format.h"
#include "engine/template/interpreter.h"
#include "engine/template/operators.h"
#include "engine/template/text_tools.h"
#include "engine/template/unicode.h"

namespace lemma::jinja {
namespace {
using T = Value::Type;

const Text& text(Call& c) {
  c.in.budget.spendBytes(c.self.text().size());
  return c.self.text();
}
Value strings(std::vector<Text> parts) {
  std::vector<Value> out;
  out.reserve(parts.size());
  for (Text& t : parts) out.push_back(Value::string(std::move(t)));
  return Value::list(std::move(out));
}

template <Case how>
Value cased(Call& c) {
  return Value::string(withCase(text(c), how, c.in.budget));
}
template <Side side>
Value strip(Call& c) {
  return Value::string(stripped(text(c), c.has(0) ? &c.string(0) : nullptr, side));
}
template <bool fromRight>
Value splitParts(Call& c) {
  return strings(split(text(c), c.has(0) ? &c.string(0) : nullptr, c.integer(1, -1), fromRight, c.in.budget));
}
Value splitLines(Call& c) { return strings(lines(text(c), c.flag(0, false), c.in.budget)); }

// The part of the string between two optional bounds, which count code points.
Text window(Call& c, size_t start, size_t stop) {
  const Value none{};
  const Value part =
      slice(c.self, c.has(start) ? c.at(start) : &none, c.has(stop) ? c.at(stop) : &none, nullptr, c.in.budget);
  return part.text();
}
template <bool atEnd>
Value hasEdge(Call& c) {
  const Text t = window(c, 1, 2);
  const auto holds = [&](const Value& v) {
    const std::string_view edge = needString(v, "an argument").bytes();
    return atEnd ? t.bytes().ends_with(edge) : t.bytes().starts_with(edge);
  };
  if (!c.at(0)->is(T::tuple)) return Value::boolean(holds(*c.at(0)));
  return Value::boolean(std::any_of(c.at(0)->items().begin(), c.at(0)->items().end(), holds));
}
template <bool fromRight, bool mustBe>
Value find(Call& c) {
  const Text t = window(c, 1, 2);
  const std::string_view what = c.string(0).bytes();
  const size_t at = fromRight ? t.bytes().rfind(what) : t.bytes().find(what);
  if (at == std::string_view::npos) {
    if (mustBe) refuse("a string does not hold what is looked for");
    return Value::integer(-1);
  }
  int64_t before = 0;
  if (c.has(1)) {
    const int64_t n = length(c.self), start = c.integer(1, 0);
    before = std::clamp<int64_t>(start < 0 ? start + n : start, 0, n);
  }
  return Value::integer(before + int64_t(codePoints(t.bytes().substr(0, at))));
}
Value count(Call& c) {
  const Text t = window(c, 1, 2);
  const std::string_view what = c.string(0).bytes();
  if (what.empty()) return Value::integer(int64_t(codePoints(t.bytes())) + 1);
  int64_t n = 0;
  for (size_t at = t.bytes().find(what); at != std::string_view::npos; at = t.bytes().find(what, at + what.size())) ++n;
  return Value::integer(n);
}
Value replace(Call& c) {
  return Value::string(replaced(text(c), c.string(0), c.string(1), c.integer(2, -1), c.in.budget));
}
Value join(Call& c) {
  TextBuilder out(c.in.budget);
  for (const Value& v : elements(*c.at(0), c.in.budget)) {
    if (out.any()) out.add(c.self.text());
    out.add(needString(v, "what is joined"));
  }
  return Value::string(out.take());
}
template <char side>
Value justify(Call& c) {
  return Value::string(padded(text(c), needInteger(*c.at(0), "a width"), side, c.string(1, " "), c.in.budget));
}
Value zeroFill(Call& c) {
  const Text& t = text(c);
  const int64_t width = needInteger(*c.at(0), "a width");
  const bool sign = t.bytes().starts_with('-') || t.bytes().starts_with('+');
  Text out = t.substr(0, sign);
  out.append(padded(t.substr(sign), width - sign, '>', "0", c.in.budget));
  return Value::string(std::move(out));
}
template <bool fromRight>
Value partition(Call& c) {
  const Text &t = text(c), &separator = c.string(0);
  if (separator.empty()) refuse("a separator is empty");
  const size_t at = fromRight ? t.bytes().rfind(separator.bytes()) : t.bytes().find(separator.bytes());
  const Value nothing = Value::string("");
  if (at == std::string_view::npos)
    return Value::tuple(fromRight ? std::vector{nothing, nothing, c.self} : std::vector{c.self, nothing, nothing});
  return Value::tuple({Value::string(t.substr(0, at)), *c.at(0), Value::string(t.substr(at + separator.size()))});
}
Value removePrefix(Call& c) {
  const std::string_view p = c.string(0).bytes();
  return text(c).bytes().starts_with(p) ? Value::string(c.self.text().substr(p.size())) : c.self;
}
Value removeSuffix(Call& c) {
  const std::string_view p = c.string(0).bytes();
  return text(c).bytes().ends_with(p) ? Value::string(c.self.text().substr(0, c.self.text().size() - p.size()))
                                      : c.self;
}
Value expandTabs(Call& c) {
  const int64_t tab = std::clamp<int64_t>(c.integer(0, 8), 0, 1000);
  const Text& t = text(c);
  Text out;
  int64_t column = 0;
  for (size_t i = 0; i < t.size();) {
    const CodePoint cp = codePointAt(t.bytes(), i);
    if (cp.value == '\t') {
      const int64_t n = tab == 0 ? 0 : tab - column % tab;
      c.in.budget.spendBytes(out.size() > kMaxText ? out.size() : size_t(n) * 32);
      out.append(std::string(size_t(n), ' '), t.fromUser(i));
      column += n;
    } else {
      out.append(t, i, cp.size);
      column = cp.value == '\n' || cp.value == '\r' ? 0 : column + 1;
    }
    i += cp.size;
  }
  return Value::string(std::move(out));
}
Value format(Call& c) { return Value::string(formatBraces(text(c), c.args.positional, c.args.named, c.in)); }
Value formatMap(Call& c) {
  if (!c.at(0)->is(T::dict)) refuse("'format_map' needs a mapping");
  std::vector<std::pair<std::string, Value>> named;
  c.in.budget.spendItems(c.at(0)->pairs().size());
  for (const auto& [k, v] : c.at(0)->pairs()) named.emplace_back(str(k, c.in.budget).bytes(), v);
  return Value::string(formatBraces(text(c), {}, named, c.in));
}

// True where the string is not empty and every character has the property.
template <bool (*has)(uint32_t)>
Value every(Call& c) {
  const Text& t = text(c);
  for (size_t i = 0; i < t.size();) {
    const CodePoint cp = codePointAt(t.bytes(), i);
    if (!has(cp.value)) return Value::boolean(false);
    i += cp.size;
  }
  return Value::boolean(!t.empty());
}
bool letterOrDigit(uint32_t cp) { return isAlpha(cp) || isDigit(cp); }
bool isAscii(uint32_t cp) { return cp < 128; }
template <bool upper>
Value isCase(Call& c) {
  bool any = false;
  const Text& t = text(c);
  for (size_t i = 0; i < t.size();) {
    const CodePoint cp = codePointAt(t.bytes(), i);
    if (upper ? isLower(cp.value) : isUpper(cp.value)) return Value::boolean(false);
    any = any || isLower(cp.value) || isUpper(cp.value);
    i += cp.size;
  }
  return Value::boolean(any);
}
Value isTitle(Call& c) {
  bool any = false, inWord = false;
  const Text& t = text(c);
  for (size_t i = 0; i < t.size();) {
    const CodePoint cp = codePointAt(t.bytes(), i);
    if (isUpper(cp.value) && inWord) return Value::boolean(false);
    if (isLower(cp.value) && !inWord) return Value::boolean(false);
    inWord = isUpper(cp.value) || isLower(cp.value);
    any = any || inWord;
    i += cp.size;
  }
  return Value::boolean(any);
}
Value isIdentifier(Call& c) {
  const Text& t = text(c);
  for (size_t i = 0; i < t.size();) {
    const CodePoint cp = codePointAt(t.bytes(), i);
    if (cp.value != '_' && !isAlpha(cp.value) && (i == 0 || !isDigit(cp.value))) return Value::boolean(false);
    i += cp.size;
  }
  return Value::boolean(!t.empty());
}
Value isAsciiText(Call& c) { return Value::boolean(text(c).empty() || every<isAscii>(c).truthy()); }
Value isPrintableText(Call& c) { return Value::boolean(text(c).empty() || every<isPrintable>(c).truthy()); }

// ---- lists and tuples
Value listCount(Call& c) {
  c.in.budget.spend(c.self.extent().weight);
  return Value::integer(
      std::count_if(c.self.items().begin(), c.self.items().end(), [&](const Value& v) { return equal(v, *c.at(0)); }));
}
Value listIndex(Call& c) {
  c.in.budget.spend(c.self.extent().weight);
  for (size_t i = 0; i < c.self.items().size(); ++i) {
    if (equal(c.self.items()[i], *c.at(0))) return Value::integer(int64_t(i));
  }
  refuse("a list does not hold what is looked for");
}
Value copy(Call& c) { return c.self; }

// ---- mappings
Value get(Call& c) {
  c.in.budget.spend(int64_t(c.self.pairs().size() / 8));
  const Value* found = c.self.find(*c.at(0));
  return found ? *found : c.at(1) ? *c.at(1) : Value();
}
template <bool keys, bool values>
Value view(Call& c) {
  std::vector<Value> out;
  c.in.budget.spendItems(c.self.pairs().size());
  for (const auto& [k, v] : c.self.pairs()) out.push_back(keys && values ? Value::tuple({k, v}) : keys ? k : v);
  return Value::view(keys && values ? "dict_items" : keys ? "dict_keys" : "dict_values", std::move(out), false);
}

constexpr Native kStringMethods[] = {
    {"capitalize", "", 0, cased<Case::capital>},
    {"casefold", "", 0, cased<Case::lower>},
    {"center", "width fillchar", 1, justify<'c'>},
    {"count", "sub start end", 1, count},
    {"endswith", "suffix start end", 1, hasEdge<true>},
    {"expandtabs", "tabsize", 0, expandTabs},
    {"find", "sub start end", 1, find<false, false>},
    {"format", "*", 0, format},
    {"format_map", "mapping", 1, formatMap},
    {"index", "sub start end", 1, find<false, true>},
    {"isalnum", "", 0, every<letterOrDigit>},
    {"isalpha", "", 0, every<isAlpha>},
    {"isascii", "", 0, isAsciiText},
    {"isdecimal", "", 0, every<isDigit>},
    {"isdigit", "", 0, every<isDigit>},
    {"isidentifier", "", 0, isIdentifier},
    {"islower", "", 0, isCase<false>},
    {"isnumeric", "", 0, every<isDigit>},
    {"isprintable", "", 0, isPrintableText},
    {"isspace", "", 0, every<isSpace>},
    {"istitle", "", 0, isTitle},
    {"isupper", "", 0, isCase<true>},
    {"join", "iterable", 1, join},
    {"ljust", "width fillchar", 1, justify<'<'>},
    {"lower", "", 0, cased<Case::lower>},
    {"lstrip", "chars", 0, strip<Side::left>},
    {"partition", "sep", 1, partition<false>},
    {"removeprefix", "prefix", 1, removePrefix},
    {"removesuffix", "suffix", 1, removeSuffix},
    {"replace", "old new count", 2, replace},
    {"rfind", "sub start end", 1, find<true, false>},
    {"rindex", "sub start end", 1, find<true, true>},
    {"rjust", "width fillchar", 1, justify<'>'>},
    {"rpartition", "sep", 1, partition<true>},
    {"rsplit", "sep maxsplit", 0, splitParts<true>},
    {"rstrip", "chars", 0, strip<Side::right>},
    {"split", "sep maxsplit", 0, splitParts<false>},
    {"splitlines", "keepends", 0, splitLines},
    {"startswith", "prefix start end", 1, hasEdge<false>},
    {"strip", "chars", 0, strip<Side::both>},
    {"swapcase", "", 0, cased<Case::swap>},
    {"title", "", 0, cased<Case::title>},
    {"upper", "", 0, cased<Case::upper>},
    {"zfill", "width", 1, zeroFill},
};
constexpr Native kListMethods[] = {
    {"copy", "", 0, copy}, {"count", "value", 1, listCount}, {"index", "value", 1, listIndex}};
constexpr Native kDictMethods[] = {{"copy", "", 0, copy},
                                   {"get", "key default", 1, get},
                                   {"items", "", 0, view<true, true>},
                                   {"keys", "", 0, view<true, false>},
                                   {"values", "", 0, view<false, true>}};

template <size_t N>
const Native* lookUp(const Native (&table)[N], std::string_view name) {
  for (const Native& n : table) {
    if (n.name == name) return &n;
  }
  return nullptr;
}
}  // namespace

const Native* findStringMethod(std::string_view name) { return lookUp(kStringMethods, name); }
const Native* findListMethod(std::string_view name) { return lookUp(kListMethods, name); }
const Native* findDictMethod(std::string_view name) { return lookUp(kDictMethods, name); }

}  // namespace lemma::jinja
