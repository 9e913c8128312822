#include "engine/template/interpreter.h"

#include "engine/template/operators.h"
#include "engine/template/text_tools.h"

namespace lemma::jinja {
namespace {
using T = Value::Type;
using K = Node::Kind;
constexpr int kMaxDepth = 1500;  // nodes inside one another at one time, through macros too
}  // namespace

struct Interpreter::Level {
  explicit Level(Interpreter& interpreter) : in(interpreter) {
    if (++in.depth_ > kMaxDepth) {
      --in.depth_;
      exceeded("it is nested too deeply");
    }
    in.budget.spend(1);
  }
  ~Level() { --in.depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  Interpreter& in;
};

Interpreter::Interpreter(const Template& source, std::vector<std::pair<std::string, Value>> variables, ClockTime now)
    : source_(source), now_(now), context_(source.symbols.size()) {
  for (size_t i = 0; i < source.symbols.size(); ++i) {
    const std::string& name = source.symbols[i];
    if (name == "varargs") varargs_ = int(i);
    if (name == "kwargs") kwargs_ = int(i);
    if (name == "caller") caller_ = int(i);
    for (auto& [key, value] : variables) {
      if (key == name) context_[i] = std::make_unique<Value>(value);
    }
    if (context_[i]) continue;
    if (const Native* native = findFunction(name))
      context_[i] = std::make_unique<Value>(Value::object(make<Function>(native)));
  }
}

Text Interpreter::render() {
  Text out;
  out_ = &out;
  scope_ = std::make_shared<Scope>();
  execAll(*source_.body);
  return out;
}

void Interpreter::print(const Text& text) {
  if (out_->size() + text.size() > kMaxText) exceeded("the text grows beyond 16 MiB");
  budget.spendBytes(text.size());
  out_->append(text);
}

Value* Interpreter::find(int symbol) {
  for (Scope* s = scope_.get(); s; s = s->outer.get()) {
    budget.spend(1);
    for (auto& [name, value] : s->names) {
      if (name == symbol) return &value;
    }
  }
  return context_[size_t(symbol)].get();
}

void Interpreter::set(int symbol, Value v) {
  for (auto& [name, value] : scope_->names) {
    if (name == symbol) {
      value = std::move(v);
      return;
    }
  }
  scope_->names.emplace_back(symbol, std::move(v));
}

// ---- expressions

Value Interpreter::eval(const Node& n) {
  const Level level(*this);
  line_ = n.line;
  switch (n.kind) {
    case K::constant:
      return n.value;
    case K::name:
      return evalName(n);
    case K::tuple:
      return Value::tuple(evalAll(n, 0));
    case K::list:
      return Value::list(evalAll(n, 0));
    case K::dict:
      return evalDict(n);
    case K::negative:
      return negative(eval(*n.kids[0]));
    case K::positive: {
      const Value v = eval(*n.kids[0]);
      if (!v.isNumber()) return negative(v);  // says what is wrong
      return v.is(T::boolean) ? Value::integer(v.asInteger()) : v;
    }
    case K::notOp:
      return Value::boolean(!eval(*n.kids[0]).truthy());
    case K::binary: {
      const Value a = eval(*n.kids[0]);
      const Value b = eval(*n.kids[1]);
      line_ = n.line;
      return binary(n.text, a, b, budget);
    }
    case K::concat:
      return evalConcat(n);
    case K::andOp: {
      Value a = eval(*n.kids[0]);
      return a.truthy() ? eval(*n.kids[1]) : a;
    }
    case K::orOp: {
      Value a = eval(*n.kids[0]);
      return a.truthy() ? a : eval(*n.kids[1]);
    }
    case K::compare:
      return evalCompare(n);
    case K::choice:
      return evalChoice(n);
    case K::attribute:
      return attribute(eval(*n.kids[0]), n.text);
    case K::item:
      return evalItem(n);
    case K::call:
      return evalCall(n);
    case K::filter:
      return evalFilter(n, nullptr);
    case K::test: {
      const Value v = eval(*n.kids[0]);
      return Value::boolean(test(n.text, v, arguments(n)));
    }
    default:
      refuse("an expression is broken");
  }
}

Value Interpreter::evalName(const Node& n) {
  if (const Value* v = find(n.symbol)) return *v;
  return Value::undefined("'" + n.text + "' is undefined");
}

std::vector<Value> Interpreter::evalAll(const Node& n, size_t from) {
  std::vector<Value> out;
  out.reserve(n.kids.size());
  for (size_t i = from; i < n.kids.size(); ++i) out.push_back(eval(*n.kids[i]));
  return out;
}

Value Interpreter::evalDict(const Node& n) {
  std::vector<std::pair<Value, Value>> out;
  for (size_t i = 0; i + 1 < n.kids.size(); i += 2) {
    Value key = eval(*n.kids[i]);
    Value value = eval(*n.kids[i + 1]);
    if (key.is(T::list) || key.is(T::dict)) refuse("a '" + std::string(key.typeName()) + "' cannot be a key");
    budget.spend(int64_t(out.size()));
    bool known = false;
    for (auto& [k, v] : out) {
      if (!equal(k, key)) continue;
      v = value;
      known = true;
    }
    if (!known) out.emplace_back(std::move(key), std::move(value));
  }
  return Value::dict(std::move(out));
}

Value Interpreter::evalConcat(const Node& n) {
  TextBuilder out(budget);
  for (const NodePtr& kid : n.kids) out.add(str(eval(*kid), budget));
  return Value::string(out.take());
}

Value Interpreter::evalCompare(const Node& n) {
  Value left = eval(*n.kids[0]);
  for (size_t i = 0; i < n.names.size(); ++i) {
    Value right = eval(*n.kids[i + 1]);
    if (!compare(n.names[i], left, right, budget)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evalChoice(const Node& n) {
  if (eval(*n.kids[0]).truthy()) return eval(*n.kids[1]);
  if (n.kids[2]) return eval(*n.kids[2]);
  return Value::undefined("the inline if has no else");
}

Value Interpreter::evalOr(const NodePtr& n, Value fallback) { return n ? eval(*n) : std::move(fallback); }

Value Interpreter::evalItem(const Node& n) {
  const Value v = eval(*n.kids[0]);
  const Node& index = *n.kids[1];
  if (index.kind == K::slice) {
    const Value start = evalOr(index.kids[0], Value()), stop = evalOr(index.kids[1], Value()),
                step = evalOr(index.kids[2], Value());
    return slice(v, &start, &stop, &step, budget);
  }
  const Value key = eval(index);
  line_ = n.line;
  return item(v, key);
}

Args Interpreter::arguments(const Node& n) {
  Args args;
  args.positional = evalAll(n, 1);
  for (const auto& [name, node] : n.named) args.named.emplace_back(name, eval(*node));
  if (n.star) {
    for (Value& v : elements(eval(*n.star), budget)) args.positional.push_back(std::move(v));
  }
  if (n.starStar) {
    const Value more = eval(*n.starStar);
    if (!more.is(T::dict)) refuse("'**' needs a mapping");
    budget.spendItems(more.pairs().size());
    for (const auto& [k, v] : more.pairs()) args.named.emplace_back(std::string(needString(k, "a keyword").bytes()), v);
  }
  return args;
}

Value Interpreter::evalCall(const Node& n) {
  const Value callee = eval(*n.kids[0]);
  const Args args = arguments(n);
  line_ = n.line;
  return call(callee, args);
}

Value Interpreter::evalFilter(const Node& n, const Value* blockText) {
  const Value input =
      n.kids[0] ? (n.kids[0]->kind == K::filter ? evalFilter(*n.kids[0], blockText) : eval(*n.kids[0])) : *blockText;
  const Args args = arguments(n);
  line_ = n.line;
  return filter(n.text, input, args);
}

// ---- statements

Interpreter::Flow Interpreter::execAll(const Node& block) {
  for (const NodePtr& n : block.kids) {
    if (const Flow flow = exec(*n); flow != Flow::on) return flow;
  }
  return Flow::on;
}

Interpreter::Flow Interpreter::exec(const Node& n) {
  const Level level(*this);
  line_ = n.line;
  switch (n.kind) {
    case K::text:
      print(n.value.text());
      return Flow::on;
    case K::print:
      print(str(eval(*n.kids[0]), budget));
      return Flow::on;
    case K::ifElse:
      return execIf(n);
    case K::forLoop:
      return execFor(n);
    case K::set:
      assign(*n.kids[0], eval(*n.kids[1]));
      return Flow::on;
    case K::setBlock:
      execSetBlock(n);
      return Flow::on;
    case K::macro: {
      Macro* macro = make<Macro>();
      macro->node = &n;
      macro->scope = scope_;
      set(n.symbol, Value::object(macro));
      return Flow::on;
    }
    case K::callBlock:
      execCallBlock(n);
      return Flow::on;
    case K::filterBlock: {
      const Value text = Value::string(capture(*n.kids[1]));
      print(str(evalFilter(*n.kids[0], &text), budget));
      return Flow::on;
    }
    case K::with:
      return execWith(n);
    case K::scope: {
      const ScopePtr outer = scope_;
      scope_ = std::make_shared<Scope>(Scope{outer, {}});
      const Flow flow = execAll(*n.kids[0]);
      scope_ = outer;
      return flow;
    }
    case K::block:
      return execAll(n);
    case K::breakLoop:
      return Flow::breakLoop;
    case K::continueLoop:
      return Flow::continueLoop;
    default:
      refuse("a statement is broken");
  }
}

Interpreter::Flow Interpreter::execIf(const Node& n) {
  for (size_t i = 0; i + 1 < n.kids.size(); i += 2) {
    if (!n.kids[i] || eval(*n.kids[i]).truthy()) return execAll(*n.kids[i + 1]);
  }
  return Flow::on;
}

Interpreter::Flow Interpreter::execFor(const Node& n) { return runLoop(n, elements(eval(*n.kids[1]), budget), 0); }

Interpreter::Flow Interpreter::runLoop(const Node& n, std::vector<Value> items, int level) {
  const ScopePtr outer = scope_;
  if (n.kids[3]) {  // the filter sees the target, not the loop
    std::vector<Value> kept;
    for (Value& v : items) {
      scope_ = std::make_shared<Scope>(Scope{outer, {}});
      assign(*n.kids[0], v);
      const bool keep = eval(*n.kids[3]).truthy();
      scope_ = outer;
      if (keep) kept.push_back(std::move(v));
    }
    items = std::move(kept);
  }
  if (items.empty()) {
    if (!n.kids[4]) return Flow::on;
    scope_ = std::make_shared<Scope>(Scope{outer, {}});
    const Flow flow = execAll(*n.kids[4]);
    scope_ = outer;
    return flow;
  }
  Loop* loop = make<Loop>();
  loop->items = std::move(items);
  loop->level = level;
  if (n.flag) {
    loop->node = &n;
    loop->scope = outer;
  }
  for (; loop->index < loop->items.size(); ++loop->index) {
    budget.spend(4);
    scope_ = std::make_shared<Scope>(Scope{outer, {}});
    set(n.symbol, Value::object(loop));
    assign(*n.kids[0], loop->items[loop->index]);
    const Flow flow = execAll(*n.kids[2]);
    scope_ = outer;
    if (flow == Flow::breakLoop) break;
  }
  return Flow::on;
}

Text Interpreter::capture(const Node& block) {
  const ScopePtr outer = scope_;
  Text* const out = out_;
  Text captured;
  scope_ = std::make_shared<Scope>(Scope{outer, {}});
  out_ = &captured;
  execAll(block);
  out_ = out;
  scope_ = outer;
  return captured;
}

void Interpreter::execSetBlock(const Node& n) {
  Value text = Value::string(capture(*n.kids[2]));
  if (n.kids[1]) text = evalFilter(*n.kids[1], &text);
  assign(*n.kids[0], std::move(text));
}

void Interpreter::execCallBlock(const Node& n) {
  Macro* caller = make<Macro>();
  caller->node = n.kids[1].get();
  caller->scope = scope_;
  const Node& node = *n.kids[0];
  const Value callee = eval(*node.kids[0]);
  Args args = arguments(node);
  const Value callerValue = Value::object(caller);
  if (callee.is(T::object) && callee.object().kind == Object::Kind::macro) {
    print(str(callMacro(static_cast<const Macro&>(callee.object()), args, &callerValue), budget));
    return;
  }
  args.named.emplace_back("caller", callerValue);
  print(str(call(callee, args), budget));
}

Interpreter::Flow Interpreter::execWith(const Node& n) {
  std::vector<Value> values;
  for (size_t i = 2; i < n.kids.size(); i += 2) values.push_back(eval(*n.kids[i]));
  const ScopePtr outer = scope_;
  scope_ = std::make_shared<Scope>(Scope{outer, {}});
  for (size_t i = 0; i < values.size(); ++i) assign(*n.kids[1 + 2 * i], std::move(values[i]));
  const Flow flow = execAll(*n.kids[0]);
  scope_ = outer;
  return flow;
}

void Interpreter::assign(const Node& target, Value v) {
  if (target.kind == K::name) {
    set(target.symbol, std::move(v));
  } else if (target.kind == K::namespaceRef) {
    const Value* space = find(target.symbol);
    if (!space || !space->is(T::object) || space->object().kind != Object::Kind::space) {
      refuse("cannot assign attribute '" + target.text + "' of what is not a namespace");
    }
    auto& names = static_cast<Space&>(space->object()).names;
    budget.spend(int64_t(names.size()));
    for (auto& [name, value] : names) {
      if (name == target.text) {
        value = std::move(v);
        return;
      }
    }
    names.emplace_back(target.text, std::move(v));
  } else {
    needDefined(v);
    std::vector<Value> parts = elements(v, budget);
    if (parts.size() != target.kids.size()) {
      refuse("cannot unpack " + std::to_string(parts.size()) + " values into " + std::to_string(target.kids.size()));
    }
    for (size_t i = 0; i < parts.size(); ++i) assign(*target.kids[i], std::move(parts[i]));
  }
}

}  // namespace lemma::jinja
