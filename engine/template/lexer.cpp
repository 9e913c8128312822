#include "engine/template/lexer.h"

#include <array>

#include "engine/template/failure.h"
#include "engine/template/unicode.h"

namespace lemma::jinja {
namespace {

std::string withPlainNewlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (out.ends_with('\n')) out.pop_back();  // keep_trailing_newline is off
  return out;
}

bool isNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || uint8_t(c) >= 0x80; }
bool isDigitChar(char c) { return c >= '0' && c <= '9'; }
bool isNameChar(char c) { return isNameStart(c) || isDigitChar(c); }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : s_(source) {}

  std::vector<Token> run() {
    while (at_ < s_.size()) readText();
    add(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  using Kind = Token::Kind;

  [[noreturn]] void failHere(std::string what) const { throw Failure{Err::templateError, std::move(what), line_}; }

  void add(Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  // Moves on to `end`, counting lines; remembers whether what was passed ends a line.
  void passTo(size_t end) {
    for (size_t i = at_; i < end; ++i) line_ += s_[i] == '\n';
    if (end > at_) lineStarts_ = s_[end - 1] == '\n';
    at_ = end;
  }

  size_t skipSpace(size_t i) const {
    while (i < s_.size()) {
      const CodePoint cp = codePointAt(s_, i);
      if (!isSpace(cp.value)) break;
      i += cp.size;
    }
    return i;
  }

  // Text up to a tag, with the white space before the tag taken off where its sign or lstrip_blocks says so.
  void emitText(size_t begin, size_t end, char sign, bool block, bool lineStarts) {
    std::string_view text = s_.substr(begin, end - begin);
    if (sign == '-') {
      size_t keep = 0;
      for (size_t i = 0; i < text.size();) {
        const CodePoint cp = codePointAt(text, i);
        i += cp.size;
        if (!isSpace(cp.value)) keep = i;
      }
      text = text.substr(0, keep);
    } else if (sign != '+' && block) {
      const size_t newline = text.rfind('\n');
      const size_t lineBegin = newline == text.npos ? 0 : newline + 1;
      if ((lineBegin > 0 || lineStarts) && begin + lineBegin < end && skipSpace(begin + lineBegin) >= end) {
        text = text.substr(0, lineBegin);
      }
    }
    if (!text.empty()) add(Kind::text, std::string(text));
  }

  void readText() {
    const size_t begin = at_;
    const bool lineStarts = lineStarts_;
    size_t tag = begin;
    while (true) {
      tag = s_.find('{', tag);
      if (tag == s_.npos || tag + 1 >= s_.size()) {
        emitText(begin, s_.size(), '+', false, lineStarts);
        passTo(s_.size());
        return;
      }
      if (s_[tag + 1] == '{' || s_[tag + 1] == '%' || s_[tag + 1] == '#') break;
      ++tag;
    }
    const char kind = s_[tag + 1];
    size_t after = tag + 2;
    char sign = 0;
    if (after < s_.size() && (s_[after] == '-' || s_[after] == '+')) {
      sign = s_[after];
      // In a print tag a plus is an operator's sign only after the tag; Jinja reads it as the tag's.
      ++after;
    }
    emitText(begin, tag, sign, kind != '{', lineStarts);
    passTo(tag);
    if (kind == '#') {
      readComment(after);
    } else if (kind == '%' && rawBegins(after)) {
      readRaw();
    } else {
      add(kind == '{' ? Kind::printBegin : Kind::blockBegin, "");
      passTo(after);
      readExpression(kind == '{' ? '}' : '%');
    }
  }

  void readComment(size_t after) {
    const size_t end = s_.find("#}", after);
    if (end == s_.npos) failHere("a comment is not closed");
    const char sign = end > after ? s_[end - 1] : char(0);
    passTo(end);
    endTag(sign);
  }

  // Behind "%}" or "#}" (at at_), with the white space that its sign or trim_blocks takes.
  void endTag(char sign) {
    size_t i = at_ + 2;
    if (sign == '-') {
      i = skipSpace(i);
    } else if (sign != '+' && i < s_.size() && s_[i] == '\n') {
      ++i;
    }
    passTo(i);
  }

  bool word(size_t& i, std::string_view name) const {
    i = skipSpace(i);
    if (s_.substr(i, name.size()) != name) return false;
    i += name.size();
    return true;
  }

  bool rawBegins(size_t i) {
    if (!word(i, "raw")) return false;
    i = skipSpace(i);
    const bool minus = s_.substr(i, 3) == "-%}";
    if (!minus && s_.substr(i, 2) != "%}") return false;
    i += minus ? 3 : 2;
    raw_ = minus ? skipSpace(i) : i;
    return true;
  }

  void readRaw() {
    passTo(raw_);
    const size_t begin = at_;
    const bool lineStarts = lineStarts_;
    for (size_t tag = s_.find("{%", begin); tag != s_.npos; tag = s_.find("{%", tag + 2)) {
      size_t i = tag + 2;
      char sign = 0;
      if (i < s_.size() && (s_[i] == '-' || s_[i] == '+')) sign = s_[i++];
      if (!word(i, "endraw")) continue;
      i = skipSpace(i);
      char closing = 0;
      if (i < s_.size() && (s_[i] == '-' || s_[i] == '+')) closing = s_[i++];
      if (s_.substr(i, 2) != "%}") continue;
      emitText(begin, tag, sign, true, lineStarts);
      passTo(i);
      endTag(closing);
      return;
    }
    failHere("a raw block is not closed");
  }

  void readExpression(char closing) {
    std::string open;
    while (true) {
      passTo(skipSpace(at_));
      if (at_ >= s_.size()) failHere(closing == '}' ? "a print tag is not closed" : "a block tag is not closed");
      const char c = s_[at_];
      if (open.empty()) {
        size_t i = at_;
        char sign = 0;
        if (c == '-' || (c == '+' && closing == '%')) {
          sign = c;
          ++i;
        }
        if (i + 1 < s_.size() && s_[i] == closing && s_[i + 1] == '}') {
          add(closing == '}' ? Kind::printEnd : Kind::blockEnd, "");
          passTo(i);
          if (closing == '%') {
            endTag(sign);
          } else {
            passTo(sign == '-' ? skipSpace(at_ + 2) : at_ + 2);
          }
          return;
        }
      }
      if (isDigitChar(c)) {
        readNumber();
      } else if (isNameStart(c)) {
        size_t i = at_;
        while (i < s_.size() && isNameChar(s_[i])) ++i;
        add(Kind::name, std::string(s_.substr(at_, i - at_)));
        passTo(i);
      } else if (c == '\'' || c == '"') {
        readString(c);
      } else {
        readOperator(open);
      }
    }
  }

  void readOperator(std::string& open) {
    static constexpr std::array<std::string_view, 8> kTwo = {"**", "//", "==", "!=", "<=", ">="};
    for (const std::string_view op : kTwo) {
      if (!op.empty() && s_.substr(at_, 2) == op) {
        add(Kind::op, std::string(op));
        passTo(at_ + 2);
        return;
      }
    }
    const char c = s_[at_];
    if (std::string_view("+-*/%~[](){}<>=.:|,;").find(c) == std::string_view::npos) {
      const std::string shown = isPrintable(uint8_t(c)) ? std::string(1, c) : "a control character";
      failHere("unexpected '" + shown + "'");
    }
    if (c == '(' || c == '[' || c == '{') {
      open += c == '(' ? ')' : c == '[' ? ']' : '}';
      if (open.size() > size_t(kMaxNesting)) failHere("brackets are nested too deeply");
    } else if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) failHere(std::string("unexpected '") + c + "'");
      open.pop_back();
    }
    add(Kind::op, std::string(1, c));
    passTo(at_ + 1);
  }

  void readNumber() {
    const auto digits = [&](size_t i) {
      while (i < s_.size() && (isDigitChar(s_[i]) || (s_[i] == '_' && i + 1 < s_.size() && isDigitChar(s_[i + 1]))))
        ++i;
      return i;
    };
    const std::string_view two = s_.substr(at_, 2);
    if (two == "0x" || two == "0X" || two == "0b" || two == "0B" || two == "0o" || two == "0O") {
      size_t i = at_ + 2;
      while (i < s_.size() && (isNameChar(s_[i]))) ++i;
      add(Kind::integer, std::string(s_.substr(at_, i - at_)));
      passTo(i);
      return;
    }
    size_t i = digits(at_);
    bool real = false;
    const bool afterDot = !tokens_.empty() && tokens_.back().kind == Kind::op && tokens_.back().text == ".";
    if (!afterDot && i + 1 < s_.size() && s_[i] == '.' && isDigitChar(s_[i + 1])) {
      real = true;
      i = digits(i + 1);
    }
    if (!afterDot && i < s_.size() && (s_[i] == 'e' || s_[i] == 'E')) {
      size_t j = i + 1;
      if (j < s_.size() && (s_[j] == '+' || s_[j] == '-')) ++j;
      if (j < s_.size() && isDigitChar(s_[j])) {
        real = true;
        i = digits(j);
      }
    }
    std::string text;
    for (const char c : s_.substr(at_, i - at_)) {
      if (c != '_') text += c;
    }
    if (!real && text.size() > 1 && text[0] == '0' && text.find_first_not_of('0') != text.npos) {
      failHere("a number starts with 0");
    }
    add(real ? Kind::real : Kind::integer, std::move(text));
    passTo(i);
  }

  void readString(char quote) {
    std::string out;
    size_t i = at_ + 1;
    for (; i < s_.size() && s_[i] != quote; ++i) {
      if (s_[i] != '\\') {
        out += s_[i];
        continue;
      }
      if (++i >= s_.size()) break;
      i = readEscape(i, out);
    }
    if (i >= s_.size()) failHere("a string is not closed");
    add(Kind::string, std::move(out));
    passTo(i + 1);
  }

  // Python's escapes. Returns the index of the last character read.
  size_t readEscape(size_t i, std::string& out) {
    const auto hex = [&](size_t count) {
      uint32_t cp = 0;
      for (size_t k = 1; k <= count; ++k) {
        const char c = i + k < s_.size() ? s_[i + k] : '\0';
        const int v = isDigitChar(c)         ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
        if (v < 0) failHere("a string holds a broken escape");
        cp = cp << 4 | uint32_t(v);
      }
      if (cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000)) failHere("a string escapes what is no character");
      appendUtf8(out, cp);
      return i + count;
    };
    switch (s_[i]) {
      case 'n':
        out += '\n';
        return i;
      case 't':
        out += '\t';
        return i;
      case 'r':
        out += '\r';
        return i;
      case 'a':
        out += '\a';
        return i;
      case 'b':
        out += '\b';
        return i;
      case 'f':
        out += '\f';
        return i;
      case 'v':
        out += '\v';
        return i;
      case '\\':
      case '\'':
      case '"':
        out += s_[i];
        return i;
      case '\n':
        return i;
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      default:
        break;
    }
    if (s_[i] >= '0' && s_[i] <= '7') {
      uint32_t cp = 0;
      size_t k = i;
      for (; k < i + 3 && k < s_.size() && s_[k] >= '0' && s_[k] <= '7'; ++k) cp = cp * 8 + uint32_t(s_[k] - '0');
      appendUtf8(out, cp);
      return k - 1;
    }
    out += '\\';
    out += s_[i];
    return i;
  }

  std::string_view s_;
  size_t at_ = 0;
  size_t raw_ = 0;  // where the text of a raw block begins
  int line_ = 1;
  bool lineStarts_ = true;
  std::vector<Token> tokens_;
};
}  // namespace

std::vector<Token> lex(std::string_view source) {
  if (source.size() > kMaxSource) exceeded("it is longer than 1 MiB");
  const std::string plain = withPlainNewlines(source);
  return Lexer(plain).run();
}

}  // namespace lemma::jinja
