// Filters on strings and numbers.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/template/filters.h"
#include "engine/template/format.h"
#include "engine/template/interpreter.h"
#include "engine/template/operators.h"
#include "engine/template/text_tools.h"
#include "engine/template/unicode.h"

namespace lemma::jinja {
namespace {
using T = Value::Type;

Text text(Call& c) { return str(c.self, c.in.budget); }

template <Case how>
Value cased(Call& c) {
  return Value::string(withCase(text(c), how, c.in.budget));
}
Value title(Call& c) { return Value::string(titleOfWords(text(c), c.in.budget)); }
Value trim(Call& c) {
  const Text t = text(c);
  c.in.budget.spendBytes(t.size());
  return Value::string(stripped(t, c.has(0) ? &c.string(0) : nullptr, Side::both));
}
Value replace(Call& c) {
  return Value::string(
      replaced(text(c), str(*c.at(0), c.in.budget), str(*c.at(1), c.in.budget), c.integer(2, -1), c.in.budget));
}
Value center(Call& c) { return Value::string(padded(text(c), c.integer(0, 80), 'c', " ", c.in.budget)); }
Value asString(Call& c) { return Value::string(text(c)); }
Value format(Call& c) {
  if (!c.args.named.empty() && !c.args.positional.empty())
    refuse("'format' takes positional or named values, not both");
  if (c.args.named.empty()) return Value::string(formatPercent(text(c), Value::tuple(c.args.positional), c.in.budget));
  std::vector<std::pair<Value, Value>> named;
  for (const auto& [k, v] : c.args.named) named.emplace_back(Value::string(k), v);
  return Value::string(formatPercent(text(c), Value::dict(std::move(named)), c.in.budget));
}

Value escape(Call& c) {
  const Text t = text(c);
  c.in.budget.spendBytes(t.size() * 5);
  Text out;
  for (size_t i = 0; i < t.size(); ++i) {
    const char b = t.bytes()[i];
    const std::string_view as = b == '&'    ? "&amp;"
                                : b == '<'  ? "&lt;"
                                : b == '>'  ? "&gt;"
                                : b == '"'  ? "&#34;"
                                : b == '\'' ? "&#39;"
                                            : "";
    out.append(as.empty() ? t.bytes().substr(i, 1) : as, t.fromUser(i));
  }
  return Value::string(std::move(out));
}

Value indent(Call& c) {
  Text pad(std::string(4, ' '));
  if (c.has(0)) {
    pad = c.at(0)->isString() ? c.at(0)->text()
                              : padded(Text(), std::clamp<int64_t>(c.integer(0, 4), 0, 10000), '<', " ", c.in.budget);
  }
  const bool first = c.flag(1, false), blank = c.flag(2, false);
  TextBuilder out(c.in.budget);
  // As Jinja does, a line break at the end is followed by an empty line that is never padded.
  Text whole = text(c);
  whole.append("\n", false);
  const std::vector<Text> all = lines(whole, false, c.in.budget);
  for (size_t i = 0; i < all.size(); ++i) {
    if (i > 0) out.add("\n");
    if (i == 0 ? first : blank || !all[i].empty()) out.add(pad);
    out.add(all[i]);
  }
  return Value::string(out.take());
}

Value truncate(Call& c) {
  const Text t = text(c);
  const int64_t wanted = c.integer(0, 255), leeway = c.integer(3, 5);
  const bool killWords = c.flag(1, false);
  const Text end = c.has(2) ? c.string(2) : Text("...");
  c.in.budget.spendBytes(t.size());
  const auto endLength = int64_t(codePoints(end.bytes()));
  if (wanted < endLength || leeway < 0) refuse("'truncate' got a length that is too small");
  if (int64_t(codePoints(t.bytes())) - leeway <= wanted) return Value::string(t);  // their sum may be too large
  Text cut = t.substr(0, byteOf(t.bytes(), size_t(wanted - endLength)));
  if (!killWords) {
    const size_t space = cut.bytes().rfind(' ');
    if (space != std::string_view::npos) cut = cut.substr(0, space);
  }
  cut.append(end);
  return Value::string(std::move(cut));
}

Value wordCount(Call& c) {
  const Text t = text(c);
  c.in.budget.spendBytes(t.size());
  int64_t words = 0;
  bool inWord = false;
  for (size_t i = 0; i < t.size();) {
    const CodePoint cp = codePointAt(t.bytes(), i);
    const bool word = isAlpha(cp.value) || isDigit(cp.value) || cp.value == '_';
    words += word && !inWord;
    inWord = word;
    i += cp.size;
  }
  return Value::integer(words);
}

Value wordWrap(Call& c) {
  const int64_t width = c.integer(0, 79);
  const bool breakLong = c.flag(1, true);
  const Text wrap = c.has(2) ? c.string(2) : Text("\n");
  if (width < 1) refuse("'wordwrap' got a width below 1");
  TextBuilder out(c.in.budget);
  for (const Text& line : lines(text(c), false, c.in.budget)) {
    if (out.any()) out.add(wrap);
    int64_t column = 0;
    for (Text word : split(line, nullptr, -1, false, c.in.budget)) {
      auto size = int64_t(codePoints(word.bytes()));
      if (column > 0 && column + 1 + size <= width) {
        out.add(" ");
        ++column;
      } else if (column > 0) {
        out.add(wrap);
        column = 0;
      }
      while (breakLong && size > width) {
        const size_t cut = byteOf(word.bytes(), size_t(width));
        c.in.budget.spendBytes(word.size());
        out.add(word.substr(0, cut));
        out.add(wrap);
        word = word.substr(cut);
        size -= width;
      }
      out.add(word);
      column += size;
    }
  }
  return Value::string(out.take());
}

Value stripTags(Call& c) {
  const Text t = text(c);
  c.in.budget.spendBytes(t.size());
  Text bare;
  for (size_t i = 0; i < t.size();) {
    const std::string_view rest = t.bytes().substr(i);
    if (rest[0] == '<') {
      const size_t end = rest.starts_with("<!--") ? rest.find("-->") : rest.find('>');
      if (end != rest.npos) {
        i += end + (rest.starts_with("<!--") ? 3 : 1);
        continue;
      }
    }
    const size_t next = std::min(rest.find('<', 1), rest.size());
    bare.append(t, i, next);
    i += next;
  }
  TextBuilder out(c.in.budget);
  for (const Text& word : split(bare, nullptr, -1, false, c.in.budget)) {
    if (out.any()) out.add(" ");
    out.add(word);
  }
  return Value::string(out.take());
}

Value urlEncode(Call& c) {
  const auto quote = [&](const Text& t, bool slash) {
    c.in.budget.spendBytes(t.size() * 3);
    Text out;
    for (size_t i = 0; i < t.size(); ++i) {
      const char b = t.bytes()[i];
      const bool plain = isDigit(uint8_t(b)) || (uint8_t(b) < 128 && isAlpha(uint8_t(b))) ||
                         std::string_view("_.-~").find(b) != std::string_view::npos || (slash && b == '/');
      if (!slash && b == ' ') {
        out.append("+", t.fromUser(i));
        continue;
      }
      constexpr std::string_view kHex = "0123456789ABCDEF";
      const char code[] = {'%', kHex[uint8_t(b) >> 4], kHex[uint8_t(b) & 15]};
      out.append(plain ? t.bytes().substr(i, 1) : std::string_view(code, 3), t.fromUser(i));
    }
    return out;
  };
  if (!c.self.is(T::dict)) return Value::string(quote(text(c), true));
  Text out;
  for (const auto& [k, v] : c.self.pairs()) {
    if (!out.empty()) out.append("&", false);
    out.append(quote(str(k, c.in.budget), false));
    out.append("=", false);
    out.append(quote(str(v, c.in.budget), false));
  }
  return Value::string(std::move(out));
}

Value fileSize(Call& c) {
  const bool binaryUnits = c.flag(0, false);
  const double bytes = c.self.isNumber() ? c.self.asReal() : 0;
  if (!c.self.isNumber()) refuse("'filesizeformat' needs a number");
  const double base = binaryUnits ? 1024 : 1000;
  const char* const units[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
  const char* const binaryNames[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"};
  if (bytes == 1) return Value::string("1 Byte");
  if (bytes < base) return Value::string(std::to_string(int64_t(bytes)) + " Bytes");
  double unit = base;
  int i = 0;
  while (i < 7 && bytes >= unit * base) {
    unit *= base;
    ++i;
  }
  Text number = formatPercent(Text("%.1f "), Value::real(bytes / unit), c.in.budget);
  number.append(binaryUnits ? binaryNames[i] : units[i], false);
  return Value::string(std::move(number));
}

// ---- numbers

Value absolute(Call& c) {
  needDefined(c.self);
  if (!c.self.isNumber()) refuse("'abs' needs a number");
  if (c.self.is(T::real)) return Value::real(std::fabs(c.self.asReal()));
  return c.self.asInteger() < 0 ? negative(c.self) : Value::integer(c.self.asInteger());
}

bool readReal(std::string_view s, double& out) {
  const Text bare = stripped(Text(s), nullptr, Side::both);
  std::string digits;
  for (const char b : bare.bytes()) {
    if (b != '_') digits += b;
  }
  std::string_view d = digits;
  if (d.starts_with('+')) d.remove_prefix(1);
  if (d.empty() || d == "-") return false;
  const auto read = std::from_chars(d.data(), d.data() + d.size(), out);
  return read.ec == std::errc() && read.ptr == d.data() + d.size();
}

Value toInteger(Call& c) {
  const Value fallback = c.at(0) ? *c.at(0) : Value::integer(0);
  const int64_t base = c.integer(1, 10);
  needDefined(c.self);
  if (c.self.isIntegral()) return Value::integer(c.self.asInteger());
  double real = 0;
  if (c.self.isString()) {
    const Text bare = stripped(c.self.text(), nullptr, Side::both);
    std::string s;
    for (const char b : bare.bytes()) {
      if (b != '_') s += b;
    }
    std::string_view d = s;
    const bool below = d.starts_with('-');
    if (below || d.starts_with('+')) d.remove_prefix(1);
    if (base == 16 && (d.starts_with("0x") || d.starts_with("0X"))) d.remove_prefix(2);
    if (base == 8 && (d.starts_with("0o") || d.starts_with("0O"))) d.remove_prefix(2);
    if (base == 2 && (d.starts_with("0b") || d.starts_with("0B"))) d.remove_prefix(2);
    if (base < 2 || base > 36) return fallback;
    int64_t i = 0;
    const auto read = std::from_chars(d.data(), d.data() + d.size(), i, int(base));
    const bool whole = !d.empty() && d[0] != '-' && read.ptr == d.data() + d.size();
    if (whole && read.ec == std::errc()) return Value::integer(below ? -i : i);
    if (whole && read.ec == std::errc::result_out_of_range) refuse("a number does not fit 64 bits");
    if (!readReal(c.self.bytes(), real)) return fallback;
  } else if (c.self.is(T::real)) {
    real = c.self.asReal();
  } else {
    return fallback;
  }
  if (!std::isfinite(real)) return fallback;
  if (!(std::fabs(real) < 9.2e18)) refuse("a number does not fit 64 bits");
  return Value::integer(int64_t(real));
}

Value toReal(Call& c) {
  const Value fallback = c.at(0) ? *c.at(0) : Value::real(0);
  needDefined(c.self);
  if (c.self.isNumber()) return Value::real(c.self.asReal());
  double out = 0;
  return c.self.isString() && readReal(c.self.bytes(), out) ? Value::real(out) : fallback;
}

Value roundNumber(Call& c) {
  needDefined(c.self);
  if (!c.self.isNumber()) refuse("'round' needs a number");
  const int64_t digits = std::clamp<int64_t>(c.integer(0, 0), -300, 300);
  const std::string_view how = c.string(1, "common");
  const double v = c.self.asReal();
  if (how == "ceil" || how == "floor") {
    const double scale = std::pow(10.0, double(digits));
    return Value::real((how == "ceil" ? std::ceil(v * scale) : std::floor(v * scale)) / scale);
  }
  if (how != "common") refuse("'round' knows common, ceil and floor");
  if (c.self.isIntegral() && digits >= 0) return Value::integer(c.self.asInteger());
  if (!std::isfinite(v)) return Value::real(v);
  if (digits >= 0) {  // as Python: the decimal digits of the exact value, rounded half to even
    char buffer[800];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, v, std::chars_format::fixed, int(digits));
    double out = v;
    if (end.ec == std::errc()) std::from_chars(buffer, end.ptr, out);
    return Value::real(out);
  }
  const double scale = std::pow(10.0, double(-digits));
  const double out = std::nearbyint(v / scale) * scale;
  return c.self.isIntegral() ? Value::integer(int64_t(out)) : Value::real(out);
}

constexpr Native kFilters[] = {
    {"abs", "", 0, absolute},
    {"capitalize", "", 0, cased<Case::capital>},
    {"center", "width", 0, center},
    {"e", "", 0, escape},
    {"escape", "", 0, escape},
    {"filesizeformat", "binary", 0, fileSize},
    {"float", "default", 0, toReal},
    {"forceescape", "", 0, escape},
    {"format", "*", 0, format},
    {"indent", "width first blank", 0, indent},
    {"int", "default base", 0, toInteger},
    {"lower", "", 0, cased<Case::lower>},
    {"replace", "old new count", 2, replace},
    {"round", "precision method", 0, roundNumber},
    {"safe", "", 0, asString},
    {"string", "", 0, asString},
    {"striptags", "", 0, stripTags},
    {"title", "", 0, title},
    {"trim", "chars", 0, trim},
    {"truncate", "length killwords end leeway", 0, truncate},
    {"upper", "", 0, cased<Case::upper>},
    {"urlencode", "", 0, urlEncode},
    {"wordcount", "", 0, wordCount},
    {"wordwrap", "width break_long_words wrapstring break_on_hyphens", 0, wordWrap},
};
}  // namespace

std::span<const Native> textFilters() { return kFilters; }

}  // namespace lemma::jinja
