#include "engine/schedule/sequence_pool.h"

#include <algorithm>

namespace lemma {

namespace {
constexpr size_t kMostIdle = 4;

int sharedPrefix(std::span<const Token> a, std::span<const Token> b) {
  const size_t n = std::min(a.size(), b.size());
  return int(std::mismatch(a.begin(), a.begin() + n, b.begin()).first - a.begin());
}
}  // namespace

SequencePool::~SequencePool() {
  for (const Idle& i : idle_) model_.drop(i.seq);
}

SequencePool::Lease SequencePool::take(std::span<const Token> prompt) {
  int bestLength = 0;
  auto best = idle_.end();
  for (auto it = idle_.begin(); it != idle_.end(); ++it) {
    const int n = sharedPrefix(it->tokens, prompt);
    if (n > bestLength) {
      bestLength = n;
      best = it;
    }
  }
  if (best == idle_.end()) return {model_.newSequence(), 0};
  const SeqId seq = best->seq;
  // The last token is always computed: its logits are where the answer starts.
  const int keep = std::min(bestLength, int(prompt.size()) - 1);
  model_.truncate(seq, keep);
  idle_.erase(best);
  return {seq, keep};
}

void SequencePool::giveBack(SeqId seq, std::vector<Token> tokens) {
  tokens.resize(std::min<size_t>(tokens.size(), size_t(model_.length(seq))));
  idle_.push_back({seq, std::move(tokens), ++clock_});
  while (idle_.size() > kMostIdle) evictOne();
}

bool SequencePool::evictOne() {
  if (idle_.empty()) return false;
  auto oldest =
      std::min_element(idle_.begin(), idle_.end(), [](const Idle& a, const Idle& b) { return a.lastUse < b.lastUse; });
  model_.drop(oldest->seq);
  idle_.erase(oldest);
  return true;
}

}  // namespace lemma
