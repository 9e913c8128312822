#include "engine/template/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "engine/template/failure.h"
#include "engine/template/unicode.h"

namespace lemma::jinja {
namespace {
struct Why {
  std::string text;
};
// How much a walk over a container meets. Containers are shared, so a list of a list of ... can stand for more than
// memory could hold: what is bounded is the size written out, and with it the cost of every comparison and output.
Extent around(Extent inner) {
  if (inner.depth >= kMaxValueDepth) exceeded("lists are nested too deeply");
  if (inner.weight > kMaxWeight) exceeded("a list holds too much");
  return {inner.depth + 1, inner.weight + 1};
}
Extent extentOf(const std::vector<Value>& items) {
  Extent e;
  for (const Value& v : items) e.add(v.extent());
  return around(e);
}
const std::string kNoReason = "a value is undefined";
}  // namespace

struct Array {
  std::vector<Value> items;
  Extent extent;
};
struct Dict {
  std::vector<std::pair<Value, Value>> items;
  Extent extent;
};
struct View : Array {
  std::string name;
  bool indexable = false;
};

Value Value::undefined(std::string why) {
  return Value(Type::undefined, std::static_pointer_cast<void>(std::make_shared<Why>(Why{std::move(why)})));
}
Value Value::real(double d) {
  Value v(Type::real, int64_t(0));
  v.real_ = d;
  return v;
}
Value Value::string(Text text) {
  if (text.size() > kMaxText) exceeded("a text grows beyond 16 MiB");
  return Value(Type::string, std::static_pointer_cast<void>(std::make_shared<Text>(std::move(text))));
}
Value Value::list(std::vector<Value> items) {
  const Extent e = extentOf(items);
  return Value(Type::list, std::static_pointer_cast<void>(std::make_shared<Array>(Array{std::move(items), e})));
}
Value Value::tuple(std::vector<Value> items) {
  const Extent e = extentOf(items);
  return Value(Type::tuple, std::static_pointer_cast<void>(std::make_shared<Array>(Array{std::move(items), e})));
}
Value Value::dict(std::vector<std::pair<Value, Value>> items) {
  Extent e;
  for (const auto& [k, v] : items) {
    e.add(k.extent());
    e.add(v.extent());
  }
  return Value(Type::dict, std::static_pointer_cast<void>(std::make_shared<Dict>(Dict{std::move(items), around(e)})));
}
Value Value::view(std::string name, std::vector<Value> items, bool indexable) {
  auto view = std::make_shared<View>();
  view->extent = extentOf(items);
  view->items = std::move(items);
  view->name = std::move(name);
  view->indexable = indexable;
  return Value(Type::view, std::shared_ptr<void>(std::move(view)));
}
Value Value::generator(std::vector<Value> items) {
  const Extent e = extentOf(items);
  return Value(Type::generator,
               std::static_pointer_cast<void>(std::make_shared<Generator>(Generator{std::move(items), 0, e})));
}
Value Value::object(std::shared_ptr<Object> object) {
  return Value(Type::object, std::shared_ptr<void>(std::move(object)));
}
Value Value::object(Object* borrowed) { return object(std::shared_ptr<Object>(std::shared_ptr<Object>(), borrowed)); }

const std::vector<Value>& Value::items() const {
  return type_ == Type::view ? static_cast<const View*>(heap_.get())->items
                             : static_cast<const Array*>(heap_.get())->items;
}
const std::vector<std::pair<Value, Value>>& Value::pairs() const {
  return static_cast<const Dict*>(heap_.get())->items;
}
bool Value::indexable() const { return static_cast<const View*>(heap_.get())->indexable; }
const std::string& Value::viewName() const { return static_cast<const View*>(heap_.get())->name; }
Generator& Value::generator() const { return *static_cast<Generator*>(heap_.get()); }
Object& Value::object() const { return *static_cast<Object*>(heap_.get()); }
const std::string& Value::why() const { return heap_ ? static_cast<const Why*>(heap_.get())->text : kNoReason; }

Extent Value::extent() const {
  switch (type_) {
    case Type::string:
      return {0, 1 + int64_t(text().size() / 32)};
    case Type::list:
    case Type::tuple:
      return static_cast<const Array*>(heap_.get())->extent;
    case Type::view:
      return static_cast<const View*>(heap_.get())->extent;
    case Type::dict:
      return static_cast<const Dict*>(heap_.get())->extent;
    case Type::generator:
      return generator().extent;
    case Type::object:
      return object().extent();
    default:
      return {0, 1};
  }
}

bool Value::truthy() const {
  switch (type_) {
    case Type::undefined:
      return false;
    case Type::none:
      return false;
    case Type::boolean:
    case Type::integer:
      return integer_ != 0;
    case Type::real:
      return real_ != 0;
    case Type::string:
      return !text().empty();
    case Type::list:
    case Type::tuple:
    case Type::view:
      return !items().empty();
    case Type::dict:
      return !pairs().empty();
    case Type::generator:
    case Type::object:
      return true;
  }
  return false;
}

std::string_view Value::typeName() const {
  switch (type_) {
    case Type::undefined:
      return "Undefined";
    case Type::none:
      return "NoneType";
    case Type::boolean:
      return "bool";
    case Type::integer:
      return "int";
    case Type::real:
      return "float";
    case Type::string:
      return "str";
    case Type::list:
      return "list";
    case Type::tuple:
      return "tuple";
    case Type::dict:
      return "dict";
    case Type::view:
      return viewName().starts_with("range") ? "range" : std::string_view(viewName());
    case Type::generator:
      return "generator";
    case Type::object:
      switch (object().kind) {
        case Object::Kind::space:
          return "Namespace";
        case Object::Kind::loop:
          return "LoopContext";
        case Object::Kind::macro:
          return "Macro";
        case Object::Kind::method:
        case Object::Kind::function:
          return "function";
        case Object::Kind::cycler:
          return "Cycler";
        case Object::Kind::joiner:
          return "Joiner";
      }
  }
  return "object";
}

const Value* Value::find(std::string_view key) const {
  for (const auto& [k, v] : pairs()) {
    if (k.isString() && k.bytes() == key) return &v;
  }
  return nullptr;
}
const Value* Value::find(const Value& key) const {
  if (key.isString()) return find(key.bytes());
  for (const auto& [k, v] : pairs()) {
    if (equal(k, key)) return &v;
  }
  return nullptr;
}

bool equal(const Value& a, const Value& b) {
  using T = Value::Type;
  if (a.isNumber() && b.isNumber()) {
    if (a.isIntegral() && b.isIntegral()) return a.asInteger() == b.asInteger();
    return a.asReal() == b.asReal();
  }
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case T::undefined:
    case T::none:
      return true;
    case T::string:
      return a.bytes() == b.bytes();
    case T::list:
    case T::tuple:
    case T::view:
      return a.identity() == b.identity() ||
             std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(), equal);
    case T::dict:
      if (a.identity() == b.identity()) return true;
      if (a.pairs().size() != b.pairs().size()) return false;
      return std::all_of(a.pairs().begin(), a.pairs().end(), [&](const auto& kv) {
        const Value* other = b.find(kv.first);
        return other && equal(kv.second, *other);
      });
    default:
      return a.identity() == b.identity();
  }
}

std::string Repr::real(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d < 0 ? "-inf" : "inf";
  // The shortest digits that read back as d; Python writes an exponent below 1e-4 and from 1e16 on.
  char buffer[64];
  const auto sci = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific);
  const std::string_view s(buffer, size_t(sci.ptr - buffer));
  const size_t e = s.find('e');
  int exponent = 0;
  std::from_chars(s.data() + e + (s[e + 1] == '+' ? 2 : 1), s.data() + s.size(), exponent);
  if (d == 0 || (exponent >= -4 && exponent < 16)) {
    char plain[400];
    const auto end = std::to_chars(plain, plain + sizeof plain, d, std::chars_format::fixed);
    std::string out(plain, end.ptr);
    if (out.find('.') == out.npos) out += ".0";
    return out;
  }
  std::string out(s.substr(0, e));
  char tail[16];
  std::snprintf(tail, sizeof tail, "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
  return out + tail;
}

namespace {
void reprString(Text& out, const Text& t) {
  const std::string_view s = t.bytes();
  const bool single = s.find('\'') == s.npos || s.find('"') != s.npos;
  const char quote = single ? '\'' : '"';
  const auto put = [&](std::string_view bytes, size_t at) { out.append(bytes, t.fromUser(at)); };
  out.append(std::string_view(&quote, 1), false);
  for (size_t i = 0; i < s.size();) {
    const CodePoint cp = codePointAt(s, i);
    char code[16];
    if (cp.value == uint32_t(uint8_t(quote)) || cp.value == '\\') {
      put(std::string("\\") + char(cp.value), i);
    } else if (cp.value == '\n') {
      put("\\n", i);
    } else if (cp.value == '\r') {
      put("\\r", i);
    } else if (cp.value == '\t') {
      put("\\t", i);
    } else if (isPrintable(cp.value)) {
      put(s.substr(i, cp.size), i);
    } else {
      const char* form = cp.value < 0x100 ? "\\x%02x" : cp.value < 0x10000 ? "\\u%04x" : "\\U%08x";
      std::snprintf(code, sizeof code, form, unsigned(cp.value));
      put(code, i);
    }
    i += cp.size;
  }
  out.append(std::string_view(&quote, 1), false);
}

void write(Text& out, const Value& v, bool quoted) {
  using T = Value::Type;
  if (out.size() > kMaxText) exceeded("a text grows beyond 16 MiB");
  const auto put = [&](std::string_view s) { out.append(s, false); };
  const auto sequence = [&](const std::vector<Value>& items, std::string_view open, std::string_view close) {
    put(open);
    for (size_t i = 0; i < items.size(); ++i) {
      if (i) put(", ");
      write(out, items[i], true);
    }
    put(close);
  };
  switch (v.type()) {
    case T::undefined:
      if (quoted) put("Undefined");
      break;
    case T::none:
      put("None");
      break;
    case T::boolean:
      put(v.asInteger() ? "True" : "False");
      break;
    case T::integer:
      put(std::to_string(v.asInteger()));
      break;
    case T::real:
      put(Repr::real(v.asReal()));
      break;
    case T::string:
      if (quoted) {
        reprString(out, v.text());
      } else {
        out.append(v.text());
      }
      break;
    case T::list:
      sequence(v.items(), "[", "]");
      break;
    case T::tuple:
      sequence(v.items(), "(", v.items().size() == 1 ? ",)" : ")");
      break;
    case T::view:
      if (v.viewName().starts_with("range")) {
        put(v.viewName());
      } else {
        put(v.viewName());
        sequence(v.items(), "([", "])");
      }
      break;
    case T::dict: {
      put("{");
      bool first = true;
      for (const auto& [k, x] : v.pairs()) {
        if (!first) put(", ");
        first = false;
        write(out, k, true);
        put(": ");
        write(out, x, true);
      }
      put("}");
      break;
    }
    case T::generator:
    case T::object:
      put("<");
      put(v.typeName());
      put(">");
      break;
  }
}
}  // namespace

Text Repr::str(const Value& v) {
  if (v.isString()) return v.text();
  Text out;
  write(out, v, false);
  return out;
}
Text Repr::repr(const Value& v) {
  Text out;
  write(out, v, true);
  return out;
}

}  // namespace lemma::jinja
