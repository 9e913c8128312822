// Runs one template once. One thread; the values it makes die with it. Throws Failure.
#pragma once

#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/template/ast.h"
#include "engine/template/clock.h"
#include "engine/template/failure.h"
#include "engine/template/natives.h"
#include "engine/template/value.h"

namespace lemma::jinja {

// Names of one block; an assignment goes into the innermost, a look-up walks outwards.
struct Scope {
  std::shared_ptr<Scope> outer;
  std::vector<std::pair<int, Value>> names;
};
using ScopePtr = std::shared_ptr<Scope>;

struct Space final : Object {
  Space() : Object(Kind::space) {}
  std::vector<std::pair<std::string, Value>> names;
};
struct Loop final : Object {
  Loop() : Object(Kind::loop) {}
  std::vector<Value> items;
  size_t index = 0;
  int level = 0;               // of recursive loops
  const Node* node = nullptr;  // where recursive
  ScopePtr scope;
  std::vector<Value> seen;  // by changed()
  bool anySeen = false;
};
struct Macro final : Object {
  Macro() : Object(Kind::macro) {}
  const Node* node = nullptr;
  std::weak_ptr<Scope> scope;
};
struct Method final : Object {
  Method(Value s, const Native* n) : Object(Kind::method), self(std::move(s)), native(n) {}
  Extent extent() const override { return {self.extent().depth + 1, self.extent().weight + 1}; }
  Value self;
  const Native* native;
};
struct Function final : Object {
  explicit Function(const Native* n) : Object(Kind::function), native(n) {}
  const Native* native;
};
struct Cycler final : Object {
  Cycler() : Object(Kind::cycler) {}
  std::vector<Value> items;
  size_t index = 0;
};
struct Joiner final : Object {
  Joiner() : Object(Kind::joiner) {}
  Value separator;
  bool used = false;
};

class Interpreter {
 public:
  Interpreter(const Template& source, std::vector<std::pair<std::string, Value>> variables, ClockTime now);
  Text render();
  int line() const { return line_; }

  // What natives need.
  Value attribute(const Value& v, std::string_view name);
  Value item(const Value& v, const Value& key);
  Value call(const Value& callee, const Args& args);
  Value filter(std::string_view name, const Value& input, const Args& args);
  bool test(std::string_view name, const Value& input, const Args& args);
  // Makes something that lives as long as this interpreter.
  template <class T, class... A>
  T* make(A&&... args) {
    budget.spend(4);
    objects_.push_back(std::make_unique<T>(std::forward<A>(args)...));
    return static_cast<T*>(objects_.back().get());
  }
  const ClockTime& now() const { return now_; }

  Budget budget;

 private:
  enum class Flow : uint8_t { on, breakLoop, continueLoop };
  struct Level;

  Value eval(const Node& n);
  Value evalName(const Node& n);
  Value evalOr(const NodePtr& n, Value fallback);
  Value evalDict(const Node& n);
  Value evalCompare(const Node& n);
  Value evalConcat(const Node& n);
  Value evalChoice(const Node& n);
  Value evalItem(const Node& n);
  Value evalCall(const Node& n);
  Value evalFilter(const Node& n, const Value* blockText);
  std::vector<Value> evalAll(const Node& n, size_t from);
  Args arguments(const Node& n);

  Flow exec(const Node& n);
  Flow execAll(const Node& block);
  Flow execIf(const Node& n);
  Flow execFor(const Node& n);
  Flow runLoop(const Node& n, std::vector<Value> items, int level);
  void execSetBlock(const Node& n);
  void execCallBlock(const Node& n);
  Flow execWith(const Node& n);
  void assign(const Node& target, Value v);
  Text capture(const Node& block);
  Value callMacro(const Macro& macro, const Args& args, const Value* caller);
  Value callLoop(const Loop& loop, const Args& args);
  Value loopAttribute(Loop& loop, std::string_view name);

  Value* find(int symbol);
  void set(int symbol, Value v);
  void print(const Text& text);

  const Template& source_;
  ClockTime now_;
  std::vector<std::unique_ptr<Value>> context_;  // by symbol
  ScopePtr scope_;
  Text* out_ = nullptr;
  int varargs_ = -1, kwargs_ = -1, caller_ = -1;  // symbols, where the template names them
  int line_ = 1;
  int depth_ = 0, calls_ = 0;
  std::deque<std::unique_ptr<Object>> objects_;
};

}  // namespace lemma::jinja
