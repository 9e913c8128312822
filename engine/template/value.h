// The values of a template: Python's, as far as templates can see them. Cheap to copy, containers never change.
// Belongs to one render; values must not outlive its Interpreter (loops, namespaces and macros are borrowed from it).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/template/marked_text.h"

namespace lemma::jinja {

struct Generator;
struct Object;

// The size of a value when all of it is walked: levels of containers, and elements (a string counts by 32 bytes).
struct Extent {
  int depth = 0;
  int64_t weight = 0;
  void add(Extent inner) {
    depth = depth > inner.depth ? depth : inner.depth;
    weight += inner.weight;
  }
};

class Value {
 public:
  enum class Type : uint8_t {
    undefined,
    none,
    boolean,
    integer,
    real,
    string,
    list,
    tuple,
    dict,
    view,       // range, keys, values, items: a sequence that is not a list
    generator,  // what map, select and their like give: can be read once
    object,     // namespace, loop, macro, bound method, function, cycler, joiner
  };

  Value() = default;  // none
  static Value undefined(std::string why);
  static Value boolean(bool b) { return Value(Type::boolean, b); }
  static Value integer(int64_t i) { return Value(Type::integer, i); }
  static Value real(double d);
  static Value string(Text text);
  static Value string(std::string_view bytes) { return string(Text(bytes)); }
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  static Value dict(std::vector<std::pair<Value, Value>> items);
  static Value view(std::string name, std::vector<Value> items, bool indexable);
  static Value generator(std::vector<Value> items);
  static Value object(std::shared_ptr<Object> object);  // owned
  static Value object(Object* borrowed);

  Type type() const { return type_; }
  bool is(Type t) const { return type_ == t; }
  bool isUndefined() const { return type_ == Type::undefined; }
  bool isNone() const { return type_ == Type::none; }
  bool isString() const { return type_ == Type::string; }
  bool isNumber() const { return type_ == Type::integer || type_ == Type::real || type_ == Type::boolean; }
  bool isIntegral() const { return type_ == Type::integer || type_ == Type::boolean; }
  bool isArray() const { return type_ == Type::list || type_ == Type::tuple; }

  // Each only for its type.
  int64_t asInteger() const { return integer_; }
  double asReal() const { return type_ == Type::real ? real_ : double(integer_); }
  const Text& text() const { return *static_cast<const Text*>(heap_.get()); }
  std::string_view bytes() const { return text().bytes(); }
  const std::vector<Value>& items() const;  // list, tuple, view
  const std::vector<std::pair<Value, Value>>& pairs() const;
  const std::string& viewName() const;
  bool indexable() const;  // of a view
  Generator& generator() const;
  Object& object() const;
  const std::string& why() const;  // of an undefined one

  Extent extent() const;
  const void* identity() const { return heap_.get(); }

  bool truthy() const;
  std::string_view typeName() const;          // as Python says it
  const Value* find(const Value& key) const;  // of a dict
  const Value* find(std::string_view key) const;

 private:
  Value(Type t, int64_t i) : type_(t), integer_(i) {}
  Value(Type t, std::shared_ptr<void> heap) : type_(t), heap_(std::move(heap)) {}

  Type type_ = Type::none;
  union {
    int64_t integer_ = 0;
    double real_;
  };
  std::shared_ptr<void> heap_;
};

struct Generator {
  std::vector<Value> items;
  size_t next = 0;
  Extent extent;
};

// Things with behaviour. What a template can do with one is in objects.cpp.
struct Object {
  enum class Kind : uint8_t { space, loop, macro, method, function, cycler, joiner };
  explicit Object(Kind k) : kind(k) {}
  virtual ~Object() = default;
  virtual Extent extent() const { return {0, 1}; }
  const Kind kind;
};

// What Python's str() and repr() give. Marks of strings are kept.
struct Repr {
  static Text str(const Value& v);
  static Text repr(const Value& v);
  static std::string real(double d);
};

// Python's == ; never fails.
bool equal(const Value& a, const Value& b);

}  // namespace lemma::jinja
