// Which pages of the KV pools hold which positions of which sequence. Only bookkeeping: the pools are KvPools'.
// Pages are shared between forks and copied when one of them writes. Owner: the Model; the engine's thread.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/api/types.h"

namespace lemma {

// The page `from` must be copied to the page `to` in every layer before the next write.
struct PageCopy {
  int32_t from = 0, to = 0;
  bool operator==(const PageCopy&) const = default;
};

class KvCache {
 public:
  // `maxLength`: most positions of one sequence.
  KvCache(int pages, int pageTokens, int maxLength);

  SeqId create();
  bool contains(SeqId seq) const { return sequences_.contains(seq); }
  void drop(SeqId seq);                       // unknown ones are ignored
  void truncate(SeqId seq, int length);       // keeps the first `length` positions
  int length(SeqId seq) const;                // 0 for unknown ones
  Result<SeqId> fork(SeqId seq, int length);  // shares pages until one of the two writes

  // Makes positions up to `length` writable and adds to `copies` what must be copied first.
  // Err::contextFull, with nothing changed, where pages or positions do not suffice.
  Result<void> reserve(SeqId seq, int length, std::vector<PageCopy>& copies);
  // The positions up to `length` are written.
  void commit(SeqId seq, int length);

  std::span<const int32_t> pages(SeqId seq) const;  // of reserved positions, in order
  int pagesFree() const { return int(free_.size()); }
  int pagesUsed() const { return int(users_.size() - free_.size()); }
  int pageTokens() const { return pageTokens_; }
  int maxLength() const { return maxLength_; }
  int pagesOfOneSequence() const { return (maxLength_ + pageTokens_ - 1) / pageTokens_; }

 private:
  struct Sequence {
    std::vector<int32_t> pages;
    int length = 0;
  };
  int32_t take();
  void giveBack(int32_t page);
  void shrink(Sequence& s, int length);

  const int pageTokens_, maxLength_;
  int32_t nextSeq_ = 0;
  std::vector<int32_t> users_;  // sequences that hold a page
  std::vector<int32_t> free_;   // the next page to take is the last
  std::unordered_map<SeqId, Sequence> sequences_;
};

}  // namespace lemma
