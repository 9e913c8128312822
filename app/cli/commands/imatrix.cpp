// imatrix: which input columns of a model's matrices matter, measured while it reads a text; for quantize.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "app/cli/commands/commands.h"
#include "app/cli/commands/perplexity.h"
#include "app/cli/exit_code.h"
#include "app/cli/feed.h"
#include "app/cli/output.h"
#include "engine/quantise/imatrix_collector.h"

namespace lemma::cli {
namespace {

constexpr int kMostRows = 64;  // of a pass: logits are made for each of them

struct ImatrixOptions {
  ModelOptions model;
  std::string text, out;
  int windows = 0;
};

Result<Imatrix> gather(const ImatrixOptions& o) {
  const Interrupt interrupt;
  LEMMA_TRY(text, readFile(o.text, kMaxTextBytes));
  ImatrixCollector collector;
  LoadOptions load = loadOptions(o.model);
  load.context = kWindow;
  load.batch = std::min(load.batch, kMostRows);
  load.observer = &collector;
  LEMMA_TRY(model, Model::load(load, {}, interrupt.token()));
  if (!model->tokenizer()) return fail(Err::unsupported, load.path + ": " + model->withoutTokenizer() + ".");
  const std::vector<Token> tokens = windowTokens(*model->tokenizer(), text);
  LEMMA_TRY(windows, countWindows(tokens, o.windows, o.text));
  ProgressLine progress;
  for (size_t w = 0; w < windows; ++w) {
    const SeqId seq = model->newSequence();
    // Every row is wanted, so that the head sees them all.
    LEMMA_CHECK(feed(*model, seq, std::span(tokens).subspan(w * kWindow, kWindow), load.batch, 0, kWindow,
                     interrupt.flag(), [](const LogitsView&, int) -> Result<void> { return {}; }));
    model->drop(seq);
    progress.show("Window " + std::to_string(w + 1) + " of " + std::to_string(windows));
  }
  Imatrix imatrix = collector.imatrix(*model);
  imatrix.datasets = {std::filesystem::path(o.text).filename().string()};
  imatrix.chunks = uint32_t(windows);
  imatrix.chunkTokens = kWindow;
  LEMMA_CHECK(writeImatrix(imatrix, o.out));
  return imatrix;
}

}  // namespace

void addImatrix(CommandLine& line) {
  auto options = std::make_shared<ImatrixOptions>();
  CLI::App& app =
      *line.app.add_subcommand("imatrix", "Measure which columns of a model's matrices matter, over a text");
  addModelPath(app, options->model.path);
  app.add_option("--text", options->text, "The text, of many kinds and thousands of tokens")
      ->type_name("FILE")
      ->required();
  app.add_option("-o,--out", options->out, "The importance matrix, a GGUF file")->type_name("FILE")->required();
  addInteger(app, "--windows", options->windows, 1, kMaxContext, "Only the first N windows of 512 tokens")
      ->default_str("all");
  addComputeOptions(app, options->model);
  app.callback([&line, options] {
    line.chosen = [options] {
      const auto done = gather(*options);
      if (!done) return report(done.error());
      std::fprintf(stderr, "%zu matrices over %u windows of %u tokens\n", done->entries.size(), done->chunks,
                   done->chunkTokens);
      return int(kDone);
    };
  });
}

}  // namespace lemma::cli
