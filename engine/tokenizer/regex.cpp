#include "engine/tokenizer/regex.h"

#include <algorithm>
#include <optional>

#include "engine/model_file/model_header.h"

namespace lemma {

// Reads an expression into a tree and writes the tree as a program.
class RegexCompiler {
 public:
  explicit RegexCompiler(std::string_view pattern) : text_(pattern) {}

  Result<Regex> compile() {
    const NodeIndex root = alternatives(0);
    if (error_.empty() && at_ < text_.size()) bad("a bracket closes nothing");
    if (error_.empty()) {
      emit(root);
      push({Regex::Op::accept});
    }
    if (!error_.empty()) {
      return fail(code_, "the regular expression " + quotedName(text_) + " is not supported: " + error_);
    }
    regex_.word_ = CharSet::word();
    return std::move(regex_);
  }

 private:
  using NodeIndex = size_t;
  enum class Kind : uint8_t { empty, set, sequence, alternatives, repeat, look, behind, assertion };
  struct Node {
    Kind kind = Kind::empty;
    std::vector<NodeIndex> children;
    CharSet set;
    std::optional<uint32_t> character;  // of a set that holds just this one
    int least = 0, most = -1;           // of a repeat; -1 = any number
    bool lazy = false, possessive = false;
    bool negated = false;
    Regex::Op op = Regex::Op::accept;  // of an assertion
  };

  void stop(Err code, std::string why) {
    if (error_.empty()) {
      error_ = std::move(why);
      code_ = code;
    }
    at_ = text_.size();
  }
  NodeIndex bad(std::string why) { return stop(Err::badValue, std::move(why)), add({}); }
  NodeIndex leftOut(std::string why) { return stop(Err::unsupported, std::move(why)), add({}); }

  NodeIndex add(Node node) {
    if (nodes_.size() > Regex::kMostSteps) {
      stop(Err::tooLarge, "it is too large");
      return 0;
    }
    nodes_.push_back(std::move(node));
    return nodes_.size() - 1;
  }
  NodeIndex addSet(CharSet set) {
    Node node{.kind = Kind::set, .set = caseless_ ? set.caseless() : std::move(set)};
    return add(std::move(node));
  }
  NodeIndex addCharacter(uint32_t c) {
    CharSet one = CharSet::of({{c, c}});
    if (caseless_) one = one.caseless();
    Node node{.kind = Kind::set, .set = one};
    if (!one.contains(c) || one == CharSet::of({{c, c}})) node.character = c;
    return add(std::move(node));
  }
  NodeIndex addAssertion(Regex::Op op, bool negated = false) {
    return add({.kind = Kind::assertion, .negated = negated, .op = op});
  }

  bool more() const { return at_ < text_.size(); }
  bool take(std::string_view what) {
    if (!text_.substr(std::min(at_, text_.size())).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  uint32_t takeCharacter() {
    const CodePoint c = decodeUtf8(text_, at_);
    at_ += size_t(c.bytes);
    return c.value;
  }

  NodeIndex alternatives(int depth) {
    if (depth > Regex::kDeepest) return stop(Err::tooLarge, "its groups lie too deep"), add({});
    std::vector<NodeIndex> all{sequence(depth)};
    while (take("|")) all.push_back(sequence(depth));
    if (all.size() == 1) return all[0];
    return add({.kind = Kind::alternatives, .children = std::move(all)});
  }

  NodeIndex sequence(int depth) {
    std::vector<NodeIndex> all;
    while (more() && text_[at_] != '|' && text_[at_] != ')') {
      if (take("(?i)")) {
        caseless_ = true;
        continue;
      }
      const NodeIndex one = atom(depth);
      all.push_back(repeats(one));
    }
    if (all.size() == 1) return all[0];
    return add({.kind = Kind::sequence, .children = std::move(all)});
  }

  std::optional<int> number() {
    int value = 0, digits = 0;
    for (; more() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_, ++digits) {
      if (value <= 100000) value = value * 10 + (text_[at_] - '0');
    }
    return digits ? std::optional(value) : std::nullopt;
  }
  // {n}, {n,}, {,m}, {n,m}; anything else is text.
  bool counts(Node& repeat) {
    const size_t start = at_;
    if (!take("{")) return false;
    const auto least = number();
    std::optional<int> most = least;
    const bool comma = take(",");
    if (comma) most = number();
    if (!take("}") || (!least && !most)) {
      at_ = start;
      return false;
    }
    repeat.least = least.value_or(0);
    repeat.most = comma && !most ? -1 : *most;
    return true;
  }

  NodeIndex repeats(NodeIndex one) {
    for (int chained = 0; more(); ++chained) {
      if (chained > 4) return stop(Err::tooLarge, "repeats of repeats lie too deep"), one;
      Node repeat{.kind = Kind::repeat, .children = {one}};
      const bool counted = counts(repeat);
      if (counted) {
        if (repeat.most >= 0 && repeat.most < repeat.least) return bad("a repeat counts backwards");
        if (repeat.least > 1000 || repeat.most > 1000) return stop(Err::tooLarge, "a repeat counts beyond 1000"), one;
      } else if (take("*")) {
        repeat.least = 0;
      } else if (take("+")) {
        repeat.least = 1;
      } else if (take("?")) {
        repeat.most = 1;
      } else {
        break;
      }
      if (take("?")) {
        repeat.lazy = true;
      } else if (!counted && take("+")) {  // after counts a plus repeats the repeat
        repeat.possessive = true;
        if (nodes_[one].kind != Kind::set) return leftOut("a possessive repeat of more than one character");
      }
      if (repeat.most < 0 && nullable(one)) return leftOut("a loop around what may be empty");
      one = add(std::move(repeat));
    }
    return one;
  }

  bool nullable(NodeIndex index) const {
    const Node& node = nodes_[index];
    const auto one = [&](NodeIndex child) { return nullable(child); };
    switch (node.kind) {
      case Kind::set:
        return false;
      case Kind::sequence:
        return std::all_of(node.children.begin(), node.children.end(), one);
      case Kind::alternatives:
        return std::any_of(node.children.begin(), node.children.end(), one);
      case Kind::repeat:
        return node.least == 0 || nullable(node.children[0]);
      default:
        return true;
    }
  }

  NodeIndex atom(int depth) {
    if (take("(")) return group(depth);
    if (take("[")) {
      const CharSet set = bracket(depth);
      return addSet(set);
    }
    if (take(".")) return addSet(CharSet::of({{'\n', '\n'}}).complement());
    if (take("^")) return addAssertion(Regex::Op::lineBegin);
    if (take("$")) return addAssertion(Regex::Op::lineEnd);
    if (text_[at_] == '*' || text_[at_] == '+' || text_[at_] == '?') return bad("a repeat of nothing");
    if (!take("\\")) return addCharacter(takeCharacter());
    if (!more()) return bad("it ends in a backslash");
    if (take("A")) return addAssertion(Regex::Op::textBegin);
    if (take("z")) return addAssertion(Regex::Op::textEnd);
    if (take("b")) return addAssertion(Regex::Op::boundary);
    if (take("B")) return addAssertion(Regex::Op::boundary, true);
    CharSet set;
    if (const auto c = escape(set)) return addCharacter(*c);
    return addSet(std::move(set));
  }

  NodeIndex group(int depth) {
    const bool outerCase = caseless_;
    Node look{.kind = Kind::look};
    bool isLook = false, isBehind = false;
    if (take("?:")) {
    } else if (take("?i:")) {
      caseless_ = true;
    } else if (take("?=")) {
      isLook = true;
    } else if (take("?!")) {
      isLook = look.negated = true;
    } else if (take("?<=")) {
      isBehind = true;
    } else if (take("?<!")) {
      isBehind = look.negated = true;
    } else if (text_.substr(at_).starts_with("?")) {
      return leftOut("a group of a kind that is not known");
    }
    const NodeIndex inner = alternatives(depth + 1);
    if (!take(")")) return bad("a group is not closed");
    caseless_ = outerCase;
    if (isBehind) {
      if (nodes_[inner].kind != Kind::set) return leftOut("a look behind at more than one character");
      look.kind = Kind::behind;
      look.set = nodes_[inner].set;
      return add(std::move(look));
    }
    if (!isLook) return inner;
    look.children = {inner};
    return add(std::move(look));
  }

  // The character after a backslash, or a set of them.
  std::optional<uint32_t> escape(CharSet& set) {
    const uint32_t c = takeCharacter();
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'f':
        return '\f';
      case 'v':
        return '\v';
      case 'a':
        return 7;
      case 'e':
        return 27;
      case '0':
        return 0;
      case 'x': {
        const bool braced = take("{");
        return hex(braced ? 8 : 2, braced);
      }
      case 'u':
        return hex(4, false);
      case 's':
      case 'S':
        set = c == 's' ? CharSet::space() : CharSet::space().complement();
        return std::nullopt;
      case 'd':
      case 'D':
        set = c == 'd' ? CharSet::digit() : CharSet::digit().complement();
        return std::nullopt;
      case 'w':
      case 'W':
        set = c == 'w' ? CharSet::word() : CharSet::word().complement();
        return std::nullopt;
      case 'p':
      case 'P':
        set = property(c == 'P');
        return std::nullopt;
      default:
        break;
    }
    const bool letterOrDigit = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letterOrDigit) leftOut(std::string("\\") + char(c));
    return c;
  }

  uint32_t hex(int most, bool braced) {
    uint32_t value = 0;
    int digits = 0;
    for (; more() && digits < most; ++at_, ++digits) {
      const char c = text_[at_];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) break;
      value = value * 16 + uint32_t(digit);
    }
    if (digits == 0 || value > 0x10ffff || (braced && !take("}"))) bad("a character's number is broken");
    return std::min<uint32_t>(value, 0x10ffff);
  }

  CharSet property(bool negated) {
    std::string_view name;
    if (take("{")) {
      if (take("^")) negated = !negated;
      const size_t end = text_.find('}', at_);
      if (end == std::string_view::npos) return bad("a property is not closed"), CharSet();
      name = text_.substr(at_, end - at_);
      at_ = end + 1;
    } else if (more()) {
      name = text_.substr(at_++, 1);
    }
    CharSet set;
    if (!CharSet::named(name, set)) leftOut("the property " + quotedName(name));
    return negated ? set.complement() : set;
  }

  // After the opening bracket, up to and with the closing one.
  CharSet bracket(int depth) {
    if (depth > Regex::kDeepest) return stop(Err::tooLarge, "its classes lie too deep"), CharSet();
    const bool negated = take("^");
    CharSet all;
    std::vector<CodeRange> ranges;
    std::optional<CharSet> left;  // of &&
    const auto whole = [&] {
      CharSet set = all.united(CharSet::of(ranges));
      return left ? left->intersected(set) : set;
    };
    for (bool first = true;; first = false) {
      if (!more()) return bad("a class is not closed"), CharSet();
      if (!first && take("]")) break;
      if (take("&&")) {
        left = whole();
        all = CharSet();
        ranges.clear();
        continue;
      }
      if (text_.substr(at_).starts_with("[:")) return leftOut("a class by its POSIX name"), CharSet();
      if (take("[")) {
        all = all.united(bracket(depth + 1));
        continue;
      }
      CharSet set;
      const auto from = take("\\") ? classEscape(set) : std::optional(takeCharacter());
      if (!from) {
        all = all.united(set);
        continue;
      }
      const bool range = text_.substr(at_).starts_with("-") && !text_.substr(at_).starts_with("-]");
      uint32_t to = *from;
      if (range) {
        ++at_;
        if (!more()) return bad("a class is not closed"), CharSet();
        const auto end = take("\\") ? classEscape(set) : std::optional(takeCharacter());
        if (!end || *end < *from) return bad("a range runs backwards"), CharSet();
        to = *end;
      }
      ranges.push_back({*from, to});  // no more than the pattern has bytes
    }
    CharSet set = whole();
    if (caseless_) set = set.caseless();
    return negated ? set.complement() : set;
  }
  std::optional<uint32_t> classEscape(CharSet& set) {
    if (!more()) return bad("a class is not closed"), 0;
    if (take("b")) return 8;
    return escape(set);
  }

  // --- the program

  uint32_t here() const { return uint32_t(regex_.steps_.size()); }
  uint32_t push(Regex::Step step) {
    if (regex_.steps_.size() >= Regex::kMostSteps) stop(Err::tooLarge, "it is too large");
    if (step.op == Regex::Op::split) step.c = regex_.splits_++;
    regex_.steps_.push_back(step);
    return here() - 1;
  }
  uint32_t addToProgram(const CharSet& set) {
    const auto found = std::find(regex_.sets_.begin(), regex_.sets_.end(), set);
    if (found != regex_.sets_.end()) return uint32_t(found - regex_.sets_.begin());
    regex_.sets_.push_back(set);
    return uint32_t(regex_.sets_.size()) - 1;
  }
  // A split that is to try `here` first, or last where `lazy`; the other way is filled in by setOther.
  void setOther(uint32_t split, uint32_t other, bool lazy) {
    Regex::Step& step = regex_.steps_[split];
    (lazy ? step.a : step.b) = other;
    (lazy ? step.b : step.a) = split + 1;
  }

  void emit(NodeIndex index) {
    if (!error_.empty()) return;
    const Node& node = nodes_[index];
    switch (node.kind) {
      case Kind::empty:
        return;
      case Kind::set:
        if (node.character) {
          push({.op = Regex::Op::character, .a = *node.character});
        } else {
          push({.op = Regex::Op::set, .a = addToProgram(node.set)});
        }
        return;
      case Kind::sequence:
        for (const NodeIndex child : node.children) emit(child);
        return;
      case Kind::alternatives:
        return emitAlternatives(node);
      case Kind::repeat:
        return emitRepeat(node);
      case Kind::look: {
        const uint32_t look = push({.op = Regex::Op::look, .a = here() + 1, .b = node.negated});
        emit(node.children[0]);
        push({Regex::Op::accept});
        regex_.steps_[look].next = here();
        return;
      }
      case Kind::behind:
        push({.op = Regex::Op::lookBehind, .a = addToProgram(node.set), .b = node.negated});
        return;
      case Kind::assertion:
        push({.op = node.op, .b = node.negated});
        return;
    }
  }

  void emitAlternatives(const Node& node) {
    std::vector<uint32_t> jumps;
    for (size_t i = 0; i < node.children.size(); ++i) {
      const bool last = i + 1 == node.children.size();
      const uint32_t split = last ? 0 : push({Regex::Op::split});
      emit(node.children[i]);
      if (last || !error_.empty()) break;
      jumps.push_back(push({Regex::Op::jump}));
      setOther(split, here(), false);
    }
    for (const uint32_t jump : jumps) regex_.steps_[jump].a = here();
  }

  void emitRepeat(const Node& node) {
    const NodeIndex body = node.children[0];
    for (int i = 0; i < node.least && error_.empty(); ++i) emit(body);
    if (node.most < 0 && node.possessive) {
      push({.op = Regex::Op::run, .a = addToProgram(nodes_[body].set)});
    } else if (node.most < 0) {
      const uint32_t split = push({Regex::Op::split});
      emit(body);
      push({.op = Regex::Op::jump, .a = split});
      setOther(split, here(), node.lazy);
    } else if (node.possessive) {  // ?+
      emitOptionalPossessive(nodes_[body].set);
    } else {
      std::vector<uint32_t> splits;
      for (int i = node.least; i < node.most && error_.empty(); ++i) {
        splits.push_back(push({Regex::Op::split}));
        emit(body);
      }
      for (const uint32_t split : splits) setOther(split, here(), node.lazy);
    }
  }

  // One of the set, or none where the next character is not of it.
  void emitOptionalPossessive(const CharSet& set) {
    const uint32_t number = addToProgram(set);
    const uint32_t split = push({Regex::Op::split});
    push({.op = Regex::Op::set, .a = number});
    const uint32_t jump = push({Regex::Op::jump});
    setOther(split, here(), false);
    const uint32_t look = push({.op = Regex::Op::look, .a = here() + 1, .b = 1});
    push({.op = Regex::Op::set, .a = number});
    push({Regex::Op::accept});
    regex_.steps_[look].next = here();
    regex_.steps_[jump].a = here();
  }

  std::string_view text_;
  size_t at_ = 0;
  bool caseless_ = false;
  std::vector<Node> nodes_;
  std::string error_;
  Err code_ = Err::badValue;
  Regex regex_;
};

Result<Regex> Regex::compile(std::string_view pattern) {
  if (pattern.size() > kLongestPattern) return fail(Err::tooLarge, "a regular expression has more than 16384 bytes");
  return RegexCompiler(pattern).compile();
}

}  // namespace lemma
