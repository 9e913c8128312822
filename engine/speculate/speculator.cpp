#include "engine/speculate/speculator.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace lemma {

namespace {
constexpr int kMostTrials = 4, kLongestRest = 512;
}

Speculator::Speculator(std::vector<std::unique_ptr<Proposer>> proposers, Rule rule) : rule_(rule) {
  for (auto& p : proposers) {
    members_.push_back({.proposer = std::move(p)});
    members_.back().proposal.tokens.reserve(StepCost::kMostRows);  // no allocation while tokens are generated
  }
}

bool Speculator::readsHidden() const {
  return std::ranges::any_of(members_, [](const Member& m) { return m.proposer->readsHidden(); });
}

void Speculator::read(int first, std::span<const float> hidden) {
  for (Member& m : members_) m.proposer->read(first, hidden);
}

// Compares the last guess with what the text became.
void Speculator::judge(Member& member, std::span<const Token> text) {
  if (!std::exchange(member.open, false)) return;
  const std::vector<Token>& tokens = member.proposal.tokens;
  const size_t looked = std::min(std::max<size_t>(member.checked, 1), tokens.size());
  for (size_t i = 0; i < looked && member.at + i < text.size(); ++i) {
    const bool right = tokens[i] == text[member.at + i];
    member.gauge.saw(member.proposal.grade, right);
    if (!right) return;
  }
}

// Lets it guess, and says how many of its guesses are to be checked.
size_t Speculator::ask(Member& member, std::span<const Token> text, int most, const StepCost& cost,
                       const Pass& pass) const {
  Proposer& proposer = *member.proposer;
  const auto best = [&](int grade, int n) {
    return member.gauge.best(grade, n, cost, pass.rows, pass.draws, member.guessMs);
  };
  const bool askedBefore = std::exchange(member.askedBefore, false);
  const bool choosy = rule_ == Rule::wherePays;
  int wanted = most;
  if (choosy && !proposer.cheap()) {
    if (member.rest > 0) {
      --member.rest;
      return 0;
    }
    wanted = best(0, most);
    if (wanted > 0) {
      member.nextRest = kFirstRest;
      member.trials = 0;
    } else if (++member.trials > kMostTrials) {
      member.trials = 0;
      member.rest = member.nextRest;
      member.nextRest = std::min(2 * member.nextRest, kLongestRest);
      return 0;
    } else {
      wanted = std::min(most, 2);
    }
  }
  const auto started = std::chrono::steady_clock::now();
  proposer.propose(text, wanted, member.proposal);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - started;
  const auto made = int(member.proposal.tokens.size());
  if (made == 0) return 0;
  member.open = true;
  member.at = text.size();
  if (choosy && proposer.cheap()) return size_t(best(member.proposal.grade, made));
  if (askedBefore) {
    const double each = took.count() / made;
    member.guessMs += member.guessMs == 0 ? each : (std::min(each, 2 * member.guessMs) - member.guessMs) / 8;
  }
  member.askedBefore = true;
  return size_t(made);
}

std::span<const Token> Speculator::guess(std::span<const Token> text, int most, const StepCost& cost,
                                         const Pass& pass) {
  for (Member& m : members_) judge(m, text);
  if (most < 1) return {};
  for (Member& m : members_) {
    m.checked = ask(m, text, most, cost, pass);
    if (m.checked > 0) return std::span(m.proposal.tokens).first(m.checked);
  }
  return {};
}

}  // namespace lemma
