#include "engine/schedule/sequence_pool.h"

#include <algorithm>

namespace lemma {

namespace {
constexpr size_t kMostKept = 64;  // sequences; mostly the pages run out first
}

SequencePool::~SequencePool() {
  for (const SeqId seq : tree_.sequences()) model_.drop(seq);
}

SequencePool::Lease SequencePool::take(std::span<const Token> prompt, int toCompute) {
  const size_t most = prompt.size() - std::min(prompt.size(), size_t(std::max(toCompute, 1)));
  const PrefixTree::Match known = tree_.find(prompt.first(most));
  if (known.length > 0) {
    if (const auto fork = model_.fork(known.seq, known.length)) return {*fork, known.length};
  }
  return {model_.newSequence(), 0};
}

void SequencePool::keep(SeqId seq, std::span<const Token> tokens) {
  if (const auto fork = model_.fork(seq, int(tokens.size()))) giveBack(*fork, tokens);
}

void SequencePool::giveBack(SeqId seq, std::span<const Token> tokens) {
  const auto held = std::min(tokens.size(), size_t(model_.length(seq)));
  if (const auto needless = tree_.insert(seq, tokens.first(held))) model_.drop(*needless);
  while (tree_.sequences().size() > kMostKept) evictOne();
}

bool SequencePool::evictOne() {
  const auto evicted = tree_.evictOldest();
  if (!evicted) return false;
  if (evicted->keep > 0) {
    model_.truncate(evicted->seq, evicted->keep);
  } else {
    model_.drop(evicted->seq);
  }
  return true;
}

}  // namespace lemma
