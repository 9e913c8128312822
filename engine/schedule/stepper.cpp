#include "engine/schedule/stepper.h"

#include <algorithm>
#include <cmath>

namespace lemma {

Stepper::Stepper(std::unique_ptr<Executor> executor, KvCache cache, const Hparams& hparams, int maxRows,
                 bool readsHidden)
    : executor_(std::move(executor)),
      cache_(std::move(cache)),
      vocabulary_(hparams.vocabulary),
      embedding_(hparams.embedding),
      maxRows_(maxRows),
      readsHidden_(readsHidden) {
  running_.reserve(size_t(maxRows));
  for (auto* rows : {&tokens_, &seqOfRow_, &wantedRows_}) rows->reserve(size_t(maxRows));
  pageTable_.reserve(size_t(cache_.pagesOfOneSequence()) * size_t(Executor::kFewRows));
}

// Checks every row and finds the sequences of the batch.
Result<void> Stepper::readRows(const Batch& batch) {
  const size_t rows = batch.token.size();
  if (rows == 0 || batch.pos.size() != rows || batch.seq.size() != rows || batch.wantLogits.size() != rows) {
    return fail(Err::badValue, "a batch needs rows, and each of them a token, a position, a sequence and a wish");
  }
  if (rows > size_t(maxRows_)) {
    return fail(Err::badValue, "a batch of " + std::to_string(rows) + " rows, but the model was loaded for " +
                                   std::to_string(maxRows_));
  }
  running_.clear();
  tokens_.clear();
  seqOfRow_.clear();
  wantedRows_.clear();
  size_t at = 0;  // rows of a sequence mostly stand together
  for (size_t r = 0; r < rows; ++r) {
    const int token = int(batch.token[r]);
    if (token < 0 || token >= vocabulary_) {
      return fail(Err::badValue, "the token " + std::to_string(token) + " is outside the vocabulary of " +
                                     std::to_string(vocabulary_));
    }
    const SeqId seq = batch.seq[r];
    if (at >= running_.size() || running_[at].seq != seq) {
      const auto known = std::ranges::find(running_, seq, &Running::seq);
      at = size_t(known - running_.begin());
      if (known == running_.end()) {
        if (!cache_.contains(seq)) return fail(Err::badValue, "there is no sequence " + std::to_string(int(seq)));
        running_.push_back({seq, cache_.length(seq), cache_.length(seq)});
      }
    }
    if (batch.pos[r] != running_[at].next) {
      return fail(Err::badValue, "position " + std::to_string(batch.pos[r]) + " does not follow on the " +
                                     std::to_string(running_[at].next) + " positions of its sequence");
    }
    ++running_[at].next;
    tokens_.push_back(token);
    seqOfRow_.push_back(int32_t(at));
    if (batch.wantLogits[r]) wantedRows_.push_back(int32_t(r));
  }
  return {};
}

// Finds room for the new positions and lays down the page table.
Result<void> Stepper::reserve() {
  copies_.clear();
  Result<void> status;
  for (const Running& r : running_) {
    if (status) status = cache_.reserve(r.seq, r.next, copies_);
  }
  // Also where there was no room for all: the sequences that found it hold their new pages already.
  if (!copies_.empty()) LEMMA_CHECK(executor_->copyPages(copies_));
  if (!status) return status;
  const auto stride = size_t(cache_.pagesOfOneSequence());
  pageTable_.assign(running_.size() * stride, -1);
  for (size_t i = 0; i < running_.size(); ++i) {
    std::ranges::copy(cache_.pages(running_[i].seq), pageTable_.begin() + ptrdiff_t(i * stride));
  }
  return {};
}

Result<LogitsView> Stepper::forward(const Batch& batch, std::span<const float> hidden, const CancelFlag& cancel) {
  if (!executor_) return fail(Err::unsupported, "only the vocabulary of this model was loaded");
  LEMMA_CHECK(readRows(batch));
  if (hidden.size() != (readsHidden_ ? tokens_.size() * size_t(embedding_) : 0)) {
    return fail(Err::badValue, "the hidden states are not " + std::to_string(embedding_) + " numbers for each row");
  }
  const auto step = [&]() -> Result<std::span<float>> {
    LEMMA_CHECK(reserve());
    return executor_->run({.rows = int32_t(tokens_.size()),
                           .wanted = int32_t(wantedRows_.size()),
                           .tokens = tokens_.data(),
                           .pos = batch.pos.data(),
                           .seqOfRow = seqOfRow_.data(),
                           .pageTable = pageTable_.data(),
                           .pageTableStride = cache_.pagesOfOneSequence(),
                           .wantedRows = wantedRows_.data()},
                          cancel, hidden);
  };
  auto logits = step();
  if (logits && !std::ranges::all_of(*logits, [](float x) { return std::isfinite(x); })) {
    logits = fail(Err::badValue, std::string(kNotFinite));
  }
  for (const Running& r : running_) {
    if (logits) {
      cache_.commit(r.seq, r.next);
    } else {
      cache_.truncate(r.seq, r.before);  // as if the step had not been
    }
  }
  if (!logits) return tl::unexpected(std::move(logits).error());
  return LogitsView{*logits, vocabulary_, executor_->hidden()};
}

Result<void> Stepper::readPage(SeqId seq, int index, std::span<std::byte> out) const {
  const int tokens = std::min(cache_.pageTokens(), cache_.length(seq) - index * cache_.pageTokens());
  if (!executor_ || index < 0 || tokens < 1 || out.size() != executor_->pools().pageBytes())
    return fail(Err::badValue, "there is no page " + std::to_string(index) + " of the sequence to read");
  return executor_->pools().readPage(cache_.pages(seq)[size_t(index)], tokens, out);
}

Result<void> Stepper::appendPage(SeqId seq, std::span<const std::byte> bytes, int tokens) {
  const int before = cache_.length(seq), pageTokens = cache_.pageTokens();
  if (!executor_ || before % pageTokens != 0 || tokens < 1 || tokens > pageTokens ||
      bytes.size() != executor_->pools().pageBytes()) {
    return fail(Err::badValue, "the sequence cannot take a page at position " + std::to_string(before));
  }
  copies_.clear();
  LEMMA_CHECK(cache_.reserve(seq, before + tokens, copies_));  // a new page, so nothing is copied
  const auto written = executor_->pools().writePage(cache_.pages(seq)[size_t(before / pageTokens)], bytes);
  if (written) {
    cache_.commit(seq, before + tokens);
  } else {
    cache_.truncate(seq, before);
  }
  return written;
}

}  // namespace lemma
