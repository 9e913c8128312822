// Runs tokens through a model without sampling: what logits, bench and perplexity are made of.
// Owner: a command, on the thread that owns the model.
#pragma once

#include <functional>
#include <span>

#include "engine/model.h"

namespace lemma::cli {

// Called with the logits of wanted tokens, in order; a view dies with the call.
using RowsSink = std::function<Result<void>(const LogitsView& rows, int count)>;

// Appends `tokens` to the sequence, in passes of at most `chunk`; the rows of tokens [wantFrom, wantTo) go to `rows`.
Result<void> feed(Model& model, SeqId seq, std::span<const Token> tokens, int chunk, size_t wantFrom, size_t wantTo,
                  const CancelFlag& cancel, const RowsSink& rows);

}  // namespace lemma::cli
