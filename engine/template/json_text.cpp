// Values to JSON as Python's json.dumps(..., ensure_ascii=False) writes it.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/template/interpreter.h"
#include "engine/template/operators.h"
#include "engine/template/unicode.h"

namespace lemma::jinja {
namespace {
using T = Value::Type;

class Writer {
 public:
  Writer(const JsonStyle& style, Interpreter& in) : style_(style), in_(in) {}

  void write(const Value& v, int level) {
    if (out.size() > kMaxText) exceeded("a text grows beyond 16 MiB");
    switch (v.type()) {
      case T::none:
        return put("null");
      case T::boolean:
        return put(v.asInteger() ? "true" : "false");
      case T::integer:
        return put(std::to_string(v.asInteger()));
      case T::real:
        return put(real(v.asReal()));
      case T::string:
        return quoted(v.text());
      case T::list:
      case T::tuple: {
        if (v.items().empty()) return put("[]");
        put("[");
        bool first = true;
        for (const Value& x : v.items()) {
          separate(first, level + 1);
          write(x, level + 1);
        }
        close("]", level);
        return;
      }
      case T::dict:
        return mapping(v, level);
      default:
        refuse("a value of type '" + std::string(v.typeName()) + "' has no JSON form");
    }
  }

  Text out;

 private:
  static std::string real(double d) {
    if (std::isnan(d)) return "NaN";
    if (std::isinf(d)) return d < 0 ? "-Infinity" : "Infinity";
    return Repr::real(d);
  }
  void put(std::string_view s) { out.append(s, false); }
  void newline(int level) {
    put("\n");
    for (int i = 0; i < level; ++i) put(style_.indent);
  }
  void separate(bool& first, int level) {
    if (!first) put(style_.item);
    first = false;
    if (style_.lines) newline(level);
  }
  void close(std::string_view bracket, int level) {
    if (style_.lines) newline(level);
    put(bracket);
  }

  static std::string escaped(uint32_t cp) {
    char code[16];
    if (cp < 0x10000) {
      std::snprintf(code, sizeof code, "\\u%04x", unsigned(cp));
    } else {
      const uint32_t v = cp - 0x10000;  // a pair of surrogates
      std::snprintf(code, sizeof code, "\\u%04x\\u%04x", unsigned(0xD800 + (v >> 10)), unsigned(0xDC00 + (v & 0x3FF)));
    }
    return code;
  }

  void quoted(const Text& t) {
    const std::string_view s = t.bytes();
    in_.budget.spendBytes(s.size());
    put("\"");
    size_t plain = 0;
    for (size_t i = 0; i < s.size(); ++i) {
      const auto c = uint8_t(s[i]);
      if (c >= 0x80 && style_.ascii) {
        out.append(t, plain, i - plain);
        const CodePoint cp = codePointAt(s, i);
        out.append(escaped(cp.value), t.fromUser(i));
        i += cp.size - 1;
        plain = i + 1;
        continue;
      }
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      out.append(t, plain, i - plain);
      plain = i + 1;
      char code[8];
      const size_t at = std::string_view("\"\\\b\f\n\r\t").find(char(c));
      if (at != std::string_view::npos) {
        code[0] = '\\';
        code[1] = "\"\\bfnrt"[at];
        code[2] = '\0';
      } else {
        code[0] = '\0';
      }
      out.append(code[0] ? std::string(code) : escaped(c), t.fromUser(i));
    }
    out.append(t, plain, s.size() - plain);
    put("\"");
  }

  void key(const Value& k) {
    switch (k.type()) {
      case T::string:
        return quoted(k.text());
      case T::none:
        return put("\"null\"");
      case T::boolean:
        return put(k.asInteger() ? "\"true\"" : "\"false\"");
      case T::integer:
        return put("\"" + std::to_string(k.asInteger()) + "\"");
      case T::real:
        return put("\"" + real(k.asReal()) + "\"");
      default:
        refuse("a key of type '" + std::string(k.typeName()) + "' has no JSON form");
    }
  }

  void mapping(const Value& v, int level) {
    if (v.pairs().empty()) return put("{}");
    std::vector<const std::pair<Value, Value>*> order;
    for (const auto& kv : v.pairs()) order.push_back(&kv);
    if (style_.sorted) {
      in_.budget.spend(int64_t(order.size()) * 8);
      std::stable_sort(order.begin(), order.end(),
                       [&](auto* a, auto* b) { return less(a->first, b->first, in_.budget); });
    }
    put("{");
    bool first = true;
    for (const auto* kv : order) {
      separate(first, level + 1);
      key(kv->first);
      put(style_.key);
      write(kv->second, level + 1);
    }
    close("}", level);
  }

  const JsonStyle& style_;
  Interpreter& in_;
};
}  // namespace

Text toJson(const Value& v, const JsonStyle& style, Interpreter& in) {
  in.budget.spend(v.extent().weight);
  Writer writer(style, in);
  writer.write(v, 0);
  in.budget.spendBytes(writer.out.size());
  return std::move(writer.out);
}

}  // namespace lemma::jinja
