// logits: what the model says after each token of a list, as a NumPy file.
#include <algorithm>
#include <memory>

#include "app/cli/commands/commands.h"
#include "app/cli/exit_code.h"
#include "app/cli/feed.h"
#include "app/cli/input.h"
#include "app/cli/interrupt.h"
#include "app/cli/npy.h"
#include "app/cli/options.h"
#include "app/cli/output.h"

namespace lemma::cli {
namespace {

struct LogitsOptions {
  ModelOptions model;
  std::string tokens, out;
  int last = 0, chunk = 0;
};

// "1,2,3" or @FILE. Ids are held against the vocabulary when the model is there.
Result<std::vector<Token>> tokensOf(const LogitsOptions& o) {
  std::string text = o.tokens, origin = "--tokens";
  if (text.substr(0, 1) == "@") {
    origin = text.substr(1);
    LEMMA_TRY(content, readFile(origin, kMaxJsonBytes));
    text = std::move(content);
  }
  LEMMA_TRY(ids, parseTokenIds(text, std::numeric_limits<int32_t>::max(), origin));
  if (ids.empty()) return fail(Err::badValue, origin + " has no tokens.");
  if (ids.size() > size_t(kMaxContext)) return fail(Err::tooLarge, origin + " has more tokens than any context holds.");
  return ids;
}

Result<void> logits(const LogitsOptions& o) {
  Interrupt interrupt;
  LEMMA_TRY(tokens, tokensOf(o));
  LoadOptions options = loadOptions(o.model);
  if (options.context == 0) options.context = int(tokens.size());
  LEMMA_TRY(model, Model::load(options, {}, interrupt.token()));
  const int vocabulary = model->info().vocabulary;
  for (const Token id : tokens) {
    if (int(id) >= vocabulary) {
      return fail(Err::badValue, "Token " + std::to_string(int(id)) + " is outside the vocabulary of " +
                                     std::to_string(vocabulary) + ".");
    }
  }
  const size_t rows = o.last > 0 ? std::min(size_t(o.last), tokens.size()) : tokens.size();
  LEMMA_TRY(file, NpyWriter::create(o.out, rows, size_t(vocabulary)));
  const int chunk = o.chunk > 0 ? std::min(o.chunk, options.batch) : options.batch;
  LEMMA_CHECK(feed(*model, model->newSequence(), tokens, chunk, tokens.size() - rows, tokens.size(), interrupt.flag(),
                   [&](const LogitsView& view, int count) {
                     return file.write(view.data.first(size_t(count) * size_t(vocabulary)));
                   }));
  return file.finish();
}

}  // namespace

void addLogits(CommandLine& line) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App& app =
      *line.app.add_subcommand("logits", "Logits of given tokens as a NumPy file, float32 [tokens, vocabulary]");
  addModelPath(app, options->model.path);
  app.add_option("--tokens", options->tokens,
                 "Token ids 1,2,3, or @FILE with such a list or a JSON array; no bos is added")
      ->type_name("LIST")
      ->required();
  app.add_option("--out", options->out, "The file to write")->type_name("FILE.npy")->required();
  addInteger(app, "--last", options->last, 1, kMaxContext, "Only the last N tokens' rows")->default_str("all");
  addInteger(app, "--chunk", options->chunk, 1, kMaxContext, "Feed the tokens in pieces of N")->default_str("--batch");
  addContextOption(app, options->model);
  addComputeOptions(app, options->model);
  app.callback([&line, options] {
    line.chosen = [options] {
      const auto done = logits(*options);
      return done ? int(kDone) : report(done.error());
    };
  });
}

}  // namespace lemma::cli
