#include "engine/speculate/draft_model_proposer.h"

#include <algorithm>

#include "engine/speculate/greedy.h"

namespace lemma {

Result<void> sameVocabulary(const Tokenizer& model, const Tokenizer& draft, const std::string& path) {
  constexpr int kMostPadding = 1024;
  if (std::abs(model.size() - draft.size()) > kMostPadding) {
    return fail(Err::unsupported, path + " cannot guess for this model: it has " + std::to_string(draft.size()) +
                                      " tokens and the model " + std::to_string(model.size()));
  }
  for (int i = 0; i < std::min(model.size(), draft.size()); ++i) {
    const std::string_view theirs = draft.piece(Token(i)), ours = model.piece(Token(i));
    if (theirs == ours) continue;
    return fail(Err::unsupported, path + " cannot guess for this model: its token " + std::to_string(i) + " is " +
                                      quotedName(theirs) + " and the model's " + quotedName(ours));
  }
  return {};
}

DraftModelProposer::DraftModelProposer(Model& draft, SequencePool& pool, int vocabulary, int rows,
                                       const CancelFlag& cancel)
    : draft_(draft), pool_(pool), vocabulary_(vocabulary), rows_(rows), cancel_(cancel) {}

DraftModelProposer::~DraftModelProposer() {
  if (hasSequence_) pool_.giveBack(seq_, held_);
}

Result<LogitsView> DraftModelProposer::pass(std::span<const Token> tokens) {
  batch_.clear();
  for (size_t i = 0; i < tokens.size(); ++i) {
    batch_.add(tokens[i], int(held_.size() + i), seq_, i + 1 == tokens.size());
  }
  auto logits = draft_.forward(batch_, cancel_);
  while (!logits && logits.error().code == Err::contextFull && pool_.evictOne()) {
    logits = draft_.forward(batch_, cancel_);
  }
  if (logits) held_.insert(held_.end(), tokens.begin(), tokens.end());
  return logits;
}

void DraftModelProposer::propose(std::span<const Token> text, int most, Proposal& out) {
  out.tokens.clear();
  out.grade = 0;
  if (broken_ || most < 1 || text.empty()) return;
  if (!hasSequence_) {
    const SequencePool::Lease lease = pool_.take(text);
    seq_ = lease.seq;
    hasSequence_ = true;
    held_.assign(text.begin(), text.begin() + lease.cached);
  }
  // Guesses that were wrong are still there; the last token is always computed, for its logits.
  const auto same = std::mismatch(held_.begin(), held_.end(), text.begin(), text.end() - 1).first;
  held_.erase(same, held_.end());
  draft_.truncate(seq_, int(held_.size()));
  Result<LogitsView> logits = LogitsView{};
  while (logits && held_.size() < text.size()) {
    logits = pass(text.subspan(held_.size(), std::min(text.size() - held_.size(), size_t(rows_))));
  }
  while (logits) {
    const Token next = likeliest(logits->row(0));
    if (int(next) >= vocabulary_) break;
    out.tokens.push_back(next);
    if (int(out.tokens.size()) == most) break;
    logits = pass(std::span(out.tokens).last(1));
  }
  if (!logits && logits.error().code != Err::cancelled) broken_ = true;
}

}  // namespace lemma
