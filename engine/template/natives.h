// The tables of built-in filters, tests, functions and string methods, and how their arguments are bound.
// One row a native; the functions stand in filters*.cpp, tests.cpp, methods.cpp and functions.cpp.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/template/value.h"

namespace lemma::jinja {

class Interpreter;

struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// The arguments of one call, in the order of the native's parameters.
class Call {
 public:
  Call(Interpreter& interpreter, const Value& input, const Args& arguments)
      : in(interpreter), self(input), args(arguments) {}

  const Value* at(size_t i) const { return i < slots.size() ? slots[i] : nullptr; }
  // Given and not none.
  bool has(size_t i) const { return at(i) && !at(i)->isNone(); }
  int64_t integer(size_t i, int64_t fallback) const;
  bool flag(size_t i, bool fallback) const;
  const Text& string(size_t i) const;
  std::string_view string(size_t i, std::string_view fallback) const;

  Interpreter& in;
  const Value& self;  // what is filtered or tested, or whose method it is
  const Args& args;
  std::vector<const Value*> slots;
};

struct Native {
  std::string_view name;
  std::string_view parameters;  // by blanks; "*": the function reads args itself
  int required;
  Value (*run)(Call&);
};

const Native* findFilter(std::string_view name);
const Native* findTest(std::string_view name);
const Native* findStringMethod(std::string_view name);
const Native* findDictMethod(std::string_view name);
const Native* findListMethod(std::string_view name);
const Native* findLoopMethod(std::string_view name);
const Native* findFunction(std::string_view name);
// Binds the arguments to the parameters; refuses too many, too few and unknown ones.
Value run(const Native& native, Interpreter& in, const Value& self, const Args& args);

// tojson as transformers defines it: json.dumps(x, ensure_ascii=False, indent, separators, sort_keys).
struct JsonStyle {
  std::string item = ", ", key = ": ";
  std::string indent;  // one level
  bool lines = false;
  bool ascii = false;  // \\uXXXX for what is not ASCII
  bool sorted = false;
};
Text toJson(const Value& v, const JsonStyle& style, Interpreter& in);

}  // namespace lemma::jinja
