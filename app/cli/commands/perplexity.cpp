// perplexity: how well a model foretells a text, and how far it is from another model of the same vocabulary.
// Windows as llama.cpp's perplexity tool has them: 512 tokens each, the first token of each replaced by bos where the
// model asks for one, and only the second half scored, so that every scored token has context.
#include "app/cli/commands/perplexity.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>

#include "app/cli/commands/commands.h"
#include "app/cli/exit_code.h"
#include "app/cli/feed.h"
#include "app/cli/input.h"
#include "app/cli/interrupt.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "engine/tokenizer/tokenizer.h"

namespace lemma::cli {
namespace {

constexpr size_t kFirstScored = kWindow / 2;  // the row of this token foretells the next

// Negative log likelihoods of single tokens and their mean.
class Likelihood {
 public:
  void add(double nll) {
    sum_ += nll;
    squares_ += nll * nll;
    ++count_;
  }
  int64_t count() const { return count_; }
  double perplexity() const { return std::exp(sum_ / double(count_)); }
  // Standard error of the perplexity, from that of the mean.
  double uncertainty() const {
    const double mean = sum_ / double(count_), variance = squares_ / double(count_) - mean * mean;
    return count_ > 1 && variance > 0 ? std::sqrt(variance / double(count_ - 1)) * perplexity() : 0;
  }

 private:
  double sum_ = 0, squares_ = 0;
  int64_t count_ = 0;
};

// log softmax: out[i] = logits[i] - log(sum of exp(logits))
void logProbabilities(std::span<const float> logits, std::span<float> out) {
  const float top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double(logit - top));
  const double shift = double(top) + std::log(sum);
  for (size_t i = 0; i < logits.size(); ++i) out[i] = float(double(logits[i]) - shift);
}

// Kullback-Leibler divergence of q from p, both as log probabilities; in nats.
double divergence(std::span<const float> p, std::span<const float> q) {
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] > -80) sum += std::exp(double(p[i])) * (double(p[i]) - double(q[i]));
  }
  return sum;
}

size_t likeliest(std::span<const float> values) {
  return size_t(std::max_element(values.begin(), values.end()) - values.begin());
}

class Comparison {
 public:
  void add(std::span<const float> base, std::span<const float> ours) {
    divergences_.push_back(divergence(base, ours));
    sameTop_ += likeliest(base) == likeliest(ours);
  }
  Json toJson() {
    std::sort(divergences_.begin(), divergences_.end());
    double sum = 0;
    for (const double d : divergences_) sum += d;
    const auto percentile = [&](double share) {
      return divergences_[size_t(std::lround(share * double(divergences_.size() - 1)))];
    };
    return {{"kl",
             {{"mean", sum / double(divergences_.size())},
              {"median", percentile(0.5)},
              {"p90", percentile(0.9)},
              {"p95", percentile(0.95)},
              {"p99", percentile(0.99)},
              {"p999", percentile(0.999)},
              {"max", divergences_.back()}}},
            {"same_top", double(sameTop_) / double(divergences_.size())}};
  }

 private:
  std::vector<double> divergences_;
  int64_t sameTop_ = 0;
};

Result<std::unique_ptr<Model>> loadFor(const PerplexityOptions& o, const std::string& path, const std::string& kv,
                                       const Interrupt& interrupt) {
  LoadOptions options = loadOptions(o.model);
  if (!path.empty()) options.path = path;
  options.kvType = kv;
  options.context = kWindow;
  LEMMA_TRY(model, Model::load(options, {}, interrupt.token()));
  if (!model->tokenizer()) return fail(Err::unsupported, options.path + ": " + model->withoutTokenizer() + ".");
  return model;
}

// The cache's type, and what a token takes of it: the quality that is measured beside its price.
Json cacheOf(const Model& model, const std::string& type) {
  const CacheShape shape = model.cacheShape();
  return {{"type", type}, {"bytes_per_token", double(shape.pageBytes) / shape.pageTokens}};
}

// Log probabilities of the scored rows of a window, [kWindow - 1 - kFirstScored, vocabulary] in `out`.
Result<void> scoreWindow(Model& model, std::span<const Token> window, int batch, const Interrupt& interrupt,
                         std::vector<float>& out) {
  const auto vocabulary = size_t(model.info().vocabulary);
  out.resize((kWindow - 1 - kFirstScored) * vocabulary);
  size_t row = 0;
  const SeqId seq = model.newSequence();
  const auto done = feed(model, seq, window, batch, kFirstScored, kWindow - 1, interrupt.flag(),
                         [&](const LogitsView& rows, int count) -> Result<void> {
                           for (int i = 0; i < count; ++i, ++row) {
                             logProbabilities(rows.row(i), std::span(out).subspan(row * vocabulary, vocabulary));
                           }
                           return {};
                         });
  model.drop(seq);
  return done;
}

}  // namespace

std::vector<Token> windowTokens(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<Token> tokens = tokenizer.encode(text, false);
  const auto bos = tokenizer.addBos() ? tokenizer.bos() : std::nullopt;
  if (!bos) return tokens;
  tokens.insert(tokens.begin(), *bos);
  for (size_t at = kWindow; at < tokens.size(); at += kWindow) tokens[at] = *bos;
  return tokens;
}

Result<size_t> countWindows(const std::vector<Token>& tokens, int most, const std::string& name) {
  size_t windows = tokens.size() / kWindow;
  if (most > 0) windows = std::min(windows, size_t(most));
  if (windows > 0) return windows;
  return fail(Err::badValue, name + " has " + std::to_string(tokens.size()) + " tokens; a window has " +
                                 std::to_string(kWindow) + ".");
}

Result<Json> perplexity(const PerplexityOptions& o, const Interrupt& interrupt) {
  LEMMA_TRY(text, readFile(o.text, kMaxTextBytes));
  LEMMA_TRY(model, loadFor(o, "", o.model.kv, interrupt));
  std::unique_ptr<Model> base;
  const std::string baseKv = o.againstKv.empty() ? o.model.kv : o.againstKv;
  if (!o.against.empty() || !o.againstKv.empty()) {
    LEMMA_TRY(other, loadFor(o, o.against, baseKv, interrupt));
    base = std::move(other);
    if (base->info().vocabulary != model->info().vocabulary) {
      return fail(Err::badValue, o.against + " has another vocabulary (" + std::to_string(base->info().vocabulary) +
                                     " tokens, not " + std::to_string(model->info().vocabulary) + ").");
    }
  }
  const std::vector<Token> tokens = windowTokens(*model->tokenizer(), text);
  LEMMA_TRY(windows, countWindows(tokens, o.windows, o.text));

  const auto vocabulary = size_t(model->info().vocabulary);
  Likelihood ours, theirs;
  Comparison comparison;
  std::vector<float> rows, baseRows;
  ProgressLine progress;
  for (size_t w = 0; w < windows; ++w) {
    const std::span window = std::span(tokens).subspan(w * kWindow, kWindow);
    LEMMA_CHECK(scoreWindow(*model, window, o.model.batch, interrupt, rows));
    if (base) LEMMA_CHECK(scoreWindow(*base, window, o.model.batch, interrupt, baseRows));
    for (size_t i = kFirstScored; i + 1 < kWindow; ++i) {
      const size_t at = (i - kFirstScored) * vocabulary, next = size_t(window[i + 1]);
      ours.add(-double(rows[at + next]));
      if (!base) continue;
      theirs.add(-double(baseRows[at + next]));
      comparison.add(std::span(baseRows).subspan(at, vocabulary), std::span(rows).subspan(at, vocabulary));
    }
    progress.show("Window " + std::to_string(w + 1) + " of " + std::to_string(windows) + ", perplexity " +
                  fixed(ours.perplexity(), 4));
  }
  Json out{{"schema", "lemma.perplexity/1"},   {"model", model->info().path},     {"windows", windows},
           {"tokens", ours.count()},           {"perplexity", ours.perplexity()}, {"uncertainty", ours.uncertainty()},
           {"kv", cacheOf(*model, o.model.kv)}};
  if (base) {
    out["against"] = {{"model", base->info().path},
                      {"perplexity", theirs.perplexity()},
                      {"uncertainty", theirs.uncertainty()},
                      {"kv", cacheOf(*base, baseKv)}};
    out["against"].update(comparison.toJson());
  }
  return out;
}

void printPerplexity(const Json& out) {
  const auto line = [](const Json& of) {
    return fixed(of["perplexity"].get<double>(), 4) + " +/- " + fixed(of["uncertainty"].get<double>(), 4) + "  cache " +
           of["kv"]["type"].get<std::string>() + ", " + fixed(of["kv"]["bytes_per_token"].get<double>() / 1024, 1) +
           " KiB a token";
  };
  std::string text = "perplexity  " + line(out) + "  (" + out["windows"].dump() + " windows of " +
                     std::to_string(kWindow) + ", " + out["tokens"].dump() + " tokens scored)\n";
  if (out.contains("against")) {
    const Json& against = out["against"];
    text += "against     " + line(against) + "\n";
    for (const auto& [name, value] : against["kl"].items()) {
      text += "KL " + name + std::string(9 - name.size(), ' ') + fixed(value.get<double>(), 6) + "\n";
    }
    text += "same top    " + fixed(100 * against["same_top"].get<double>(), 2) + " %\n";
  }
  printText(text);
}

void addPerplexity(CommandLine& line) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App& app = *line.app.add_subcommand("perplexity", "How well a model foretells a text, in windows of 512 tokens");
  addModelPath(app, options->model.path);
  app.add_option("--text", options->text, "The text")->type_name("FILE")->required();
  app.add_option("--against", options->against,
                 "A model to compare with: mean and percentiles of the KL divergence from it")
      ->type_name("FILE");
  app.add_option("--against-kv", options->againstKv,
                 "Type of the cache of the model that is compared with; without --against that is the same model")
      ->check(CLI::IsMember(cacheTypes()))
      ->type_name("TYPE")
      ->default_str("as --kv");
  addInteger(app, "--windows", options->windows, 1, kMaxContext, "Only the first N windows")->default_str("all");
  app.add_flag("--json", options->json, "One JSON object, schema lemma.perplexity/1");
  addComputeOptions(app, options->model);
  app.callback([&line, options] {
    line.chosen = [options] {
      const Interrupt interrupt;
      const auto out = perplexity(*options, interrupt);
      if (!out) return report(out.error());
      if (options->json) {
        printJson(*out, true);
      } else {
        printPerplexity(*out);
      }
      return int(kDone);
    };
  });
}

}  // namespace lemma::cli
