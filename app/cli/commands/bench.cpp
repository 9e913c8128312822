// bench: tokens per second of prompts and of generation, at several depths of context.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <numeric>

#include "app/cli/commands/commands.h"
#include "app/cli/exit_code.h"
#include "app/cli/feed.h"
#include "app/cli/input.h"
#include "app/cli/interrupt.h"
#include "app/cli/options.h"
#include "app/cli/output.h"

namespace lemma::cli {
namespace {

struct BenchOptions {
  ModelOptions model;
  std::vector<std::string> models;
  std::vector<int> prompt{512}, generate{128}, depths{0};
  int repeats = 3;
  bool json = false, verbose = false;
};

// Tokens of a vocabulary by a linear congruence (Knuth's MMIX constants): the same on every machine and run.
class RandomTokens {
 public:
  explicit RandomTokens(int vocabulary) : vocabulary_(uint64_t(vocabulary)) {}
  std::vector<Token> take(int count) {
    std::vector<Token> tokens(static_cast<size_t>(count));
    for (Token& token : tokens) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      token = Token((state_ >> 33) % vocabulary_);
    }
    return tokens;
  }

 private:
  uint64_t vocabulary_, state_ = 1;
};

class Bench {
 public:
  Bench(Model& model, int batch, const Interrupt& interrupt)
      : model_(model),
        batch_(batch),
        interrupt_(interrupt),
        random_(model.info().vocabulary),
        seq_(model.newSequence()) {}

  // Fills the cache up to `depth`; shorter depths must come first.
  Result<void> fill(int depth) {
    const std::vector<Token> tokens = random_.take(depth - model_.length(seq_));
    return run(tokens, batch_);
  }

  // Tokens per second of each repeat, after one that warms up. A prompt is one run with logits for its last token,
  // generation one run a token; the cache goes back to the depth afterwards.
  Result<std::vector<double>> time(bool prompt, int count, int repeats) {
    const int depth = model_.length(seq_);
    std::vector<double> samples;
    for (int i = 0; i <= repeats; ++i) {
      const std::vector<Token> tokens = random_.take(count);
      const auto start = std::chrono::steady_clock::now();
      LEMMA_CHECK(run(tokens, prompt ? batch_ : 1, !prompt));
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      model_.truncate(seq_, depth);
      if (i > 0) samples.push_back(count / took.count());
    }
    return samples;
  }

 private:
  Result<void> run(std::span<const Token> tokens, int chunk, bool everyRow = false) {
    const size_t from = everyRow ? 0 : std::max<size_t>(tokens.size(), 1) - 1;
    return feed(model_, seq_, tokens, chunk, from, tokens.size(), interrupt_.flag(),
                [](const LogitsView&, int) { return Result<void>(); });
  }

  Model& model_;
  int batch_;
  const Interrupt& interrupt_;
  RandomTokens random_;
  SeqId seq_;
};

void printRow(const Json& row) {
  const auto& samples = row["samples"];
  std::string range;
  for (const auto& sample : samples) range += " " + fixed(sample.get<double>(), 1);
  std::printf("%-44s %-8s %6d at depth %6d, %d threads: %8.1f tok/s  (%s )\n",
              row["model"].get_ref<const std::string&>().c_str(), row["kind"].get_ref<const std::string&>().c_str(),
              row["tokens"].get<int>(), row["depth"].get<int>(), row["threads"].get<int>(), row["tps"].get<double>(),
              range.c_str());
  std::fflush(stdout);
}

Result<void> benchModel(const BenchOptions& o, const std::string& path, const Interrupt& interrupt, Json& rows) {
  std::vector<int> depths = o.depths;
  std::sort(depths.begin(), depths.end());
  depths.erase(std::unique(depths.begin(), depths.end()), depths.end());
  int longest = 0;
  for (const int count : o.prompt) longest = std::max(longest, count);
  for (const int count : o.generate) longest = std::max(longest, count);

  ModelOptions modelOptions = o.model;
  modelOptions.path = path;
  LoadOptions options = loadOptions(modelOptions);
  options.context = depths.back() + longest;
  LEMMA_TRY(model, Model::load(options, {}, interrupt.token()));
  const auto devices = model->devices();
  Bench bench(*model, options.batch, interrupt);
  for (const int depth : depths) {
    LEMMA_CHECK(bench.fill(depth));
    for (const bool prompt : {true, false}) {
      for (const int count : prompt ? o.prompt : o.generate) {
        if (count == 0) continue;
        const auto before = model->expertStats();
        LEMMA_TRY(samples, bench.time(prompt, count, o.repeats));
        if (o.verbose && before) std::fprintf(stderr, "%s\n", expertLine(model->expertStats()->since(*before)).c_str());
        const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / double(samples.size());
        const int threads = devices.empty() ? 0 : prompt ? devices[0].promptThreads : devices[0].threads;
        rows.push_back({{"schema", "lemma.bench/1"},
                        {"model", options.path.substr(options.path.rfind('/') + 1)},
                        {"kind", prompt ? "prompt" : "generate"},
                        {"tokens", count},
                        {"depth", depth},
                        {"threads", threads},
                        {"tps", mean},
                        {"samples", samples},
                        {"device", devices.empty() ? "" : devices[0].name}});
        if (!o.json) printRow(rows.back());
      }
    }
  }
  return {};
}

int bench(const BenchOptions& o) {
  Interrupt interrupt;
  Json rows = Json::array();
  std::vector<std::string> models = o.models;
  if (models.empty()) models.push_back(defaultModelPath());
  for (const std::string& path : models) {
    const auto done = benchModel(o, path, interrupt, rows);
    if (done) continue;
    if (o.json && !rows.empty()) printJson(rows, true);
    return report(done.error());
  }
  if (o.json) printJson(rows, true);
  return kDone;
}

}  // namespace

void addBench(CommandLine& line) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App& app =
      *line.app.add_subcommand("bench", "Tokens per second, with random tokens; tps is the mean of the samples");
  app.add_option("-m,--model", options->models,
                 "Model: a GGUF file, the first of a split one, or a Hugging Face folder; repeatable")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->default_str("the default model");
  addIntegers(app, "-p,--prompt", options->prompt, 0, kMaxContext, "Tokens of a prompt; 0 leaves prompts out");
  addIntegers(app, "-n,--generate", options->generate, 0, kMaxContext, "Tokens to generate; 0 leaves generation out");
  addIntegers(app, "-d,--depth", options->depths, 0, kMaxContext, "Tokens in the cache before");
  addInteger(app, "-r,--repeat", options->repeats, 1, 1000, "Samples of each, after one that warms up");
  app.add_flag("--json", options->json, "A JSON array of objects, schema lemma.bench/1");
  app.add_flag("--verbose", options->verbose, "Also say what was read of experts, the warming up included");
  addComputeOptions(app, options->model);
  app.callback([&line, options] { line.chosen = [options] { return bench(*options); }; });
}

}  // namespace lemma::cli
