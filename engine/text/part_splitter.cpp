#include "engine/text/part_splitter.h"

#include <utility>

namespace lemma {
namespace {
bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
}  // namespace

PartSplitter::PartSplitter(bool startsInThink, ThinkTags tags, const ThinkFormat* opened)
    : tags_(tags), seen_(tags.size(), false) {
  if (!startsInThink) return;
  startPart(Mode::think);
  for (size_t f = 0; f < tags.size(); ++f) {
    if (&tags[f] != opened) continue;
    format_ = f;
    seen_[f] = true;
  }
}

void PartSplitter::resume(PartKind kind, std::string_view soFar) {
  startPart(kind == PartKind::think ? Mode::think : Mode::answer);
  closed_ = kind == PartKind::answer;
  if (soFar.empty()) return;
  partEmpty_ = false;
  if (kind == PartKind::answer) {
    for (const char c : soFar) track(c);
  }
}

std::span<const PartDelta> PartSplitter::push(std::string_view text) {
  given_ = 0;
  buffer_ += text;
  scan(false);
  return std::span(out_).first(given_);
}

std::span<const PartDelta> PartSplitter::flush() {
  given_ = 0;
  scan(true);
  // Blank space that opened the message and was not followed by a tag is an answer; after a tag it belongs to the tag.
  if (mode_ == Mode::start) {
    for (const char c : std::exchange(blank_, {})) emit(c);
  }
  return std::span(out_).first(given_);
}

void PartSplitter::scan(bool final) {
  size_t i = 0;
  while (i < buffer_.size()) {
    const Match m = match(std::string_view(buffer_).substr(i));
    if (m.length > 0) {
      apply(m);
      i += m.length;
    } else if (m.partial && !final) {
      break;
    } else {
      take(buffer_[i++]);
    }
  }
  buffer_.erase(0, i);
}

// The shortest tag that is complete here wins, so that no later byte can change what was decided.
PartSplitter::Match PartSplitter::match(std::string_view rest) const {
  Match best;
  const auto look = [&](std::string_view tag, Role role, size_t format) {
    if (tag.empty() || tag[0] != rest[0] || !counts(role, format)) return;
    if (rest.starts_with(tag)) {
      if (best.length == 0 || tag.size() < best.length) best = {false, role, format, tag.size()};
    } else if (best.length == 0 && tag.starts_with(rest)) {
      best.partial = true;
    }
  };
  for (size_t f = 0; f < tags_.size(); ++f) {
    look(tags_[f].close, Role::close, f);
    look(tags_[f].open, Role::open, f);
    for (const std::string_view mark : tags_[f].answerMarks) look(mark, Role::mark, f);
  }
  return best;
}

// Whether such a tag is a tag at this place, or just text.
bool PartSplitter::counts(Role role, size_t format) const {
  const ThinkFormat& f = tags_[format];
  switch (mode_) {
    case Mode::start:
      return role != Role::close || f.closeIsClear;
    case Mode::think:
      if (role == Role::open) return partEmpty_;  // the model opens again what the prompt had opened
      if (role == Role::mark) return false;
      return format_ ? *format_ == format : f.closeIsClear;
    case Mode::answer:
      break;
  }
  const bool code = fenceChar_ != 0 || spanTicks_ > 0 || ticks_ > 0;
  if (code) return false;
  switch (role) {
    case Role::open:
      if (seen_[format] && f.reopens == ThinkFormat::Reopens::anywhere) return true;
      return lineStart() && (seen_[format] || partEmpty_ || f.reopens == ThinkFormat::Reopens::atLine);
    case Role::close:
      // Twice closed (once by the budget, once by the model), or a thought whose beginning nobody marked.
      if (partEmpty_) return f.closeIsClear || seen_[format];
      return f.closeIsClear && !closed_ && lineStart();
    case Role::mark:
      return seen_[format] || partEmpty_;
  }
  return false;
}

void PartSplitter::apply(const Match& m) {
  switch (m.role) {
    case Role::open:
      format_ = m.format;
      startPart(Mode::think);
      break;
    case Role::close:
      if (mode_ == Mode::answer && !partEmpty_ && !closed_) endTagOnly_ = true;
      closed_ = true;
      format_.reset();
      startPart(Mode::answer);
      break;
    case Role::mark:
      if (mode_ == Mode::start || partEmpty_) startPart(Mode::answer);
      break;
  }
  seen_[m.format] = true;
}

void PartSplitter::startPart(Mode mode) {
  mode_ = mode;
  partEmpty_ = true;
  onTagLine_ = true;
  blank_.clear();
  indent_ = 0;
  lineBlank_ = true;
  fenceChar_ = runChar_ = 0;
  fenceRun_ = run_ = ticks_ = spanTicks_ = 0;
  runEnded_ = afterRunTick_ = false;
  afterRunBlank_ = true;
}

void PartSplitter::take(char c) {
  if (partEmpty_ && isBlank(c)) {
    if (mode_ == Mode::start) {
      blank_ += c;
    } else if (c == '\n') {
      blank_.clear();
      onTagLine_ = false;
    } else if (!onTagLine_) {
      blank_ += c;  // the indent of the first line is content
    }
    return;
  }
  if (partEmpty_) {
    partEmpty_ = false;
    if (mode_ == Mode::start) mode_ = Mode::answer;
    for (const char b : std::exchange(blank_, {})) emit(b);
  }
  emit(c);
}

void PartSplitter::emit(char c) {
  const PartKind kind = mode_ == Mode::think ? PartKind::think : PartKind::answer;
  if (given_ == 0 || out_[given_ - 1].kind != kind) {
    if (given_ == out_.size()) out_.emplace_back();
    PartDelta& next = out_[given_++];
    next.kind = kind;
    next.text.clear();
  }
  out_[given_ - 1].text += c;
  if (kind == PartKind::answer) track(c);
}

void PartSplitter::track(char c) {
  if (c == '\n') {
    if (run_ >= 3) {
      if (fenceChar_ == 0) {
        const bool infoHasTick = runChar_ == '`' && afterRunTick_;  // then it is a code span, not a fence
        if (!infoHasTick) {
          fenceChar_ = runChar_;
          fenceRun_ = run_;
        }
      } else if (runChar_ == fenceChar_ && run_ >= fenceRun_ && afterRunBlank_) {
        fenceChar_ = 0;
      }
    }
    indent_ = run_ = ticks_ = spanTicks_ = 0;
    runChar_ = 0;
    lineBlank_ = afterRunBlank_ = true;
    runEnded_ = afterRunTick_ = false;
    return;
  }
  if (c == '`') {
    ++ticks_;
  } else if (ticks_ > 0) {
    spanTicks_ = spanTicks_ == 0 ? ticks_ : spanTicks_ == ticks_ ? 0 : spanTicks_;
    ticks_ = 0;
  }
  if (lineBlank_ && (c == ' ' || c == '\t')) {
    indent_ += c == '\t' ? 4 : 1;
    return;
  }
  if (lineBlank_) {
    lineBlank_ = false;
    if (c == '`' || c == '~') runChar_ = c;
  }
  if (runChar_ != 0 && !runEnded_ && c == runChar_) {
    ++run_;
    return;
  }
  runEnded_ = true;
  if (!isBlank(c)) afterRunBlank_ = false;
  if (c == '`') afterRunTick_ = true;
}

}  // namespace lemma
