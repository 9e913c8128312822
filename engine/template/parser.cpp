#include "engine/template/parser.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <unordered_map>

#include "engine/template/failure.h"
#include "engine/template/token_cursor.h"

namespace lemma::jinja {
namespace {
using Kind = Node::Kind;
using TokenKind = Token::Kind;
constexpr int kMaxTreeDepth = 400;  // `a + b + c + ...` grows the tree without nesting the source

class Parser : private TokenCursor {
 public:
  explicit Parser(std::vector<Token> tokens) : TokenCursor(std::move(tokens)) {}

  Template run() {
    Template t;
    t.body = parseBlock({});
    t.symbols.resize(symbols_.size());
    for (const auto& [name, number] : symbols_) t.symbols[size_t(number)] = name;
    return t;
  }

 private:
  // Nodes.
  int symbol(const std::string& name) { return symbols_.try_emplace(name, int(symbols_.size())).first->second; }
  NodePtr node(Kind kind, int line) {
    auto n = std::make_unique<Node>();
    n->kind = kind;
    n->line = line;
    return n;
  }
  void add(Node& parent, NodePtr kid) {
    if (kid) {
      parent.depth = std::max(parent.depth, kid->depth + 1);
      if (parent.depth > kMaxTreeDepth) throw Failure{Err::tooLarge, "an expression is too long", parent.line};
    }
    parent.kids.push_back(std::move(kid));
  }
  template <class... Kids>
  NodePtr node(Kind kind, int line, std::string text, Kids... kids) {
    NodePtr n = node(kind, line);
    n->text = std::move(text);
    (add(*n, std::move(kids)), ...);
    return n;
  }
  NodePtr constant(Value v, int line) {
    NodePtr n = node(Kind::constant, line);
    n->value = std::move(v);
    return n;
  }

  // Statements.
  NodePtr parseBlock(std::initializer_list<std::string_view> ends) {
    const Level level(*this);
    NodePtr block = node(Kind::block, now().line);
    while (now().kind != TokenKind::end) {
      if (now().kind == TokenKind::text) {
        NodePtr text = node(Kind::text, now().line);
        text->value = Value::string(take().text);
        add(*block, std::move(text));
      } else if (now().kind == TokenKind::printBegin) {
        const int line = take().line;
        add(*block, node(Kind::print, line, "", parseTuple(true, false, {})));
        if (now().kind != TokenKind::printEnd) failHere("expected '}}', got " + shown());
        take();
      } else {
        take();  // blockBegin: readText of the lexer gives nothing else here
        for (const std::string_view end : ends) {
          if (isName(end)) return block;
        }
        add(*block, parseStatement());
        endTag();
      }
    }
    if (ends.size() > 0) failHere("the template ends where '" + std::string(*(ends.end() - 1)) + "' is expected");
    return block;
  }
  void endTag() {
    if (now().kind != TokenKind::blockEnd) failHere("expected '%}', got " + shown());
    take();
  }
  // A block with its end tag's name taken; the caller takes the end of the tag.
  NodePtr parseBody(std::string_view end) {
    endTag();
    NodePtr body = parseBlock({end});
    take();
    return body;
  }

  NodePtr parseStatement() {
    const int line = now().line;
    const std::string tag = takeAnyName();
    if (tag == "if") return parseIf(line);
    if (tag == "for") return parseFor(line);
    if (tag == "set") return parseSet(line);
    if (tag == "macro") return parseMacro(line);
    if (tag == "call") return parseCallBlock(line);
    if (tag == "filter") {
      NodePtr chain = parseFilterChain(nullptr, true);
      return node(Kind::filterBlock, line, "", std::move(chain), parseBody("endfilter"));
    }
    if (tag == "with") return parseWith(line);
    if (tag == "generation") return node(Kind::scope, line, "", parseBody("endgeneration"));
    if (tag == "block") {
      takeAnyName();
      takeName("scoped");
      takeName("required");
      NodePtr body = parseBody("endblock");
      if (now().kind == TokenKind::name) take();
      return node(Kind::scope, line, "", std::move(body));
    }
    if (tag == "print") return node(Kind::print, line, "", parseTuple(true, false, {}));
    if (tag == "break" || tag == "continue") {
      if (loops_ == 0) failHere("'" + tag + "' outside of a loop");
      return node(tag == "break" ? Kind::breakLoop : Kind::continueLoop, line);
    }
    if (tag == "include" || tag == "import" || tag == "from" || tag == "extends") {
      failHere("'" + tag + "' is refused: a chat template may read nothing but its input");
    }
    failHere("unknown tag '" + tag.substr(0, 40) + "'");
  }

  NodePtr parseIf(int line) {
    NodePtr n = node(Kind::ifElse, line);
    add(*n, parseTuple(false, false, {}));
    endTag();
    while (true) {
      add(*n, parseBlock({"elif", "else", "endif"}));
      const Token ending = take();
      const std::string_view tag = ending.text;
      if (tag == "endif") return n;
      if (tag == "else") {
        n->kids.push_back(nullptr);
        add(*n, parseBody("endif"));
        return n;
      }
      add(*n, parseTuple(false, false, {}));
      endTag();
    }
  }

  NodePtr parseFor(int line) {
    NodePtr target = parseTarget(false, {"in"});
    expectName("in");
    NodePtr items = parseTuple(false, false, {"recursive"});
    NodePtr filter = takeName("if") ? parseExpression() : nullptr;
    const bool recursive = takeName("recursive");
    endTag();
    ++loops_;
    NodePtr body = parseBlock({"endfor", "else"});
    --loops_;
    NodePtr otherwise;
    if (take().text == "else") otherwise = parseBody("endfor");
    NodePtr n = node(Kind::forLoop, line, "", std::move(target), std::move(items), std::move(body), std::move(filter),
                     std::move(otherwise));
    n->flag = recursive;
    n->symbol = symbol("loop");
    return n;
  }

  NodePtr parseSet(int line) {
    NodePtr target = parseTarget(true, {});
    if (takeOp("=")) return node(Kind::set, line, "", std::move(target), parseTuple(true, false, {}));
    NodePtr chain = isOp("|") ? parseFilterChain(nullptr, false) : nullptr;
    return node(Kind::setBlock, line, "", std::move(target), std::move(chain), parseBody("endset"));
  }

  void parseSignature(Node& macro) {
    expectOp("(");
    while (!isOp(")")) {
      if (!macro.names.empty()) expectOp(",");
      if (isOp(")")) break;
      const std::string name = takeAnyName();
      macro.names.push_back(name);
      macro.symbols.push_back(symbol(name));
      if (takeOp("=")) {
        add(macro, parseExpression());
      } else if (macro.kids.size() > 1) {
        failHere("a parameter without a default follows one with a default");
      }
    }
    take();
  }

  NodePtr parseMacro(int line) {
    NodePtr n = node(Kind::macro, line);
    n->text = takeAnyName();
    n->symbol = symbol(n->text);
    parseMacroRest(*n, "endmacro");
    return n;
  }
  // kids[0] is the block, so it is kept free while the defaults are read.
  void parseMacroRest(Node& n, std::string_view end) {
    n.kids.push_back(nullptr);
    if (end == "endmacro" || isOp("(")) parseSignature(n);
    if (end == "endmacro") finishMacro(n, end);
  }
  void finishMacro(Node& n, std::string_view end) {
    const int loops = std::exchange(loops_, 0);
    NodePtr body = parseBody(end);
    loops_ = loops;
    if (body->depth + 1 > kMaxTreeDepth) failHere("it is nested too deeply");
    n.depth = std::max(n.depth, body->depth + 1);
    n.kids[0] = std::move(body);
  }

  NodePtr parseCallBlock(int line) {
    NodePtr macro = node(Kind::macro, line);
    macro->text = "caller";
    macro->symbol = symbol("caller");
    parseMacroRest(*macro, "endcall");
    NodePtr call = parseExpression();
    if (call->kind != Kind::call) failHere("expected a call");
    finishMacro(*macro, "endcall");
    return node(Kind::callBlock, line, "", std::move(call), std::move(macro));
  }

  NodePtr parseWith(int line) {
    NodePtr n = node(Kind::with, line);
    n->kids.push_back(nullptr);
    while (now().kind != TokenKind::blockEnd) {
      if (n->kids.size() > 1) expectOp(",");
      add(*n, parseTarget(false, {}));
      expectOp("=");
      add(*n, parseExpression());
    }
    NodePtr body = parseBody("endwith");
    n->depth = std::max(n->depth, body->depth + 1);
    n->kids[0] = std::move(body);
    return n;
  }

  // What can be assigned to: a name, several, or an attribute of a namespace.
  NodePtr parseTarget(bool withNamespace, std::initializer_list<std::string_view> ends) {
    const int line = now().line;
    std::vector<NodePtr> targets;
    bool tuple = false;
    while (true) {
      if (isOp("(")) {
        const Level level(*this);
        take();
        targets.push_back(parseTarget(withNamespace, {}));
        expectOp(")");
      } else {
        NodePtr n = node(Kind::name, now().line);
        const std::string name = takeAnyName();
        for (const std::string_view word : {"true", "false", "none", "True", "False", "None"}) {
          if (name == word) failHere("cannot assign to '" + name + "'");
        }
        n->text = name;
        n->symbol = symbol(name);
        if (withNamespace && takeOp(".")) {
          n->kind = Kind::namespaceRef;
          n->text = takeAnyName();
        }
        targets.push_back(std::move(n));
      }
      if (!takeOp(",")) break;
      tuple = true;
      const bool ended = now().kind == TokenKind::blockEnd || isOp(")") || isOp("=") ||
                         std::any_of(ends.begin(), ends.end(), [&](std::string_view e) { return isName(e); });
      if (ended) break;
    }
    if (!tuple) return std::move(targets[0]);
    NodePtr n = node(Kind::tuple, line);
    for (NodePtr& t : targets) add(*n, std::move(t));
    return n;
  }

  // Expressions.
  bool tupleEnds(std::initializer_list<std::string_view> ends) const {
    if (now().kind == TokenKind::printEnd || now().kind == TokenKind::blockEnd || isOp(")")) return true;
    return std::any_of(ends.begin(), ends.end(), [&](std::string_view e) { return isName(e); });
  }
  NodePtr parseTuple(bool withChoice, bool parenthesised, std::initializer_list<std::string_view> ends) {
    const int line = now().line;
    std::vector<NodePtr> parts;
    bool tuple = false;
    while (true) {
      if (!parts.empty()) expectOp(",");
      if (tupleEnds(ends)) break;
      parts.push_back(withChoice || parenthesised ? parseExpression() : parseOr());
      if (!isOp(",")) break;
      tuple = true;
    }
    if (!tuple && !parts.empty()) return std::move(parts[0]);
    if (!tuple && !parenthesised) failHere("expected an expression, got " + shown());
    NodePtr n = node(Kind::tuple, line);
    for (NodePtr& p : parts) add(*n, std::move(p));
    return n;
  }

  NodePtr parseExpression() {
    const Level level(*this);
    NodePtr n = parseOr();
    while (isName("if")) {
      const int line = take().line;
      NodePtr test = parseOr();
      NodePtr otherwise = takeName("else") ? parseExpression() : nullptr;
      n = node(Kind::choice, line, "", std::move(test), std::move(n), std::move(otherwise));
    }
    return n;
  }
  NodePtr parseOr() {
    NodePtr n = parseAnd();
    while (isName("or")) {
      const int line = take().line;
      n = node(Kind::orOp, line, "", std::move(n), parseAnd());
    }
    return n;
  }
  NodePtr parseAnd() {
    NodePtr n = parseNot();
    while (isName("and")) {
      const int line = take().line;
      n = node(Kind::andOp, line, "", std::move(n), parseNot());
    }
    return n;
  }
  NodePtr parseNot() {
    if (!isName("not")) return parseCompare();
    const Level level(*this);
    const int line = take().line;
    return node(Kind::notOp, line, "", parseNot());
  }
  NodePtr parseCompare() {
    NodePtr first = parseSum();
    NodePtr n;
    while (true) {
      std::string op;
      for (const std::string_view o : {"==", "!=", "<", "<=", ">", ">="}) {
        if (isOp(o)) op = o;
      }
      if (!op.empty()) {
        take();
      } else if (isName("in")) {
        take();
        op = "in";
      } else if (isName("not") && next().kind == TokenKind::name && next().text == "in") {
        take();
        take();
        op = "not in";
      } else {
        break;
      }
      if (!n) n = node(Kind::compare, now().line, "", std::move(first));
      n->names.push_back(op);
      add(*n, parseSum());
    }
    return n ? std::move(n) : std::move(first);
  }
  // A level of left-associative operators.
  template <class Operand>
  NodePtr parseBinary(std::initializer_list<std::string_view> ops, Operand operand) {
    NodePtr n = (this->*operand)();
    while (true) {
      const auto op = std::find_if(ops.begin(), ops.end(), [&](std::string_view o) { return isOp(o); });
      if (op == ops.end()) return n;
      const int line = take().line;
      n = node(Kind::binary, line, std::string(*op), std::move(n), (this->*operand)());
    }
  }
  NodePtr parseSum() { return parseBinary({"+", "-"}, &Parser::parseConcat); }
  NodePtr parseConcat() {
    NodePtr first = parseProduct();
    if (!isOp("~")) return first;
    NodePtr n = node(Kind::concat, now().line, "", std::move(first));
    while (takeOp("~")) add(*n, parseProduct());
    return n;
  }
  NodePtr parseProduct() { return parseBinary({"*", "/", "//", "%"}, &Parser::parsePower); }
  NodePtr parsePower() { return parseBinary({"**"}, &Parser::parseSigned); }
  NodePtr parseSigned() { return parseUnary(true); }

  NodePtr parseUnary(bool withFilters) {
    const Level level(*this);
    const int line = now().line;
    NodePtr n;
    if (takeOp("-")) {
      n = node(Kind::negative, line, "", parseUnary(false));
    } else if (takeOp("+")) {
      n = node(Kind::positive, line, "", parseUnary(false));
    } else {
      n = parsePrimary();
    }
    n = parsePostfix(std::move(n));
    if (withFilters) n = parseFilters(std::move(n));
    return n;
  }

  NodePtr parsePrimary() {
    const int line = now().line;
    switch (now().kind) {
      case TokenKind::name: {
        const std::string name = take().text;
        if (name == "true" || name == "True") return constant(Value::boolean(true), line);
        if (name == "false" || name == "False") return constant(Value::boolean(false), line);
        if (name == "none" || name == "None") return constant(Value(), line);
        NodePtr n = node(Kind::name, line, name);
        n->symbol = symbol(name);
        return n;
      }
      case TokenKind::string: {
        std::string text = take().text;
        while (now().kind == TokenKind::string) text += take().text;
        return constant(Value::string(text), line);
      }
      case TokenKind::integer:
        return constant(Value::integer(integerOf(take().text)), line);
      case TokenKind::real:
        return constant(Value::real(realOf(take().text)), line);
      default:
        break;
    }
    if (takeOp("(")) {
      NodePtr n = parseTuple(true, true, {});
      expectOp(")");
      return n;
    }
    if (takeOp("[")) {
      NodePtr n = node(Kind::list, line);
      while (!isOp("]")) {
        if (!n->kids.empty()) expectOp(",");
        if (isOp("]")) break;
        add(*n, parseExpression());
      }
      take();
      return n;
    }
    if (takeOp("{")) {
      NodePtr n = node(Kind::dict, line);
      while (!isOp("}")) {
        if (!n->kids.empty()) expectOp(",");
        if (isOp("}")) break;
        add(*n, parseExpression());
        expectOp(":");
        add(*n, parseExpression());
      }
      take();
      return n;
    }
    failHere("expected an expression, got " + shown());
  }

  int64_t integerOf(const std::string& text) const {
    int base = 10;
    std::string digits;
    for (const char c : text) {
      if (c != '_') digits += c;
    }
    if (digits.size() > 2 && digits[0] == '0' && !(digits[1] >= '0' && digits[1] <= '9')) {
      const char b = char(digits[1] | 32);
      base = b == 'x' ? 16 : b == 'o' ? 8 : 2;
      digits.erase(0, 2);
    }
    int64_t value = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (read.ec == std::errc::result_out_of_range) failHere("a number does not fit 64 bits");
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) failHere("a number is broken");
    return value;
  }

  double realOf(const std::string& text) const {
    double value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc()) failHere("a number is out of range");
    return value;
  }

  NodePtr parsePostfix(NodePtr n) {
    while (true) {
      const int line = now().line;
      if (takeOp(".")) {
        if (now().kind == TokenKind::name) {
          n = node(Kind::attribute, line, take().text, std::move(n));
        } else if (now().kind == TokenKind::integer) {
          NodePtr index = constant(Value::integer(integerOf(take().text)), line);
          n = node(Kind::item, line, "", std::move(n), std::move(index));
        } else {
          failHere("expected a name or a number, got " + shown());
        }
      } else if (takeOp("[")) {
        NodePtr index = parseIndex();
        expectOp("]");
        n = node(Kind::item, line, "", std::move(n), std::move(index));
      } else if (isOp("(")) {
        NodePtr call = node(Kind::call, line, "", std::move(n));
        parseArguments(*call);
        n = std::move(call);
      } else {
        return n;
      }
    }
  }

  NodePtr parseIndex() {
    const int line = now().line;
    NodePtr start = isOp(":") ? nullptr : parseExpression();
    if (start && !isOp(":")) {
      if (!isOp(",")) return start;
      NodePtr n = node(Kind::tuple, line, "", std::move(start));
      while (takeOp(",") && !isOp("]")) add(*n, parseExpression());
      return n;
    }
    take();
    NodePtr stop = isOp(":") || isOp("]") ? nullptr : parseExpression();
    NodePtr step = takeOp(":") && !isOp("]") ? parseExpression() : nullptr;
    return node(Kind::slice, line, "", std::move(start), std::move(stop), std::move(step));
  }

  // Appends to kids, named, star and starStar.
  void parseArguments(Node& n) {
    expectOp("(");
    for (bool first = true; !isOp(")"); first = false) {
      if (!first) expectOp(",");
      if (isOp(")")) break;
      const bool ended = n.star || n.starStar;
      if (isOp("*") || isOp("**")) {
        NodePtr& place = take().text == "*" ? n.star : n.starStar;
        if (place || n.starStar) failHere("an argument list is broken");
        place = parseExpression();
        n.depth = std::max(n.depth, place->depth + 1);
      } else if (now().kind == TokenKind::name && next().kind == TokenKind::op && next().text == "=") {
        std::string name = take().text;
        take();
        NodePtr value = parseExpression();
        n.depth = std::max(n.depth, value->depth + 1);
        n.named.emplace_back(std::move(name), std::move(value));
      } else {
        if (ended || !n.named.empty()) failHere("a positional argument follows a named one");
        add(n, parseExpression());
      }
      if (n.depth > kMaxTreeDepth) failHere("an expression is too long");
    }
    take();
  }

  NodePtr parseFilters(NodePtr n) {
    while (true) {
      if (isOp("|")) {
        n = parseFilterChain(std::move(n), false);
      } else if (isName("is")) {
        n = parseTest(std::move(n));
      } else if (isOp("(")) {
        NodePtr call = node(Kind::call, now().line, "", std::move(n));
        parseArguments(*call);
        n = std::move(call);
      } else {
        return n;
      }
    }
  }
  std::string dottedName() {
    std::string name = takeAnyName();
    while (takeOp(".")) name += "." + takeAnyName();
    return name;
  }
  // `inner` null: the innermost filter reads the text of a block.
  NodePtr parseFilterChain(NodePtr inner, bool firstWithoutBar) {
    while (firstWithoutBar || isOp("|")) {
      if (!firstWithoutBar) take();
      firstWithoutBar = false;
      const int line = now().line;
      NodePtr n = node(Kind::filter, line, dottedName(), std::move(inner));
      if (isOp("(")) parseArguments(*n);
      inner = std::move(n);
    }
    return inner;
  }
  NodePtr parseTest(NodePtr input) {
    const int line = take().line;
    const bool negated = takeName("not");
    NodePtr n = node(Kind::test, line, dottedName(), std::move(input));
    const TokenKind k = now().kind;
    const bool operand = k == TokenKind::name || k == TokenKind::string || k == TokenKind::integer ||
                         k == TokenKind::real || isOp("[") || isOp("{");
    if (isOp("(")) {
      parseArguments(*n);
    } else if (operand && !isName("else") && !isName("or") && !isName("and")) {
      if (isName("is")) failHere("tests cannot be chained with 'is'");
      add(*n, parsePostfix(parsePrimary()));
    }
    return negated ? node(Kind::notOp, line, "", std::move(n)) : std::move(n);
  }

  int loops_ = 0;
  std::unordered_map<std::string, int> symbols_;
};
}  // namespace

Template parse(std::string_view source) { return Parser(lex(source)).run(); }

}  // namespace lemma::jinja
