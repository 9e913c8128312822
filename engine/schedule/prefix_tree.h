// Which token sequences the KV cache keeps between requests, as a tree: what two of them begin with is one path. Each
// leaf stands for a sequence of the cache; a node between is held by the sequences below it, which share its pages.
// Only bookkeeping: the SequencePool forks, shortens and drops sequences as it is told. Owner: the SequencePool.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/api/types.h"

namespace lemma {

class PrefixTree {
 public:
  PrefixTree();
  ~PrefixTree();

  struct Match {
    SeqId seq{};     // a sequence that begins with it
    int length = 0;  // tokens; 0 = nothing is known
  };
  // The longest known beginning of `tokens`. It counts as used now.
  Match find(std::span<const Token> tokens);

  // Takes a sequence that holds exactly `tokens`. Returns the one that is not needed any more, if any: it may be that
  // of a leaf that `tokens` goes on from, or `seq` itself where all of it is known.
  std::optional<SeqId> insert(SeqId seq, std::span<const Token> tokens);

  // The leaf that was used longest ago goes, up to where another path leaves it or one of insert()'s sequences ended:
  // `seq` keeps its first `keep` tokens, or is to be dropped where that is 0. False where the tree is empty.
  struct Eviction {
    SeqId seq{};
    int keep = 0;
  };
  std::optional<Eviction> evictOldest();

  std::vector<SeqId> sequences() const;  // of all leaves

 private:
  struct Node;

  Node& split(Node& node, size_t at);
  std::pair<Node*, size_t> walk(std::span<const Token> tokens);

  std::unique_ptr<Node> root_;
  uint64_t clock_ = 0;
};

}  // namespace lemma
