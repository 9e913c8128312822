#include "engine/template/operators.h"

#include <algorithm>
#include <cmath>

#include "engine/template/format.h"
#include "engine/template/text_tools.h"
#include "engine/template/unicode.h"

namespace lemma::jinja {
namespace {
using T = Value::Type;
constexpr std::string_view kOverflow = "a number does not fit 64 bits";

[[noreturn]] void unsupported(std::string_view op, const Value& a, const Value& b) {
  refuse("unsupported operand types for " + std::string(op) + ": '" + std::string(a.typeName()) + "' and '" +
         std::string(b.typeName()) + "'");
}

// By reference: the other argument is what writes the value.
int64_t checked(bool overflow, const int64_t& value) {
  if (overflow) refuse(std::string(kOverflow));
  return value;
}

Value repeated(const Value& v, int64_t times, Budget& budget) {
  times = std::max<int64_t>(times, 0);
  if (v.isString()) {
    const size_t size = v.text().size();
    if (size > 0 && uint64_t(times) > kMaxText / size) exceeded("a text grows beyond 16 MiB");
    budget.spendBytes(size * size_t(times));
    const size_t whole = size * size_t(times);
    Text out = times > 0 ? v.text() : Text();
    while (out.size() < whole) {  // doubling
      const Text half = out;
      out.append(half, 0, std::min(half.size(), whole - out.size()));
    }
    return Value::string(std::move(out));
  }
  const size_t size = v.items().size();
  if (size > 0 && uint64_t(times) > kMaxItems / size) exceeded("a list grows beyond 200,000 elements");
  budget.spendItems(size * size_t(times));
  std::vector<Value> out;
  for (int64_t i = 0; size > 0 && i < times; ++i) out.insert(out.end(), v.items().begin(), v.items().end());
  return v.is(T::list) ? Value::list(std::move(out)) : Value::tuple(std::move(out));
}

Value integerPower(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) refuse("division by zero");
    return Value::real(std::pow(double(base), double(exponent)));
  }
  int64_t result = 1;
  while (exponent > 0) {
    if (exponent & 1) result = checked(__builtin_mul_overflow(result, base, &result), result);
    exponent >>= 1;
    if (exponent > 0) {
      int64_t square = 0;
      if (__builtin_mul_overflow(base, base, &square)) refuse(std::string(kOverflow));
      base = square;
    }
  }
  return Value::integer(result);
}

Value integers(std::string_view op, int64_t a, int64_t b) {
  int64_t r = 0;
  if (op == "+") return Value::integer(checked(__builtin_add_overflow(a, b, &r), r));
  if (op == "-") return Value::integer(checked(__builtin_sub_overflow(a, b, &r), r));
  if (op == "*") return Value::integer(checked(__builtin_mul_overflow(a, b, &r), r));
  if (op == "**") return integerPower(a, b);
  if (b == 0) refuse("division by zero");
  if (op == "/") return Value::real(double(a) / double(b));
  if (a == INT64_MIN && b == -1) return op == "%" ? Value::integer(0) : (refuse(std::string(kOverflow)), Value());
  const int64_t q = a / b, m = a % b;
  const bool down = m != 0 && (m < 0) != (b < 0);  // Python rounds down, C++ towards zero
  return Value::integer(op == "//" ? q - down : down ? m + b : m);
}

Value reals(std::string_view op, double a, double b) {
  if (op == "+") return Value::real(a + b);
  if (op == "-") return Value::real(a - b);
  if (op == "*") return Value::real(a * b);
  if (op == "**") {
    if (a == 0 && b < 0) refuse("division by zero");
    const double r = std::pow(a, b);
    if (std::isnan(r) && !std::isnan(a) && !std::isnan(b)) refuse("a power is not a real number");
    if (std::isinf(r) && std::isfinite(a) && std::isfinite(b)) refuse("a number is too large");
    return Value::real(r);
  }
  if (b == 0) refuse("division by zero");
  if (op == "/") return Value::real(a / b);
  double m = std::fmod(a, b);
  if (m != 0 && (m < 0) != (b < 0)) m += b;
  if (op == "%") return Value::real(m);
  return Value::real(std::floor((a - m) / b + 0.5));
}
}  // namespace

void needDefined(const Value& v) {
  if (v.isUndefined()) refuse(v.why());
}
int64_t needInteger(const Value& v, std::string_view what) {
  needDefined(v);
  if (!v.isIntegral()) refuse(std::string(what) + " must be an integer, not '" + std::string(v.typeName()) + "'");
  return v.asInteger();
}
const Text& needString(const Value& v, std::string_view what) {
  needDefined(v);
  if (!v.isString()) refuse(std::string(what) + " must be a string, not '" + std::string(v.typeName()) + "'");
  return v.text();
}

Value binary(std::string_view op, const Value& a, const Value& b, Budget& budget) {
  if (op == "%" && a.isString()) return Value::string(formatPercent(a.text(), b, budget));
  needDefined(a);
  needDefined(b);
  if (a.isIntegral() && b.isIntegral()) return integers(op, a.asInteger(), b.asInteger());
  if (a.isNumber() && b.isNumber()) return reals(op, a.asReal(), b.asReal());
  if (op == "+") {
    if (a.isString() && b.isString()) {
      TextBuilder out(budget);
      out.add(a.text());
      out.add(b.text());
      return Value::string(out.take());
    }
    if (a.isArray() && a.type() == b.type()) {
      budget.spendItems(a.items().size() + b.items().size());
      std::vector<Value> out = a.items();
      out.insert(out.end(), b.items().begin(), b.items().end());
      return a.is(T::list) ? Value::list(std::move(out)) : Value::tuple(std::move(out));
    }
    if (a.isString() || a.isArray()) {
      refuse("can only concatenate " + std::string(a.typeName()) + " (not '" + std::string(b.typeName()) + "') to " +
             std::string(a.typeName()));
    }
  }
  if (op == "*") {
    if ((a.isString() || a.isArray()) && b.isIntegral()) return repeated(a, b.asInteger(), budget);
    if ((b.isString() || b.isArray()) && a.isIntegral()) return repeated(b, a.asInteger(), budget);
  }
  if (op == "-" && a.is(T::view) && b.is(T::view)) unsupported(op, a, b);
  unsupported(op, a, b);
}

Value negative(const Value& v) {
  needDefined(v);
  if (v.isIntegral()) return integers("-", 0, v.asInteger());
  if (v.is(T::real)) return Value::real(-v.asReal());
  refuse("cannot negate '" + std::string(v.typeName()) + "'");
}

bool less(const Value& a, const Value& b, Budget& budget) {
  needDefined(a);
  needDefined(b);
  if (a.isIntegral() && b.isIntegral()) return a.asInteger() < b.asInteger();
  if (a.isNumber() && b.isNumber()) return a.asReal() < b.asReal();
  if (a.isString() && b.isString()) {
    budget.spend(int64_t(std::min(a.text().size(), b.text().size()) / 32));
    return a.bytes() < b.bytes();  // UTF-8 sorts as its code points do
  }
  if (a.isArray() && a.type() == b.type()) {
    budget.spend(std::min(a.extent().weight, b.extent().weight));
    const size_t n = std::min(a.items().size(), b.items().size());
    for (size_t i = 0; i < n; ++i) {
      if (!equal(a.items()[i], b.items()[i])) return less(a.items()[i], b.items()[i], budget);
    }
    return a.items().size() < b.items().size();
  }
  refuse("'" + std::string(a.typeName()) + "' and '" + std::string(b.typeName()) + "' have no order");
}

bool contains(const Value& container, const Value& x, Budget& budget) {
  budget.spend(container.extent().weight);
  switch (container.type()) {
    case T::string:
      return container.bytes().find(needString(x, "the left side of 'in' a string").bytes()) != std::string_view::npos;
    case T::dict:
      return container.find(x) != nullptr;
    case T::undefined:
      return false;
    case T::list:
    case T::tuple:
    case T::view:
    case T::generator: {
      const std::vector<Value> all = elements(container, budget);
      return std::any_of(all.begin(), all.end(), [&](const Value& v) { return equal(v, x); });
    }
    default:
      refuse("'" + std::string(container.typeName()) + "' cannot hold anything");
  }
}

bool compare(std::string_view op, const Value& a, const Value& b, Budget& budget) {
  if (op == "in") return contains(b, a, budget);
  if (op == "not in") return !contains(b, a, budget);
  if (op == "==" || op == "!=") {
    budget.spend(std::min(a.extent().weight, b.extent().weight));
    return equal(a, b) == (op == "==");
  }
  if (op == "<") return less(a, b, budget);
  if (op == ">") return less(b, a, budget);
  const bool nan = (a.is(T::real) && std::isnan(a.asReal())) || (b.is(T::real) && std::isnan(b.asReal()));
  const bool lower = op == "<=" ? less(b, a, budget) : less(a, b, budget);
  return !nan && !lower;
}

std::vector<Value> elements(const Value& v, Budget& budget) {
  switch (v.type()) {
    case T::undefined:
      return {};
    case T::list:
    case T::tuple:
    case T::view:
      budget.spendItems(v.items().size());
      return v.items();
    case T::generator: {
      Generator& g = v.generator();
      std::vector<Value> rest(g.items.begin() + ptrdiff_t(g.next), g.items.end());
      g.next = g.items.size();
      budget.spendItems(rest.size());
      return rest;
    }
    case T::dict: {
      budget.spendItems(v.pairs().size());
      std::vector<Value> keys;
      for (const auto& kv : v.pairs()) keys.push_back(kv.first);
      return keys;
    }
    case T::string: {
      std::vector<Value> out;
      const std::string_view s = v.bytes();
      for (size_t i = 0; i < s.size();) {
        const size_t n = codePointAt(s, i).size;
        budget.spend(4);
        if (out.size() >= kMaxItems) exceeded("a list grows beyond 200,000 elements");
        out.push_back(Value::string(v.text().substr(i, n)));
        i += n;
      }
      budget.spendItems(out.size());
      return out;
    }
    default:
      refuse("'" + std::string(v.typeName()) + "' cannot be iterated");
  }
}

int64_t length(const Value& v) {
  switch (v.type()) {
    case T::undefined:
      return 0;
    case T::string:
      return int64_t(codePoints(v.bytes()));
    case T::list:
    case T::tuple:
    case T::view:
      return int64_t(v.items().size());
    case T::dict:
      return int64_t(v.pairs().size());
    default:
      refuse("'" + std::string(v.typeName()) + "' has no length");
  }
}

Value character(const Text& t, int64_t index) {
  const auto n = int64_t(codePoints(t.bytes()));
  if (index < 0) index += n;
  if (index < 0 || index >= n) return Value::undefined("the string has no character at an index");
  const size_t at = byteOf(t.bytes(), size_t(index));
  return Value::string(t.substr(at, codePointAt(t.bytes(), at).size));
}

Value slice(const Value& v, const Value* start, const Value* stop, const Value* step, Budget& budget) {
  needDefined(v);
  const bool sliceable = v.isString() || v.isArray() || (v.is(T::view) && v.indexable());
  if (!sliceable) return Value::undefined("'" + std::string(v.typeName()) + "' cannot be sliced");
  const auto bound = [](const Value* b) { return b && !b->isNone(); };
  const int64_t by = bound(step) ? needInteger(*step, "a slice's step") : 1;
  if (by == 0) refuse("a slice's step is zero");
  const int64_t n = length(v);
  const auto place = [&](const Value* b, int64_t open) {
    if (!bound(b)) return open;
    int64_t i = needInteger(*b, "a slice's bound");
    if (i < 0) i += n;  // no overflow: n is small and i negative
    return by > 0 ? std::clamp<int64_t>(i, 0, n) : std::clamp<int64_t>(i, -1, n - 1);
  };
  int64_t from = place(start, by > 0 ? 0 : n - 1);
  const int64_t to = place(stop, by > 0 ? n : -1);
  const auto more = [&](int64_t i) { return by > 0 ? i < to : i > to; };
  if (v.isString()) {
    budget.spendBytes(v.text().size());
    if (by == 1) {
      const size_t a = byteOf(v.bytes(), size_t(from)), b = byteOf(v.bytes(), size_t(std::max(from, to)));
      return Value::string(v.text().substr(a, b - a));
    }
    std::vector<size_t> at;
    for (size_t i = 0; i < v.bytes().size(); i += codePointAt(v.bytes(), i).size) at.push_back(i);
    budget.spendItems(at.size());
    Text out;
    for (; more(from); from += by) {
      out.append(v.text(), at[size_t(from)], codePointAt(v.bytes(), at[size_t(from)]).size);
      if (by > n || by < -n) break;
    }
    return Value::string(std::move(out));
  }
  budget.spendItems(v.items().size());
  std::vector<Value> out;
  for (; more(from); from += by) {
    out.push_back(v.items()[size_t(from)]);
    if (by > n || by < -n) break;  // and from does not overflow
  }
  return v.is(T::tuple) ? Value::tuple(std::move(out)) : Value::list(std::move(out));
}

Text str(const Value& v, Budget& budget) {
  if (!v.isString()) budget.spend(v.extent().weight);
  return Repr::str(v);
}

}  // namespace lemma::jinja
