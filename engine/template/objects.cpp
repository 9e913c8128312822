// What a template can reach in a value: attributes, elements, methods, calls. Nothing else can be reached.
#include <algorithm>
#include <array>

#include "engine/template/interpreter.h"
#include "engine/template/operators.h"

namespace lemma::jinja {
namespace {
using T = Value::Type;

// Methods of Python's containers that change them; the sandbox that transformers uses refuses them.
constexpr std::array<std::string_view, 13> kMutators = {"append", "clear",      "extend",  "insert", "pop",
                                                        "remove", "sort",       "reverse", "update", "popitem",
                                                        "add",    "setdefault", "discard"};

Value noAttribute(const Value& v, std::string_view name) {
  return Value::undefined("'" + std::string(v.typeName()) + " object' has no attribute '" +
                          std::string(name.substr(0, 80)) + "'");
}

bool isMutator(const Value& v, std::string_view name) {
  if (std::find(kMutators.begin(), kMutators.end(), name) == kMutators.end()) return false;
  const bool ofDict = name == "update" || name == "popitem" || name == "setdefault" || name == "pop" || name == "clear";
  const bool ofList =
      name != "update" && name != "popitem" && name != "setdefault" && name != "add" && name != "discard";
  return (v.is(T::dict) && ofDict) || (v.is(T::list) && ofList);
}

const Native* methodOf(const Value& v, std::string_view name) {
  if (v.isString()) return findStringMethod(name);
  if (v.is(T::dict)) return findDictMethod(name);
  if (v.isArray() || (v.is(T::view) && v.indexable())) return findListMethod(name);
  return nullptr;
}
}  // namespace

Value Interpreter::attribute(const Value& v, std::string_view name) {
  needDefined(v);
  if (const Native* native = methodOf(v, name)) {
    budget.spend(4);
    return Value::object(std::make_shared<Method>(v, native));
  }
  if (isMutator(v, name) || (name.starts_with("__") && !(v.is(T::dict) && v.find(name)))) {
    return Value::undefined("access to '" + std::string(name.substr(0, 80)) + "' of '" + std::string(v.typeName()) +
                            "' is unsafe");
  }
  if (v.is(T::dict)) {
    budget.spend(int64_t(v.pairs().size() / 8));
    const Value* found = v.find(name);
    return found ? *found : noAttribute(v, name);
  }
  // groupby gives pairs whose halves have names; no other tuple is asked for these.
  if (v.is(T::tuple) && v.items().size() == 2 && (name == "grouper" || name == "list")) {
    return v.items()[name == "list"];
  }
  if (!v.is(T::object)) return noAttribute(v, name);
  switch (v.object().kind) {
    case Object::Kind::space:
      for (const auto& [key, value] : static_cast<const Space&>(v.object()).names) {
        if (key == name) return value;
      }
      return noAttribute(v, name);
    case Object::Kind::loop:
      return loopAttribute(static_cast<Loop&>(v.object()), name);
    case Object::Kind::macro:
      if (name == "name") return Value::string(static_cast<const Macro&>(v.object()).node->text);
      return noAttribute(v, name);
    case Object::Kind::cycler: {
      auto& cycler = static_cast<Cycler&>(v.object());
      if (name == "current") return cycler.items[cycler.index];
      if (name == "next" || name == "reset") return Value::object(std::make_shared<Method>(v, findLoopMethod(name)));
      return noAttribute(v, name);
    }
    default:
      return noAttribute(v, name);
  }
}

Value Interpreter::loopAttribute(Loop& loop, std::string_view name) {
  const auto n = int64_t(loop.items.size()), i = int64_t(loop.index);
  if (name == "index") return Value::integer(i + 1);
  if (name == "index0") return Value::integer(i);
  if (name == "revindex") return Value::integer(n - i);
  if (name == "revindex0") return Value::integer(n - i - 1);
  if (name == "first") return Value::boolean(i == 0);
  if (name == "last") return Value::boolean(i + 1 == n);
  if (name == "length") return Value::integer(n);
  if (name == "depth") return Value::integer(loop.level + 1);
  if (name == "depth0") return Value::integer(loop.level);
  if (name == "previtem") return i > 0 ? loop.items[size_t(i - 1)] : Value::undefined("there is no previous item");
  if (name == "nextitem") return i + 1 < n ? loop.items[size_t(i + 1)] : Value::undefined("there is no next item");
  if (const Native* native = findLoopMethod(name); native && (name == "cycle" || name == "changed")) {
    return Value::object(std::make_shared<Method>(Value::object(&loop), native));
  }
  return Value::undefined("a loop has no attribute '" + std::string(name.substr(0, 80)) + "'");
}

Value Interpreter::item(const Value& v, const Value& key) {
  needDefined(v);
  if (key.isUndefined() && !v.is(T::dict)) return Value::undefined(key.why());
  if (v.is(T::dict)) {
    budget.spend(int64_t(v.pairs().size() / 8));
    if (const Value* found = v.find(key)) return *found;
    if (key.isString()) {
      if (methodOf(v, key.bytes())) return attribute(v, key.bytes());
      return noAttribute(v, key.bytes());
    }
    return Value::undefined("a mapping lacks a key");
  }
  if (key.isIntegral()) {
    if (v.isString()) {
      budget.spendBytes(v.text().size());
      return character(v.text(), key.asInteger());
    }
    if (v.isArray() || (v.is(T::view) && v.indexable())) {
      const auto n = int64_t(v.items().size());
      const int64_t i = key.asInteger() < 0 ? key.asInteger() + n : key.asInteger();
      if (i >= 0 && i < n) return v.items()[size_t(i)];
      return Value::undefined(std::string(v.typeName()) + " object has no element " + std::to_string(key.asInteger()));
    }
  }
  if (key.isString()) return attribute(v, key.bytes());
  return Value::undefined("'" + std::string(v.typeName()) + " object' has no such element");
}

Value Interpreter::call(const Value& callee, const Args& args) {
  needDefined(callee);
  if (!callee.is(T::object)) refuse("'" + std::string(callee.typeName()) + "' cannot be called");
  Object& object = callee.object();
  switch (object.kind) {
    case Object::Kind::function:
      return run(*static_cast<Function&>(object).native, *this, Value(), args);
    case Object::Kind::method: {
      const auto& method = static_cast<const Method&>(object);
      return run(*method.native, *this, method.self, args);
    }
    case Object::Kind::macro:
      return callMacro(static_cast<const Macro&>(object), args, nullptr);
    case Object::Kind::loop:
      return callLoop(static_cast<const Loop&>(object), args);
    case Object::Kind::joiner: {
      auto& joiner = static_cast<Joiner&>(object);
      return std::exchange(joiner.used, true) ? joiner.separator : Value::string("");
    }
    default:
      refuse("'" + std::string(callee.typeName()) + "' cannot be called");
  }
}

Value Interpreter::callMacro(const Macro& macro, const Args& args, const Value* caller) {
  const Node& n = *macro.node;
  const ScopePtr defined = macro.scope.lock();
  if (!defined) refuse("macro '" + n.text + "' is called outside of the block that defines it");
  if (++calls_ > kMaxCalls) exceeded("macros call one another too deeply");
  const ScopePtr outer = std::exchange(scope_, std::make_shared<Scope>(Scope{defined, {}}));
  const size_t count = n.names.size(), defaults = n.kids.size() - 1;
  std::vector<Value> rest(args.positional.begin() + ptrdiff_t(std::min(count, args.positional.size())),
                          args.positional.end());
  std::vector<std::pair<Value, Value>> restNamed;
  std::vector<const Value*> given(count, nullptr);
  for (size_t i = 0; i < std::min(count, args.positional.size()); ++i) given[i] = &args.positional[i];
  for (const auto& [name, value] : args.named) {
    const auto place = std::find(n.names.begin(), n.names.end(), name);
    if (place != n.names.end()) {
      const Value*& slot = given[size_t(place - n.names.begin())];
      if (slot) refuse("macro '" + n.text + "' got '" + name + "' twice");
      slot = &value;
    } else if (name == "caller" && !caller) {
      caller = &value;
    } else {
      restNamed.emplace_back(Value::string(name), value);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    if (given[i]) {
      set(n.symbols[i], *given[i]);
    } else if (i + defaults >= count) {
      set(n.symbols[i], eval(*n.kids[1 + i - (count - defaults)]));
    } else {
      set(n.symbols[i], Value::undefined("parameter '" + n.names[i] + "' was not provided"));
    }
  }
  // These three exist where the template names them at all.
  if (varargs_ >= 0) set(varargs_, Value::tuple(rest));
  if (kwargs_ >= 0) set(kwargs_, Value::dict(restNamed));
  if (caller_ >= 0 && caller) set(caller_, *caller);
  if (!rest.empty() && varargs_ < 0)
    refuse("macro '" + n.text + "' takes at most " + std::to_string(count) + " arguments");
  if (!restNamed.empty() && kwargs_ < 0) {
    refuse("macro '" + n.text + "' takes no argument '" + std::string(restNamed[0].first.bytes()) + "'");
  }
  Text captured;
  Text* const out = std::exchange(out_, &captured);
  execAll(*n.kids[0]);
  out_ = out;
  scope_ = outer;
  --calls_;
  return Value::string(std::move(captured));
}

Value Interpreter::callLoop(const Loop& loop, const Args& args) {
  if (!loop.node) refuse("a loop that is not recursive cannot be called");
  if (args.positional.size() != 1 || !args.named.empty()) refuse("a loop is called with the items to go over");
  if (++calls_ > kMaxCalls) exceeded("loops call one another too deeply");
  const ScopePtr outer = std::exchange(scope_, loop.scope);
  Text captured;
  Text* const out = std::exchange(out_, &captured);
  runLoop(*loop.node, elements(args.positional[0], budget), loop.level + 1);
  out_ = out;
  scope_ = outer;
  --calls_;
  return Value::string(std::move(captured));
}

Value Interpreter::filter(std::string_view name, const Value& input, const Args& args) {
  const Native* native = findFilter(name);
  if (!native) refuse("no filter is named '" + std::string(name.substr(0, 80)) + "'");
  return run(*native, *this, input, args);
}

bool Interpreter::test(std::string_view name, const Value& input, const Args& args) {
  const Native* native = findTest(name);
  if (!native) refuse("no test is named '" + std::string(name.substr(0, 80)) + "'");
  return run(*native, *this, input, args).truthy();
}

}  // namespace lemma::jinja
