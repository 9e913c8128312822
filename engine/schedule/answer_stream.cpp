#include "engine/schedule/answer_stream.h"

#include <algorithm>
#include <utility>

namespace lemma {

namespace {

constexpr int kMostSilentTokens = 16;                                    // how long an empty answer is kept from ending
constexpr size_t kLongest = 128, kLeast = 48, kLongTail = 3 * kLongest;  // of a thought that repeats itself

bool hasWords(std::string_view s) { return s.find_first_not_of(" \t\r\n") != std::string_view::npos; }

}  // namespace

AnswerStream::AnswerStream(const Tokenizer& tokenizer, const BuiltPrompt& prompt, std::vector<Token> closeTokens,
                           const AnswerLimits& limits, std::vector<std::string> stop, Sink sink)
    : tokenizer_(tokenizer),
      format_(*prompt.format),
      resumed_(prompt.resumed),
      shownPrefix_(prompt.scaffold.shownPrefix),
      closeTokens_(std::move(closeTokens)),
      limits_(limits),
      sink_(std::move(sink)),
      splitter_(prompt.inThink, thinkTags(), prompt.format),
      stopMatcher_(std::move(stop)),
      inThink_(prompt.inThink) {
  feed_.reserve(closeTokens_.size() + 1);
  thought_.reserve(3 * kLongTail);
}

void AnswerStream::begin() {
  if (!resumed_.empty()) splitter_.resume(inThink_ ? PartKind::think : PartKind::answer, resumed_);
  if (inThink_ && !shownPrefix_.empty()) show(splitter_.push(shownPrefix_));
  saidThought_ = false;  // the scaffold's words are not the model's
}

bool AnswerStream::mustGoOn() const {
  if (inThink_) return !saidThought_ && thinkTokens_ < kMostSilentTokens;
  return thoughtWasCut_ && !saidAnswer_ && answerTokens_ < kMostSilentTokens;
}

void AnswerStream::say(PartKind kind, std::string_view text, int tokens) {
  auto& delta = std::get<PartDelta>(said_);
  delta.kind = kind;
  delta.text = text;
  delta.tokens = tokens;
  sink_(said_);
}

bool AnswerStream::showAnswer(std::string_view text) {
  const StopMatcher::Out out = stopMatcher_.push(text);
  if (!out.text.empty()) {
    saidAnswer_ = saidAnswer_ || hasWords(out.text);
    say(PartKind::answer, out.text, answerTokens_);
  }
  return out.stopped;
}

void AnswerStream::show(std::span<const PartDelta> deltas) {
  for (const PartDelta& d : deltas) {
    if (stopped_ || d.text.empty()) continue;
    // After a cut only the answer is left: a model that imitates the tags it has read says it inside them.
    if (d.kind == PartKind::think && !thoughtWasCut_) {
      saidThought_ = saidThought_ || hasWords(d.text);
      say(PartKind::think, d.text, thinkTokens_);
    } else {
      if (std::exchange(inThink_, false)) sink_(ThoughtEnded{ThoughtEnded::Why::model});
      stopped_ = showAnswer(d.text);
    }
  }
  if (!thoughtWasCut_ && inThink_ != splitter_.inThink()) {
    inThink_ = splitter_.inThink();
    if (!inThink_) sink_(ThoughtEnded{ThoughtEnded::Why::model});
  }
}

void AnswerStream::flush() {
  if (stopped_) return;
  show(splitter_.push(utf8_.flush()));
  show(splitter_.flush());
  if (stopped_) return;
  if (const std::string rest = stopMatcher_.flush(); !rest.empty()) say(PartKind::answer, rest, answerTokens_);
}

AnswerStream::Next AnswerStream::closeThought(ThoughtEnded::Why why, std::optional<Token> before) {
  show(splitter_.push(utf8_.flush()));
  show(splitter_.flush());
  if (inThink_) sink_(ThoughtEnded{why});
  inThink_ = false;
  thoughtWasCut_ = true;
  splitter_ = PartSplitter(false);
  feed_.clear();
  if (before) feed_.push_back(*before);
  feed_.insert(feed_.end(), closeTokens_.begin(), closeTokens_.end());
  fed_ += int(feed_.size());
  return {.feed = feed_};
}

// A thought that says the same again and again will not find its way out: the tail is the same stretch three
// times over. Looked for every 16 tokens, stretches of 1 to 128 tokens, at least 48 tokens in all.
bool AnswerStream::thoughtRepeats() {
  if (thought_.size() % 16 != 0) return false;
  if (thought_.size() >= 2 * kLongTail) thought_.erase(thought_.begin(), thought_.begin() + kLongTail);
  for (size_t period = 1; period <= kLongest; ++period) {
    const size_t tail = std::max(3 * period, kLeast);
    if (tail > thought_.size()) return false;
    const auto end = thought_.end();
    if (std::equal(end - tail + period, end, end - tail)) return true;
  }
  return false;
}

AnswerStream::Next AnswerStream::accept(Token token) {
  const bool ends = tokenizer_.isEndOfGeneration(token);
  if (ends && inThink_) return closeThought(ThoughtEnded::Why::model, std::nullopt);
  if (ends) return {.finished = true, .reason = StopReason::end};

  if (inThink_) {
    ++thinkTokens_;
    thought_.push_back(token);
  } else {
    ++answerTokens_;
  }
  const std::string_view piece = tokenizer_.piece(token);
  // Control tokens are not text, except those that the thought's own tags are made of.
  const bool partOfTag =
      format_.open.find(piece) != std::string_view::npos || format_.close.find(piece) != std::string_view::npos;
  if (!tokenizer_.isControl(token) || partOfTag) show(splitter_.push(utf8_.push(piece)));
  if (stopped_) return {.finished = true, .reason = StopReason::stop};

  if (inThink_ && !utf8_.pending()) {
    if (personWantsAnswer_) return closeThought(ThoughtEnded::Why::person, token);
    if (thinkTokens_ >= limits_.thinkTokens) return closeThought(ThoughtEnded::Why::budget, token);
    if (thoughtRepeats()) return closeThought(ThoughtEnded::Why::repeating, token);
  }
  if (!inThink_ && answerTokens_ >= limits_.answerTokens) return {.finished = true, .reason = StopReason::length};
  if (fed_ + 1 >= limits_.contextTokens) return {.finished = true, .reason = StopReason::context};
  ++fed_;
  feed_.assign(1, token);
  return {.feed = feed_};
}

}  // namespace lemma
