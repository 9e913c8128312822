#include "engine/speculate/draft_layer_proposer.h"

#include <algorithm>

#include "engine/speculate/greedy.h"

namespace lemma {

namespace {
constexpr size_t kMostWaiting = 64;  // rows; a layer that was not asked for longer begins anew
}

DraftLayerProposer::DraftLayerProposer(Stepper& layer, int embedding, int rows, const CancelFlag& cancel)
    : layer_(layer), embedding_(size_t(embedding)), rows_(rows), cancel_(cancel), seq_(layer.cache().create()) {}

DraftLayerProposer::~DraftLayerProposer() { layer_.cache().drop(seq_); }

void DraftLayerProposer::restart(int first) {
  layer_.cache().truncate(seq_, 0);
  waiting_.clear();
  first_ = first;
  known_ = 0;
}

void DraftLayerProposer::read(int first, std::span<const float> hidden) {
  const auto next = first_ + known_ + int(waiting_.size() / embedding_);
  if (first != next || waiting_.size() + hidden.size() > kMostWaiting * embedding_) restart(first);
  waiting_.insert(waiting_.end(), hidden.begin(), hidden.end());
}

Result<LogitsView> DraftLayerProposer::pass(std::span<const Token> tokens, std::span<const float> hidden) {
  batch_.clear();
  const int from = layer_.cache().length(seq_);
  for (size_t i = 0; i < tokens.size(); ++i) batch_.add(tokens[i], from + int(i), seq_, i + 1 == tokens.size());
  return layer_.forward(batch_, hidden, cancel_);
}

void DraftLayerProposer::propose(std::span<const Token> text, int most, Proposal& out) {
  out.tokens.clear();
  out.grade = 0;
  // Its row at a position reads the token behind that position.
  const auto rows =
      size_t(std::clamp<int64_t>(int64_t(text.size()) - 1 - first_ - known_, 0, int64_t(waiting_.size() / embedding_)));
  if (broken_ || rows == 0 || most < 1) return;
  Result<LogitsView> logits = LogitsView{};
  for (size_t at = 0; at < rows && logits;) {
    const size_t n = std::min(rows - at, size_t(rows_));
    logits = pass(text.subspan(size_t(first_ + known_) + 1, n),
                  std::span(waiting_).subspan(at * embedding_, n * embedding_));
    if (logits) known_ += int(n);
    at += n;
  }
  if (logits) waiting_.erase(waiting_.begin(), waiting_.begin() + ptrdiff_t(rows * embedding_));
  while (logits) {
    out.tokens.push_back(likeliest(logits->row(0)));
    if (int(out.tokens.size()) == most) break;
    own_.assign(logits->hidden.begin(), logits->hidden.end());
    logits = pass(std::span(out.tokens).last(1), own_);
  }
  if (!logits) {
    broken_ = logits.error().code != Err::cancelled && logits.error().code != Err::contextFull;
    restart(int(text.size()));
    return;
  }
  layer_.cache().truncate(seq_, known_);
}

}  // namespace lemma
