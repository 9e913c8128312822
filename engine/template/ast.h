// What the parser makes of a template. Immutable once parsed; any number of renders may read it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/template/value.h"

namespace lemma::jinja {

struct Node;
using NodePtr = std::unique_ptr<Node>;

struct Node {
  enum class Kind : uint8_t {
    // expressions; kids in brackets
    constant,   // value
    name,       // symbol
    tuple,      // [elements]
    list,       // [elements]
    dict,       // [key, value, ...]
    negative,   // [x]
    positive,   // [x]
    notOp,      // [x]
    binary,     // text: the operator [a, b]
    concat,     // [parts]
    andOp,      // [a, b]
    orOp,       // [a, b]
    compare,    // names: operators [a, b, ...]
    choice,     // [test, then, else or null]
    attribute,  // text [object]
    item,       // [object, index]
    slice,      // [start or null, stop or null, step or null]
    call,       // [callee, arguments...] and named, star, starStar
    filter,     // text [input or null in a filter block, arguments...]
    test,       // text [input, arguments...]
    // statements
    text,         // value
    print,        // [x]
    ifElse,       // [test, block, test, block, ..., null, else block]
    forLoop,      // [target, items, block, filter or null, else block or null]; flag: recursive
    set,          // [target, x]
    setBlock,     // [target, filter chain or null, block]
    macro,        // text, symbol, names of parameters, their symbols; [block, defaults of the last parameters...]
    callBlock,    // [call, macro]
    filterBlock,  // [filter chain, block]
    with,         // [block, target, x, target, x, ...]
    scope,        // [block]
    block,        // [statements]
    breakLoop,
    continueLoop,
    namespaceRef,  // a target: symbol, text: the attribute
  };
  Kind kind{};
  int line = 0;
  int depth = 1;  // levels of nodes below and with this one
  int symbol = -1;
  bool flag = false;
  std::string text;
  Value value;
  std::vector<NodePtr> kids;
  std::vector<std::pair<std::string, NodePtr>> named;
  NodePtr star, starStar;
  std::vector<std::string> names;
  std::vector<int> symbols;
};

struct Template {
  NodePtr body;
  std::vector<std::string> symbols;  // every name that occurs, by its number
};

}  // namespace lemma::jinja
