// The global functions, and what can be called on loops and cyclers.
#include "engine/template/interpreter.h"
#include "engine/template/operators.h"

namespace lemma::jinja {
namespace {
using T = Value::Type;

Value range(Call& c) {
  int64_t start = 0, stop = needInteger(*c.at(0), "range's bound"), step = 1;
  if (c.at(1)) {
    start = stop;
    stop = needInteger(*c.at(1), "range's bound");
  }
  if (c.at(2)) step = needInteger(*c.at(2), "range's step");
  if (step == 0) refuse("range's step is zero");
  __extension__ using Wide = __int128;
  const Wide gap = step > 0 ? Wide(stop) - start : Wide(start) - stop;
  const Wide by = step > 0 ? Wide(step) : -Wide(step);
  const Wide count = gap <= 0 ? Wide(0) : (gap + by - 1) / by;
  if (count > kMaxRange) exceeded("a range is longer than 100,000");
  c.in.budget.spendItems(size_t(count));
  std::vector<Value> items;
  items.reserve(size_t(count));
  for (Wide i = 0; i < count; ++i) items.push_back(Value::integer(int64_t(start + i * step)));
  std::string name = "range(" + std::to_string(start) + ", " + std::to_string(stop);
  if (step != 1) name += ", " + std::to_string(step);
  return Value::view(name + ")", std::move(items), true);
}

std::vector<std::pair<Value, Value>> pairsOf(Call& c) {
  std::vector<std::pair<Value, Value>> out;
  const auto put = [&](const Value& k, const Value& v) {
    c.in.budget.spend(1 + int64_t(out.size() / 8));
    for (auto& [key, value] : out) {
      if (equal(key, k)) {
        value = v;
        return;
      }
    }
    out.emplace_back(k, v);
  };
  if (c.args.positional.size() > 1) refuse("at most one positional argument is taken");
  for (const Value& source : c.args.positional) {
    if (source.is(T::dict)) {
      for (const auto& [k, v] : source.pairs()) put(k, v);
      continue;
    }
    for (const Value& pair : elements(source, c.in.budget)) {
      const std::vector<Value> kv = elements(pair, c.in.budget);
      if (kv.size() != 2) refuse("a mapping is made of pairs");
      put(kv[0], kv[1]);
    }
  }
  for (const auto& [k, v] : c.args.named) put(Value::string(k), v);
  return out;
}

Value dict(Call& c) { return Value::dict(pairsOf(c)); }

Value makeSpace(Call& c) {
  Space* space = c.in.make<Space>();
  for (auto& [k, v] : pairsOf(c)) space->names.emplace_back(needString(k, "a namespace's name").bytes(), v);
  return Value::object(space);
}

Value makeCycler(Call& c) {
  if (c.args.positional.empty()) refuse("'cycler' needs items");
  Cycler* cycler = c.in.make<Cycler>();
  cycler->items = c.args.positional;
  return Value::object(cycler);
}

Value makeJoiner(Call& c) {
  Joiner* joiner = c.in.make<Joiner>();
  joiner->separator = c.at(0) ? *c.at(0) : Value::string(", ");
  return Value::object(joiner);
}

Value raiseException(Call& c) {
  refuse(c.at(0) ? std::string(str(*c.at(0), c.in.budget).bytes()) : "the template refuses this conversation");
}

Value strftimeNow(Call& c) {
  const std::string_view format = c.string(0).bytes();
  c.in.budget.spendBytes(format.size() * 16);
  return Value::string(strftime(format, c.in.now()));
}

// On loops and cyclers.
Value cycle(Call& c) {
  if (c.args.positional.empty()) refuse("'cycle' needs items");
  const auto& loop = static_cast<const Loop&>(c.self.object());
  return c.args.positional[loop.index % c.args.positional.size()];
}
Value changed(Call& c) {
  auto& loop = static_cast<Loop&>(c.self.object());
  int64_t weight = 0;
  for (const Value& v : c.args.positional) weight += v.extent().weight;
  c.in.budget.spend(weight);
  bool same = loop.anySeen && loop.seen.size() == c.args.positional.size();
  for (size_t i = 0; same && i < loop.seen.size(); ++i) same = equal(loop.seen[i], c.args.positional[i]);
  loop.anySeen = true;
  loop.seen = c.args.positional;
  return Value::boolean(!same);
}
Value cyclerNext(Call& c) {
  auto& cycler = static_cast<Cycler&>(c.self.object());
  Value v = cycler.items[cycler.index];
  cycler.index = (cycler.index + 1) % cycler.items.size();
  return v;
}
Value cyclerReset(Call& c) {
  static_cast<Cycler&>(c.self.object()).index = 0;
  return Value();
}

constexpr Native kFunctions[] = {
    {"range", "start stop step", 1, range},     {"dict", "*", 0, dict},
    {"namespace", "*", 0, makeSpace},           {"cycler", "*", 0, makeCycler},
    {"joiner", "sep", 0, makeJoiner},           {"raise_exception", "message", 0, raiseException},
    {"strftime_now", "format", 1, strftimeNow},
};
constexpr Native kLoopMethods[] = {
    {"cycle", "*", 0, cycle}, {"changed", "*", 0, changed}, {"next", "", 0, cyclerNext}, {"reset", "", 0, cyclerReset}};

template <size_t N>
const Native* lookUp(const Native (&table)[N], std::string_view name) {
  for (const Native& n : table) {
    if (n.name == name) return &n;
  }
  return nullptr;
}
}  // namespace

const Native* findFunction(std::string_view name) { return lookUp(kFunctions, name); }
const Native* findLoopMethod(std::string_view name) { return lookUp(kLoopMethods, name); }

}  // namespace lemma::jinja
