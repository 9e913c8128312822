#include "engine/memory/kv_cache.h"

#include <algorithm>
#include <string>

namespace lemma {

KvCache::KvCache(int pages, int pageTokens, int maxLength)
    : pageTokens_(pageTokens), maxLength_(maxLength), users_(size_t(pages), 0) {
  for (int page = pages; page-- > 0;) free_.push_back(page);
}

int32_t KvCache::take() {
  const int32_t page = free_.back();
  free_.pop_back();
  users_[size_t(page)] = 1;
  return page;
}

void KvCache::giveBack(int32_t page) {
  if (--users_[size_t(page)] == 0) free_.push_back(page);
}

void KvCache::shrink(Sequence& s, int length) {
  const auto keep = size_t((length + pageTokens_ - 1) / pageTokens_);
  while (s.pages.size() > keep) {
    giveBack(s.pages.back());
    s.pages.pop_back();
  }
  s.length = std::min(s.length, length);
}

SeqId KvCache::create() {
  const SeqId id{nextSeq_++};
  sequences_[id].pages.reserve(size_t(pagesOfOneSequence()));  // no allocation while tokens are generated
  return id;
}

void KvCache::drop(SeqId seq) {
  const auto it = sequences_.find(seq);
  if (it == sequences_.end()) return;
  shrink(it->second, 0);
  sequences_.erase(it);
}

void KvCache::truncate(SeqId seq, int length) {
  const auto it = sequences_.find(seq);
  if (it != sequences_.end()) shrink(it->second, std::clamp(length, 0, it->second.length));
}

int KvCache::length(SeqId seq) const {
  const auto it = sequences_.find(seq);
  return it == sequences_.end() ? 0 : it->second.length;
}

Result<SeqId> KvCache::fork(SeqId seq, int length) {
  if (!contains(seq)) return fail(Err::badValue, "there is no sequence " + std::to_string(int(seq)) + " to fork");
  const int kept = std::clamp(length, 0, this->length(seq));
  const SeqId id = create();
  const Sequence& from = sequences_.at(seq);
  Sequence& to = sequences_.at(id);
  to.length = kept;
  to.pages.assign(from.pages.begin(), from.pages.begin() + (kept + pageTokens_ - 1) / pageTokens_);
  for (const int32_t page : to.pages) ++users_[size_t(page)];
  return id;
}

Result<void> KvCache::reserve(SeqId seq, int length, std::vector<PageCopy>& copies) {
  const auto it = sequences_.find(seq);
  if (it == sequences_.end()) return fail(Err::badValue, "there is no sequence " + std::to_string(int(seq)));
  Sequence& s = it->second;
  if (length > maxLength_) {
    return fail(Err::contextFull, "the context of " + std::to_string(maxLength_) + " tokens is full");
  }
  const auto want = size_t((length + pageTokens_ - 1) / pageTokens_);
  // Only the page of the next position can be shared and written: later ones are new.
  const auto next = size_t(s.length / pageTokens_);
  const bool shared = length > s.length && next < s.pages.size() && users_[size_t(s.pages[next])] > 1;
  const size_t fresh = want > s.pages.size() ? want - s.pages.size() : 0;
  if (fresh + (shared ? 1 : 0) > free_.size()) {
    return fail(Err::contextFull, "the cache of " + std::to_string(users_.size() * size_t(pageTokens_)) +
                                      " tokens for all conversations is full");
  }
  if (shared) {
    const int32_t page = take();
    copies.push_back({s.pages[next], page});
    giveBack(s.pages[next]);
    s.pages[next] = page;
  }
  while (s.pages.size() < want) s.pages.push_back(take());
  return {};
}

void KvCache::commit(SeqId seq, int length) {
  const auto it = sequences_.find(seq);
  if (it != sequences_.end()) it->second.length = std::min(length, int(it->second.pages.size()) * pageTokens_);
}

std::span<const int32_t> KvCache::pages(SeqId seq) const {
  const auto it = sequences_.find(seq);
  if (it == sequences_.end()) return {};
  return it->second.pages;
}

}  // namespace lemma
