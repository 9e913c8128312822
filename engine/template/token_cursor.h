// The parser's place in the tokens: looking, taking, expecting, and how deep the source is nested.
// Base of the parser, nothing else. Throws Failure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/template/failure.h"
#include "engine/template/lexer.h"

namespace lemma::jinja {

class TokenCursor {
 protected:
  explicit TokenCursor(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  // One level of nesting in the source.
  struct Level {
    explicit Level(TokenCursor& cursor) : c(cursor) {
      if (++c.nesting_ > kMaxNesting) c.failHere("it is nested too deeply");
    }
    ~Level() { --c.nesting_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    TokenCursor& c;
  };

  const Token& now() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token take() {
    Token t = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return t;
  }
  bool isOp(std::string_view op) const { return now().kind == Token::Kind::op && now().text == op; }
  bool isName(std::string_view name) const { return now().kind == Token::Kind::name && now().text == name; }
  bool takeOp(std::string_view op) { return isOp(op) ? (take(), true) : false; }
  bool takeName(std::string_view name) { return isName(name) ? (take(), true) : false; }
  [[noreturn]] void failHere(std::string what) const { throw Failure{Err::templateError, std::move(what), now().line}; }
  std::string shown() const {
    switch (now().kind) {
      case Token::Kind::end:
        return "the end of the template";
      case Token::Kind::text:
        return "text";
      case Token::Kind::printBegin:
      case Token::Kind::blockBegin:
        return "a tag";
      case Token::Kind::printEnd:
        return "'}}'";
      case Token::Kind::blockEnd:
        return "'%}'";
      case Token::Kind::string:
        return "a string";
      default:
        return "'" + now().text.substr(0, 40) + "'";
    }
  }
  void expectOp(std::string_view op) {
    if (!takeOp(op)) failHere("expected '" + std::string(op) + "', got " + shown());
  }
  void expectName(std::string_view name) {
    if (!takeName(name)) failHere("expected '" + std::string(name) + "', got " + shown());
  }
  std::string takeAnyName() {
    if (now().kind != Token::Kind::name) failHere("expected a name, got " + shown());
    return take().text;
  }

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace lemma::jinja
