// Filters on lists and mappings, and tojson.
#include <algorithm>

#include "engine/template/filters.h"
#include "engine/template/interpreter.h"
#include "engine/template/operators.h"
#include "engine/template/text_tools.h"

namespace lemma::jinja {
namespace {
using T = Value::Type;

std::vector<Value> items(Call& c) { return elements(c.self, c.in.budget); }

// "a.b.0": attributes and elements by dots; an integer is an index. The last step may be undefined.
Value reach(Call& c, Value v, const Value& path, const Value* fallback) {
  if (!path.isString()) {
    v = c.in.item(v, path);
  } else {
    const Text dot(".");
    for (const Text& step : split(path.text(), &dot, -1, false, c.in.budget)) {
      const std::string_view s = step.bytes();
      const bool index = !s.empty() && s.size() < 10 && s.find_first_not_of("0123456789") == s.npos;
      v = c.in.item(v, index ? Value::integer(std::stoll(std::string(s))) : Value::string(s));
      if (v.isUndefined() && fallback) return *fallback;
    }
  }
  return v.isUndefined() && fallback ? *fallback : v;
}

const Value* named(Call& c, std::string_view name) {
  for (const auto& [key, value] : c.args.named) {
    if (key == name) return &value;
  }
  return nullptr;
}

// Strings are compared without case where the filter says so.
Value folded(Call& c, const Value& v, bool caseSensitive) {
  return v.isString() && !caseSensitive ? Value::string(withCase(v.text(), Case::lower, c.in.budget)) : v;
}

void sortBy(Call& c, std::vector<Value>& keys, std::vector<size_t>& order, bool reverse) {
  for (size_t i = 0; i < keys.size(); ++i) order.push_back(i);
  int64_t log = 1;
  for (size_t n = keys.size(); n > 1; n /= 2) ++log;
  c.in.budget.spend(int64_t(keys.size()) * log);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return reverse ? less(keys[b], keys[a], c.in.budget) : less(keys[a], keys[b], c.in.budget);
  });
}

Value sort(Call& c) {
  const bool reverse = c.flag(0, false), sensitive = c.flag(1, false);
  std::vector<Value> all = items(c), keys;
  const Text comma(",");
  for (const Value& v : all) {
    if (!c.has(2)) {
      keys.push_back(folded(c, v, sensitive));
      continue;
    }
    std::vector<Value> parts;
    if (c.at(2)->isString()) {
      for (const Text& path : split(c.at(2)->text(), &comma, -1, false, c.in.budget)) {
        parts.push_back(folded(c, reach(c, v, Value::string(stripped(path, nullptr, Side::both)), nullptr), sensitive));
      }
    } else {
      parts.push_back(folded(c, reach(c, v, *c.at(2), nullptr), sensitive));
    }
    keys.push_back(Value::tuple(std::move(parts)));
  }
  std::vector<size_t> order;
  sortBy(c, keys, order, reverse);
  std::vector<Value> out;
  out.reserve(order.size());
  for (const size_t i : order) out.push_back(all[i]);
  return Value::list(std::move(out));
}

Value dictSort(Call& c) {
  if (!c.self.is(T::dict)) refuse("'dictsort' needs a mapping");
  const bool sensitive = c.flag(0, false), reverse = c.flag(2, false);
  const std::string_view by = c.string(1, "key");
  if (by != "key" && by != "value") refuse("'dictsort' sorts by key or by value");
  std::vector<Value> keys;
  c.in.budget.spendItems(c.self.pairs().size());
  for (const auto& [k, v] : c.self.pairs()) keys.push_back(folded(c, by == "key" ? k : v, sensitive));
  std::vector<size_t> order;
  sortBy(c, keys, order, reverse);
  std::vector<Value> out;
  out.reserve(order.size());
  for (const size_t i : order) out.push_back(Value::tuple({c.self.pairs()[i].first, c.self.pairs()[i].second}));
  return Value::list(std::move(out));
}

Value groupBy(Call& c) {
  const bool sensitive = c.flag(2, false);
  std::vector<Value> all = items(c), keys, shown;
  for (const Value& v : all) {
    shown.push_back(reach(c, v, *c.at(0), c.at(1)));
    keys.push_back(folded(c, shown.back(), sensitive));
  }
  std::vector<size_t> order;
  sortBy(c, keys, order, false);
  std::vector<Value> out, group;
  for (size_t i = 0; i < order.size(); ++i) {
    group.push_back(all[order[i]]);
    if (i + 1 < order.size() && compare("==", keys[order[i]], keys[order[i + 1]], c.in.budget)) continue;
    const size_t first = order[i + 1 - group.size()];
    out.push_back(Value::tuple({shown[first], Value::list(std::exchange(group, {}))}));
  }
  return Value::list(std::move(out));
}

Value unique(Call& c) {
  const bool sensitive = c.flag(0, false);
  std::vector<Value> out, seen;
  for (Value& v : items(c)) {
    const Value key = folded(c, c.has(1) ? reach(c, v, *c.at(1), nullptr) : v, sensitive);
    c.in.budget.spend(int64_t(seen.size()) + key.extent().weight);
    if (std::any_of(seen.begin(), seen.end(), [&](const Value& s) { return equal(s, key); })) continue;
    seen.push_back(key);
    out.push_back(std::move(v));
  }
  return Value::generator(std::move(out));
}

template <bool lowest>
Value extreme(Call& c) {
  const bool sensitive = c.flag(0, false);
  const std::vector<Value> all = items(c);
  if (all.empty()) return Value::undefined("there is no element to choose");
  size_t best = 0;
  std::vector<Value> keys;
  keys.reserve(all.size());
  for (const Value& v : all) keys.push_back(folded(c, c.has(1) ? reach(c, v, *c.at(1), nullptr) : v, sensitive));
  for (size_t i = 1; i < all.size(); ++i) {
    if (lowest ? less(keys[i], keys[best], c.in.budget) : less(keys[best], keys[i], c.in.budget)) best = i;
  }
  return all[best];
}

Value sum(Call& c) {
  Value total = c.at(1) ? *c.at(1) : Value::integer(0);
  for (const Value& v : items(c)) {
    if (total.isString()) refuse("'sum' does not join strings");
    total = binary("+", total, c.has(0) ? reach(c, v, *c.at(0), nullptr) : v, c.in.budget);
  }
  return total;
}

Value join(Call& c) {
  const Text separator = c.at(0) ? str(*c.at(0), c.in.budget) : Text();
  TextBuilder out(c.in.budget);
  for (const Value& v : items(c)) {
    if (out.any()) out.add(separator);
    out.add(str(c.has(1) ? reach(c, v, *c.at(1), nullptr) : v, c.in.budget));
  }
  return Value::string(out.take());
}

Value map(Call& c) {
  std::vector<Value> out;
  const Value* attribute = named(c, "attribute");
  if (c.args.positional.empty() && attribute) {
    for (Value& v : items(c)) out.push_back(reach(c, std::move(v), *attribute, named(c, "default")));
    return Value::generator(std::move(out));
  }
  if (c.args.positional.empty()) refuse("'map' needs a filter or an attribute");
  const std::string name(needString(c.args.positional[0], "a filter's name").bytes());
  Args rest{{c.args.positional.begin() + 1, c.args.positional.end()}, c.args.named};
  for (const Value& v : items(c)) out.push_back(c.in.filter(name, v, rest));
  return Value::generator(std::move(out));
}

// select, reject and the two that look at an attribute.
template <bool keep, bool byAttribute>
Value select(Call& c) {
  if (!c.args.named.empty()) refuse("a test takes positional arguments here");
  std::vector<Value> args = c.args.positional;
  Value path;
  if (byAttribute) {
    if (args.empty()) refuse("the name of an attribute is missing");
    path = args.front();
    args.erase(args.begin());
  }
  std::string name;
  if (!args.empty()) {
    name = needString(args.front(), "a test's name").bytes();
    args.erase(args.begin());
  }
  const Args rest{std::move(args), {}};
  std::vector<Value> out;
  for (Value& v : items(c)) {
    const Value subject = byAttribute ? reach(c, v, path, nullptr) : v;
    const bool holds = name.empty() ? subject.truthy() : c.in.test(name, subject, rest);
    if (holds == keep) out.push_back(std::move(v));
  }
  return Value::generator(std::move(out));
}

Value first(Call& c) {
  if (c.self.is(T::generator)) {
    Generator& g = c.self.generator();
    if (g.next < g.items.size()) return g.items[g.next++];
    return Value::undefined("there is no first element");
  }
  if (c.self.isString()) {
    return c.self.text().empty() ? Value::undefined("there is no first element") : character(c.self.text(), 0);
  }
  const std::vector<Value> all = items(c);
  return all.empty() ? Value::undefined("there is no first element") : all.front();
}
Value last(Call& c) {
  if (c.self.is(T::generator)) refuse("a generator cannot be read from its end");
  const std::vector<Value> all = items(c);
  return all.empty() ? Value::undefined("there is no last element") : all.back();
}
Value lengthOf(Call& c) {
  if (c.self.isString()) c.in.budget.spendBytes(c.self.text().size());
  return Value::integer(length(c.self));
}
Value list(Call& c) { return Value::list(items(c)); }
Value reverse(Call& c) {
  if (c.self.isString()) {
    const Value step = Value::integer(-1);
    return slice(c.self, nullptr, nullptr, &step, c.in.budget);
  }
  std::vector<Value> all = items(c);
  std::reverse(all.begin(), all.end());
  return Value::generator(std::move(all));
}
Value batch(Call& c) {
  const int64_t size = c.integer(0, 1);
  if (size < 1) refuse("'batch' needs a size above 0");
  std::vector<Value> out, row;
  for (Value& v : items(c)) {
    row.push_back(std::move(v));
    if (int64_t(row.size()) == size) out.push_back(Value::list(std::exchange(row, {})));
  }
  if (!row.empty()) {
    if (c.has(1)) {
      c.in.budget.spendItems(size_t(size));
      row.resize(size_t(size), *c.at(1));
    }
    out.push_back(Value::list(std::move(row)));
  }
  return Value::generator(std::move(out));
}
Value sliceColumns(Call& c) {
  const int64_t columns = c.integer(0, 1);
  if (columns < 1) refuse("'slice' needs a number above 0");
  const std::vector<Value> all = items(c);
  c.in.budget.spendItems(size_t(columns));
  const auto n = int64_t(all.size()), each = n / columns, longer = n % columns;
  std::vector<Value> out;
  int64_t at = 0;
  for (int64_t i = 0; i < columns; ++i) {
    const int64_t size = each + (i < longer);
    std::vector<Value> column(all.begin() + at, all.begin() + at + size);
    at += size;
    if (c.has(1) && i >= longer) column.push_back(*c.at(1));
    out.push_back(Value::list(std::move(column)));
  }
  return Value::generator(std::move(out));
}
Value attr(Call& c) {
  const std::string_view name = c.string(0).bytes();
  needDefined(c.self);
  if (c.self.is(T::dict) && !findDictMethod(name)) return Value::undefined("'attr' does not look into mappings");
  return c.in.attribute(c.self, name);
}
Value pairs(Call& c) {
  if (c.self.isUndefined()) return Value::generator({});
  if (!c.self.is(T::dict)) refuse("'items' needs a mapping");
  std::vector<Value> out;
  c.in.budget.spendItems(c.self.pairs().size());
  for (const auto& [k, v] : c.self.pairs()) out.push_back(Value::tuple({k, v}));
  return Value::generator(std::move(out));
}
Value orDefault(Call& c) {
  const bool use = c.self.isUndefined() || (c.flag(1, false) && !c.self.truthy());
  return use ? (c.at(0) ? *c.at(0) : Value::string("")) : c.self;
}
Value tojson(Call& c) {
  JsonStyle style;
  if (c.has(1)) {
    style.lines = true;
    style.item = ",";
    if (c.at(1)->isString()) {
      style.indent = c.at(1)->bytes();
    } else {
      const int64_t width = c.integer(1, 0);
      if (width > 1000) exceeded("'tojson' indents by more than 1,000");
      style.indent = std::string(size_t(std::max<int64_t>(width, 0)), ' ');
    }
  }
  if (c.has(2)) {
    const std::vector<Value> both = elements(*c.at(2), c.in.budget);
    if (both.size() != 2) refuse("'tojson' needs two separators");
    style.item = needString(both[0], "a separator").bytes();
    style.key = needString(both[1], "a separator").bytes();
  }
  style.ascii = c.flag(0, false);
  style.sorted = c.flag(3, false);
  return Value::string(toJson(c.self, style, c.in));
}
Value pretty(Call& c) {
  c.in.budget.spend(c.self.extent().weight);
  return Value::string(Repr::repr(c.self));
}

constexpr Native kFilters[] = {
    {"attr", "name", 1, attr},
    {"batch", "linecount fill_with", 1, batch},
    {"count", "", 0, lengthOf},
    {"d", "default_value boolean", 0, orDefault},
    {"default", "default_value boolean", 0, orDefault},
    {"dictsort", "case_sensitive by reverse", 0, dictSort},
    {"first", "", 0, first},
    {"groupby", "attribute default case_sensitive", 1, groupBy},
    {"items", "", 0, pairs},
    {"join", "d attribute", 0, join},
    {"last", "", 0, last},
    {"length", "", 0, lengthOf},
    {"list", "", 0, list},
    {"map", "*", 0, map},
    {"max", "case_sensitive attribute", 0, extreme<false>},
    {"min", "case_sensitive attribute", 0, extreme<true>},
    {"pprint", "", 0, pretty},
    {"reject", "*", 0, select<false, false>},
    {"rejectattr", "*", 0, select<false, true>},
    {"reverse", "", 0, reverse},
    {"select", "*", 0, select<true, false>},
    {"selectattr", "*", 0, select<true, true>},
    {"slice", "slices fill_with", 1, sliceColumns},
    {"sort", "reverse case_sensitive attribute", 0, sort},
    {"sum", "attribute start", 0, sum},
    {"tojson", "ensure_ascii indent separators sort_keys", 0, tojson},
    {"unique", "case_sensitive attribute", 0, unique},
};
}  // namespace

std::span<const Native> listFilters() { return kFilters; }

const Native* findFilter(std::string_view name) {
  for (const std::span<const Native> table : {textFilters(), listFilters()}) {
    for (const Native& n : table) {
      if (n.name == name) return &n;
    }
  }
  return nullptr;
}

}  // namespace lemma::jinja
