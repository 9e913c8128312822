#include <algorithm>

#include "engine/tokenizer/regex.h"

namespace lemma {
namespace {

constexpr size_t kBlock = 64;  // positions

}  // namespace

void RegexSearch::setText(std::string_view text) {
  for (auto& block : blocks_) {
    if (block) spare_.push_back(std::move(block));
  }
  blocks_.clear();
  firstBlock_ = 0;
  text_ = text;
  runs_.assign(regex_.sets_.size(), {});
}

RegexSearch::Block& RegexSearch::block(size_t at) {
  const size_t number = at / kBlock;
  if (blocks_.size() <= number) blocks_.resize(number + 1);
  if (!blocks_[number]) {
    if (spare_.empty()) {
      blocks_[number] = std::make_unique<Block>();
    } else {
      blocks_[number] = std::move(spare_.back());
      spare_.pop_back();
    }
    blocks_[number]->failed.assign(regex_.splits_, 0);
    blocks_[number]->succeeded.assign(regex_.splits_, 0);
  }
  return *blocks_[number];
}

size_t RegexSearch::matchAt(size_t at) {
  for (const size_t now = at / kBlock; firstBlock_ < std::min(now, blocks_.size()); ++firstBlock_) {
    if (blocks_[firstBlock_]) spare_.push_back(std::move(blocks_[firstBlock_]));
  }
  return match(0, at, false);
}

size_t RegexSearch::before(size_t at) const {
  do --at;
  while (at > 0 && (uint8_t(text_[at]) & 0xc0) == 0x80);
  return at;
}

bool RegexSearch::holds(const Regex::Step& step, size_t at) const {
  const auto wordAt = [&](size_t i) { return regex_.word_.contains(decodeUtf8(text_, i).value); };
  switch (step.op) {
    case Regex::Op::lookBehind:
      return (at > 0 && regex_.sets_[step.a].contains(decodeUtf8(text_, before(at)).value)) != (step.b != 0);
    case Regex::Op::boundary:
      return ((at > 0 && wordAt(before(at))) != (at < text_.size() && wordAt(at))) != (step.b != 0);
    case Regex::Op::lineBegin:
      return at == 0 || text_[at - 1] == '\n';
    case Regex::Op::lineEnd:
      return at == text_.size() || text_[at] == '\n';
    case Regex::Op::textBegin:
      return at == 0;
    default:
      return at == text_.size();
  }
}

// Whoever asks within a run that was found gets its end: a run is walked once.
size_t RegexSearch::runAt(const Regex::Step& step, size_t at) {
  Run& run = runs_[step.a];
  if (at >= run.begin && at < run.end) return run.end;
  size_t end = at;
  while (end < text_.size()) {
    const CodePoint c = decodeUtf8(text_, end);
    if (!regex_.sets_[step.a].contains(c.value)) break;
    end += size_t(c.bytes);
    ++count_;
  }
  run = {at, end};
  return end;
}

size_t RegexSearch::match(uint32_t pc, size_t at, bool inLook) {
  using Op = Regex::Op;
  const size_t base = stack_.size();
  while (true) {
    ++count_;
    const Regex::Step& step = regex_.steps_[pc];
    bool ok = true;
    switch (step.op) {
      case Op::character:
      case Op::set: {
        if (at >= text_.size()) {
          ok = false;
          break;
        }
        const CodePoint c = decodeUtf8(text_, at);
        ok = step.op == Op::character ? c.value == step.a : regex_.sets_[step.a].contains(c.value);
        at += size_t(c.bytes);
        ++pc;
        break;
      }
      case Op::run:
        at = runAt(step, at);
        ++pc;
        break;
      case Op::split: {
        const Block& known = block(at);
        const uint64_t bit = uint64_t(1) << (at % kBlock);
        if (known.failed[step.c] & bit) {
          ok = false;
        } else if (inLook && (known.succeeded[step.c] & bit)) {
          stack_.resize(base);
          return at;
        } else {
          stack_.push_back({pc, uint32_t(at), false});
          pc = step.a;
        }
        break;
      }
      case Op::jump:
        pc = step.a;
        break;
      case Op::look:
        ok = (match(step.a, at, true) != kNone) != (step.b != 0);
        pc = step.next;
        break;
      case Op::accept:
        if (inLook) {  // every split that is left on the stack lies on the way to here
          for (size_t i = base; i < stack_.size(); ++i) {
            block(stack_[i].at).succeeded[regex_.steps_[stack_[i].step].c] |= uint64_t(1) << (stack_[i].at % kBlock);
          }
        }
        stack_.resize(base);
        return at;
      default:
        ok = holds(step, at);
        ++pc;
    }
    while (!ok) {
      if (stack_.size() == base) return kNone;
      Entry& last = stack_.back();
      const Regex::Step& split = regex_.steps_[last.step];
      if (!last.tried) {
        last.tried = true;
        pc = split.b;
        at = last.at;
        ok = true;
      } else {
        block(last.at).failed[split.c] |= uint64_t(1) << (last.at % kBlock);
        stack_.pop_back();
      }
    }
  }
}

}  // namespace lemma
