// Answers with and without guesses, as text that a test compares: every event in order, without times. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/api/engine.h"
#include "engine/speculate/proposer.h"
#include "tests/model/tiny_model.h"
#include "tests/support/tiny_model.h"

namespace lemma::test {

struct Heard {
  std::string events;  // what must be the same
  std::optional<Finished> finished;
  std::string error;
  int deltas = 0;

  void take(const StreamEvent& e) {
    if (const auto* d = std::get_if<PartDelta>(&e)) {
      ++deltas;
      events += (d->kind == PartKind::think ? "think " : "answer ") + std::to_string(d->tokens) + " " + d->text + "\n";
    } else if (const auto* t = std::get_if<ThoughtEnded>(&e)) {
      events += "thought ended " + std::to_string(int(t->why)) + "\n";
    } else if (const auto* f = std::get_if<Finished>(&e)) {
      finished = *f;
      events += std::string(name(f->reason)) + " think " + std::to_string(f->thinkTokens) + " answer " +
                std::to_string(f->answerTokens) + " used " + std::to_string(f->contextUsed) + "\n";
    } else if (const auto* x = std::get_if<Failed>(&e)) {
      error = x->error.what;
      events += "failed " + error + "\n";
    }
  }
};

inline Heard run(Engine& engine, ChatRequest request) {
  Heard heard;
  engine.start(std::move(request), [&heard](const StreamEvent& e) { heard.take(e); });
  while (engine.step()) {
  }
  return heard;
}

// Keeps what it was asked about, and guesses nothing.
class Recorder final : public Proposer {
 public:
  explicit Recorder(std::vector<Token>& text) : text_(text) {}
  void propose(std::span<const Token> text, int, Proposal& out) override {
    out.tokens.clear();
    text_.assign(text.begin(), text.end());
  }
  bool cheap() const override { return true; }

 private:
  std::vector<Token>& text_;
};

// Knows the text that will come, but every `wrongEach`th guess of it is another token; 0: all are right, 1: none.
class Teller final : public Proposer {
 public:
  Teller(std::vector<Token> text, size_t wrongEach) : text_(std::move(text)), wrongEach_(wrongEach) {}
  void propose(std::span<const Token> text, int most, Proposal& out) override {
    out.tokens.clear();
    for (size_t i = text.size(); i < text_.size() && int(out.tokens.size()) < most; ++i) {
      const bool wrong = wrongEach_ > 0 && ++asked_ % wrongEach_ == 0;
      out.tokens.push_back(wrong ? Token((int(text_[i]) + 1) % 256) : text_[i]);
    }
  }
  bool cheap() const override { return true; }

 private:
  std::vector<Token> text_;
  size_t wrongEach_, asked_ = 0;
};

inline ChatRequest question(const std::string& text, float temperature, uint64_t seed) {
  ChatRequest r;
  r.turns = {{"user", text}};
  r.sampling.temperature = temperature;
  r.sampling.seed = seed;
  r.think = {.kind = ThinkBudget::Kind::off, .tokens = 0};
  r.maxAnswerTokens = 60;
  return r;
}

}  // namespace lemma::test
