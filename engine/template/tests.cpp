// The built-in tests: {{ x is NAME }}.
#include <cmath>

#include "engine/template/interpreter.h"
#include "engine/template/operators.h"
#include "engine/template/unicode.h"

namespace lemma::jinja {
namespace {
using T = Value::Type;

Value yes(bool b) { return Value::boolean(b); }
template <T... types>
Value isType(Call& c) {
  return yes((c.self.is(types) || ...));
}
Value defined(Call& c) { return yes(!c.self.isUndefined()); }
Value isTrue(Call& c) { return yes(c.self.is(T::boolean) && c.self.asInteger() == 1); }
Value isFalse(Call& c) { return yes(c.self.is(T::boolean) && c.self.asInteger() == 0); }
Value isString(Call& c) { return yes(c.self.isString()); }
Value sequence(Call& c) {
  return yes(c.self.isString() || c.self.isArray() || c.self.is(T::dict) ||
             (c.self.is(T::view) && c.self.indexable()) || c.self.isUndefined());
}
Value iterable(Call& c) {
  return yes(c.self.isString() || c.self.isArray() || c.self.is(T::dict) || c.self.is(T::view) ||
             c.self.is(T::generator) || c.self.isUndefined());
}
Value callable(Call& c) {
  if (!c.self.is(T::object)) return yes(false);
  const Object::Kind k = c.self.object().kind;
  return yes(k != Object::Kind::space && k != Object::Kind::cycler);
}
Value sameAs(Call& c) {
  const Value& other = *c.at(0);
  if (c.self.type() != other.type()) return yes(false);
  if (c.self.isNumber() || c.self.isNone() || c.self.isString()) return yes(equal(c.self, other));
  return yes(c.self.identity() == other.identity());
}
Value odd(Call& c) { return yes(needInteger(c.self, "what is tested for odd") % 2 != 0); }
Value even(Call& c) { return yes(needInteger(c.self, "what is tested for even") % 2 == 0); }
Value divisibleBy(Call& c) {
  const Value r = binary("%", c.self, *c.at(0), c.in.budget);
  return yes(!r.truthy());
}
template <bool upper>
Value isCase(Call& c) {
  const Text t = str(c.self, c.in.budget);
  bool cased = false;
  for (size_t i = 0; i < t.size();) {
    const CodePoint cp = codePointAt(t.bytes(), i);
    i += cp.size;
    if (upper ? isLower(cp.value) : isUpper(cp.value)) return yes(false);
    cased = cased || isLower(cp.value) || isUpper(cp.value);
  }
  return yes(cased);
}
Value in(Call& c) { return yes(contains(*c.at(0), c.self, c.in.budget)); }
template <char op>
Value compares(Call& c) {
  constexpr std::string_view name = op == '='   ? "=="
                                    : op == '!' ? "!="
                                    : op == '<' ? "<"
                                    : op == '>' ? ">"
                                    : op == 'l' ? "<="
                                                : ">=";
  return yes(compare(name, c.self, *c.at(0), c.in.budget));
}
Value filterExists(Call& c) { return yes(c.self.isString() && findFilter(c.self.bytes())); }
Value testExists(Call& c) { return yes(c.self.isString() && findTest(c.self.bytes())); }

constexpr Native kTests[] = {
    {"defined", "", 0, defined},
    {"undefined", "", 0, isType<T::undefined>},
    {"none", "", 0, isType<T::none>},
    {"boolean", "", 0, isType<T::boolean>},
    {"true", "", 0, isTrue},
    {"false", "", 0, isFalse},
    {"integer", "", 0, isType<T::integer>},
    {"float", "", 0, isType<T::real>},
    {"number", "", 0, isType<T::integer, T::real, T::boolean>},
    {"string", "", 0, isString},
    {"mapping", "", 0, isType<T::dict>},
    {"sequence", "", 0, sequence},
    {"iterable", "", 0, iterable},
    {"callable", "", 0, callable},
    {"sameas", "other", 1, sameAs},
    {"odd", "", 0, odd},
    {"even", "", 0, even},
    {"divisibleby", "num", 1, divisibleBy},
    {"lower", "", 0, isCase<false>},
    {"upper", "", 0, isCase<true>},
    {"in", "seq", 1, in},
    {"filter", "", 0, filterExists},
    {"test", "", 0, testExists},
    {"eq", "other", 1, compares<'='>},
    {"==", "other", 1, compares<'='>},
    {"equalto", "other", 1, compares<'='>},
    {"ne", "other", 1, compares<'!'>},
    {"!=", "other", 1, compares<'!'>},
    {"lt", "other", 1, compares<'<'>},
    {"<", "other", 1, compares<'<'>},
    {"lessthan", "other", 1, compares<'<'>},
    {"le", "other", 1, compares<'l'>},
    {"<=", "other", 1, compares<'l'>},
    {"gt", "other", 1, compares<'>'>},
    {">", "other", 1, compares<'>'>},
    {"greaterthan", "other", 1, compares<'>'>},
    {"ge", "other", 1, compares<'g'>},
    {">=", "other", 1, compares<'g'>},
};
}  // namespace

const Native* findTest(std::string_view name) {
  for (const Native& n : kTests) {
    if (n.name == name) return &n;
  }
  return nullptr;
}

}  // namespace lemma::jinja
