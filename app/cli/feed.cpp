#include "app/cli/feed.h"

#include <algorithm>

namespace lemma::cli {

Result<void> feed(Model& model, SeqId seq, std::span<const Token> tokens, int chunk, size_t wantFrom, size_t wantTo,
                  const CancelFlag& cancel, const RowsSink& rows) {
  Batch batch;
  for (size_t at = 0; at < tokens.size();) {
    batch.clear();
    const size_t end = std::min(tokens.size(), at + size_t(chunk));
    int wanted = 0;
    const int base = model.length(seq) - int(at);
    for (size_t i = at; i < end; ++i) {
      const bool want = i >= wantFrom && i < wantTo;
      wanted += want;
      batch.add(tokens[i], base + int(i), seq, want);
    }
    if (cancel) return fail(Err::cancelled, "Interrupted.");
    LEMMA_TRY(logits, model.forward(batch, cancel));
    if (wanted > 0) LEMMA_CHECK(rows(logits, wanted));
    at = end;
  }
  return {};
}

}  // namespace lemma::cli
