#include "engine/template/format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "engine/template/interpreter.h"
#include "engine/template/operators.h"
#include "engine/template/unicode.h"

namespace lemma::jinja {
namespace {
constexpr int kMaxWidth = 10'000;

struct Spec {
  std::string fill = " ";
  char align = 0;  // < > ^ =
  char sign = '-';
  bool alternate = false, zero = false;
  char group = 0;
  int width = 0;
  std::optional<int> precision;
  char type = 0;
};

int number(std::string_view s, size_t& i) {
  int n = 0;
  for (; i < s.size() && isDigit(uint8_t(s[i])); ++i) {
    n = n * 10 + (s[i] - '0');
    if (n > kMaxWidth) exceeded("a format asks for more than 10,000 characters");
  }
  return n;
}

std::string grouped(std::string digits, char separator) {
  if (separator == 0) return digits;
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, separator);
  return digits;
}

std::string inBase(uint64_t v, unsigned base, bool upper) {
  std::string out;
  do {
    const unsigned d = unsigned(v % base);
    out += char(d < 10 ? '0' + d : (upper ? 'A' : 'a') + d - 10);
    v /= base;
  } while (v > 0);
  std::reverse(out.begin(), out.end());
  return out;
}

// Not printf, which writes the locale's decimal point.
std::string realDigits(double v, char type, int precision) {
  const char lower = char(type | 32);
  const auto form = lower == 'f'   ? std::chars_format::fixed
                    : lower == 'e' ? std::chars_format::scientific
                                   : std::chars_format::general;
  std::string out(size_t(precision) + 400, '\0');
  const auto end =
      std::to_chars(out.data(), out.data() + out.size(), v, form, lower == 'g' ? std::max(precision, 1) : precision);
  out.resize(size_t(end.ptr - out.data()));
  if (type != lower) std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c == 'e' ? 'E' : c; });
  return out;
}

// A number by the rules both formats share: digits without sign, then sign, grouping and zero padding.
Text formatNumber(const Value& v, const Spec& spec, Budget& budget) {
  std::string digits, prefix;
  bool below = false;
  char type = spec.type;
  const bool integral =
      v.isIntegral() && (type == 0 || std::string_view("dixXob").find(type) != std::string_view::npos);
  if (integral) {
    const int64_t i = v.asInteger();
    below = i < 0;
    const uint64_t magnitude = below ? 0 - uint64_t(i) : uint64_t(i);
    const unsigned base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
    digits = grouped(inBase(magnitude, base, type == 'X'), spec.group);
    if (spec.alternate && base != 10) prefix = std::string("0") + type;
  } else {
    const double d = v.asReal();
    below = std::signbit(d);
    const double magnitude = std::fabs(d);
    const bool percent = type == '%';
    if (std::isnan(d) || std::isinf(d)) {
      digits = std::isnan(d) ? "nan" : "inf";
      below = below && !std::isnan(d);
    } else if (type == 0 && !spec.precision) {
      digits = Repr::real(magnitude);
    } else {
      if (type == 0) type = 'g';
      digits = realDigits(percent ? magnitude * 100 : magnitude, percent ? 'f' : type, spec.precision.value_or(6));
      if (spec.group != 0) {
        const size_t point = std::min(digits.find_first_not_of("0123456789"), digits.size());
        digits = grouped(digits.substr(0, point), spec.group) + digits.substr(point);
      }
    }
    if (percent) digits += '%';
  }
  std::string sign = below ? "-" : spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
  sign += prefix;
  const int missing = spec.width - int(sign.size() + digits.size());
  if ((spec.align == '=' || (spec.zero && spec.align == 0)) && missing > 0) {
    const std::string fill = spec.zero && spec.align == 0 ? "0" : spec.fill;
    for (int i = 0; i < missing; ++i) sign += fill;
    return Text(sign + digits);
  }
  return padded(Text(sign + digits), spec.width, spec.align == 0 ? '>' : spec.align, spec.fill, budget);
}

Spec parseSpec(std::string_view s) {
  Spec spec;
  size_t i = 0;
  const auto isAlign = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  if (!s.empty()) {
    const size_t first = codePointAt(s, 0).size;
    if (s.size() > first && isAlign(s[first])) {
      spec.fill = s.substr(0, first);
      spec.align = s[first];
      i = first + 1;
    } else if (isAlign(s[0])) {
      spec.align = s[0];
      i = 1;
    }
  }
  if (i < s.size() && (s[i] == '+' || s[i] == '-' || s[i] == ' ')) spec.sign = s[i++];
  if (i < s.size() && s[i] == '#') spec.alternate = ++i > 0;
  if (i < s.size() && s[i] == '0') spec.zero = ++i > 0;
  spec.width = number(s, i);
  if (i < s.size() && (s[i] == ',' || s[i] == '_')) spec.group = s[i++];
  if (i < s.size() && s[i] == '.') {
    ++i;
    spec.precision = number(s, i);
  }
  if (i < s.size()) spec.type = s[i++];
  if (i != s.size()) refuse("a format specification is broken");
  return spec;
}

Text formatValue(const Value& v, std::string_view text, Budget& budget) {
  const Spec spec = parseSpec(text);
  if (v.isNumber() && !(v.is(Value::Type::boolean) && spec.type == 0)) {
    if (std::string_view("dxXobeEfFgG%").find(spec.type) == std::string_view::npos && spec.type != 0) {
      refuse("a format does not fit a number");
    }
    if (v.is(Value::Type::real) && std::string_view("dxXob").find(spec.type) != std::string_view::npos &&
        spec.type != 0) {
      refuse("a format does not fit a number");
    }
    return formatNumber(v, spec, budget);
  }
  if (spec.type != 0 && spec.type != 's') refuse("a format does not fit a string");
  Text t = str(v, budget);
  if (spec.precision) t = t.substr(0, byteOf(t.bytes(), size_t(*spec.precision)));
  return padded(t, spec.width, spec.align == 0 || spec.align == '=' ? '<' : spec.align, spec.fill, budget);
}
}  // namespace

Text padded(const Text& t, int64_t width, char side, std::string_view fill, Budget& budget) {
  const int64_t missing = width - int64_t(codePoints(t.bytes()));
  if (missing <= 0) return t;
  if (missing > int64_t(kMaxText)) exceeded("a text grows beyond 16 MiB");
  budget.spendBytes(t.size() + size_t(missing) * fill.size());
  const int64_t left = side == '>'   ? missing
                       : side == '^' ? missing / 2
                       : side == 'c' ? missing / 2 + (missing & width & 1)
                                     : 0;
  Text out;
  for (int64_t i = 0; i < left; ++i) out.append(fill, false);
  out.append(t);
  for (int64_t i = left; i < missing; ++i) out.append(fill, false);
  return out;
}

Text formatPercent(const Text& format, const Value& values, Budget& budget) {
  const std::string_view s = format.bytes();
  budget.spendBytes(s.size());
  const std::vector<Value> all = values.is(Value::Type::tuple) ? values.items() : std::vector<Value>{values};
  size_t used = 0;
  bool byKey = false;
  Text out;
  const auto nextValue = [&]() -> const Value& {
    if (used >= all.size()) refuse("a format string asks for more values than there are");
    return all[used++];
  };
  for (size_t i = 0; i < s.size();) {
    const size_t percent = std::min(s.find('%', i), s.size());
    out.append(format, i, percent - i);
    if (percent == s.size()) break;
    i = percent + 1;
    const Value* keyed = nullptr;
    if (i < s.size() && s[i] == '(') {
      const size_t close = s.find(')', i);
      if (close == s.npos || !values.is(Value::Type::dict)) refuse("a format string needs a mapping");
      keyed = values.find(s.substr(i + 1, close - i - 1));
      if (!keyed) refuse("a format string names a key that is not there");
      byKey = true;
      i = close + 1;
    }
    Spec spec;
    bool left = false;
    for (; i < s.size() && std::string_view("-+ #0").find(s[i]) != std::string_view::npos; ++i) {
      if (s[i] == '-') left = true;
      if (s[i] == '+' || (s[i] == ' ' && spec.sign != '+')) spec.sign = s[i];
      if (s[i] == '#') spec.alternate = true;
      if (s[i] == '0') spec.zero = true;
    }
    if (i < s.size() && s[i] == '*') {
      const int64_t w = needInteger(nextValue(), "a format's width");
      if (w > kMaxWidth || w < -kMaxWidth) exceeded("a format asks for more than 10,000 characters");
      left = left || w < 0;
      spec.width = int(w < 0 ? -w : w);
      ++i;
    } else {
      spec.width = number(s, i);
    }
    if (i < s.size() && s[i] == '.') {
      ++i;
      spec.precision = number(s, i);
    }
    if (i >= s.size()) refuse("a format string ends in the middle of a format");
    spec.type = s[i++];
    if (spec.type == '%') {
      out.append("%", false);
      continue;
    }
    if (left) {
      spec.align = '<';
      spec.zero = false;
    }
    const Value& v = keyed ? *keyed : nextValue();
    if (spec.type == 's' || spec.type == 'r' || spec.type == 'a') {
      budget.spend(v.extent().weight);
      Text t = spec.type == 's' ? Repr::str(v) : Repr::repr(v);
      if (spec.precision) t = t.substr(0, byteOf(t.bytes(), size_t(*spec.precision)));
      out.append(padded(t, spec.width, left ? '<' : '>', " ", budget));
    } else if (spec.type == 'c') {
      std::string c;
      if (v.isIntegral() && v.asInteger() >= 0 && v.asInteger() <= 0x10FFFF) {
        appendUtf8(c, uint32_t(v.asInteger()));
      } else {
        c = needString(v, "a format's value").bytes();
      }
      out.append(padded(Text(c), spec.width, left ? '<' : '>', " ", budget));
    } else if (std::string_view("diuxXoeEfFgG").find(spec.type) != std::string_view::npos) {
      needDefined(v);
      if (!v.isNumber()) refuse("a format asks for a number, not '" + std::string(v.typeName()) + "'");
      Value n = v;
      if (std::string_view("diuxXo").find(spec.type) != std::string_view::npos) {
        if (v.is(Value::Type::real)) {
          if (!(std::fabs(v.asReal()) < 9e18)) refuse("a number does not fit 64 bits");
          n = Value::integer(int64_t(v.asReal()));
        }
        if (spec.type == 'i' || spec.type == 'u') spec.type = 'd';
      }
      out.append(formatNumber(n, spec, budget));
    } else {
      refuse("a format string asks for an unknown kind of value");
    }
    budget.spendBytes(out.size() / 64);
  }
  if (!byKey && used < all.size() && !values.is(Value::Type::dict)) refuse("not all values fit into a format string");
  return out;
}

Text formatBraces(const Text& format, const std::vector<Value>& positional,
                  const std::vector<std::pair<std::string, Value>>& named, Interpreter& in) {
  const std::string_view s = format.bytes();
  in.budget.spendBytes(s.size());
  size_t automatic = 0;
  Text out;
  const auto argument = [&](std::string_view name) -> Value {
    if (name.empty() || isDigit(uint8_t(name[0]))) {
      size_t k = 0;
      const size_t index = name.empty() ? automatic++ : size_t(number(name, k));
      if (index >= positional.size()) refuse("a format string asks for more values than there are");
      return positional[index];
    }
    for (const auto& [key, value] : named) {
      if (key == name) return value;
    }
    refuse("a format string names a value that is not there");
  };
  for (size_t i = 0; i < s.size();) {
    const size_t brace = std::min(s.find_first_of("{}", i), s.size());
    out.append(format, i, brace - i);
    if (brace == s.size()) break;
    if (brace + 1 < s.size() && s[brace + 1] == s[brace]) {
      out.append(format, brace, 1);
      i = brace + 2;
      continue;
    }
    if (s[brace] == '}') refuse("a format string has a single '}'");
    const size_t close = s.find('}', brace);
    if (close == s.npos) refuse("a format string has a single '{'");
    std::string_view field = s.substr(brace + 1, close - brace - 1);
    if (field.find('{') != field.npos) refuse("formats inside formats are not available");
    i = close + 1;
    std::string_view spec;
    if (const size_t colon = field.find(':'); colon != field.npos) {
      spec = field.substr(colon + 1);
      field = field.substr(0, colon);
    }
    char conversion = 0;
    if (field.size() >= 2 && field[field.size() - 2] == '!') {
      conversion = field.back();
      field.remove_suffix(2);
    }
    size_t k = std::min(field.find_first_of(".["), field.size());
    Value v = argument(field.substr(0, k));
    while (k < field.size()) {
      if (field[k] == '.') {
        const size_t end = std::min(field.find_first_of(".[", k + 1), field.size());
        v = in.attribute(v, field.substr(k + 1, end - k - 1));
        k = end;
      } else {
        const size_t end = field.find(']', k);
        if (field[k] != '[' || end == field.npos) refuse("a format string is broken");
        const std::string_view key = field.substr(k + 1, end - k - 1);
        size_t d = 0;
        const bool index = !key.empty() && key.find_first_not_of("0123456789") == key.npos;
        v = in.item(v, index ? Value::integer(number(key, d)) : Value::string(key));
        k = end + 1;
      }
      needDefined(v);
    }
    if (conversion == 'r') v = Value::string(Repr::repr(v));
    if (conversion == 's') v = Value::string(str(v, in.budget));
    out.append(formatValue(v, spec, in.budget));
    in.budget.spendBytes(out.size() / 64);
  }
  return out;
}

}  // namespace lemma::jinja
