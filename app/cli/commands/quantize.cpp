// quantize: a model anew with its matrices in smaller types.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>

#include "app/cli/commands/commands.h"
#include "app/cli/commands/perplexity.h"
#include "app/cli/exit_code.h"
#include "app/cli/output.h"
#include "engine/model_file/model_file.h"
#include "engine/quantise/quantise.h"

namespace lemma::cli {
namespace {

struct QuantizeOptions {
  std::string in, out, type = "Q4_K_M", imatrix, text;
  std::vector<std::string> tensorTypes;
  int threads = 0, windows = 0;
  bool json = false;
};

std::string nameOf(Type type) {
  const TypeInfo* info = typeInfo(type);
  return info ? std::string(info->name) : std::to_string(uint32_t(type));
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
  return text;
}

Result<std::vector<TypeRule>> rulesOf(const std::vector<std::string>& texts) {
  std::vector<TypeRule> rules;
  for (const std::string& text : texts) {
    const size_t equals = text.rfind('=');
    const TypeInfo* info = equals == std::string::npos ? nullptr : typeInfo(upper(text.substr(equals + 1)));
    if (!info || equals == 0) {
      return fail(Err::badValue, "--tensor-type: '" + text + "' is not PATTERN=TYPE, such as '*ffn_down*=Q6_K'.");
    }
    rules.push_back({text.substr(0, equals), info->type});
  }
  return rules;
}

// How long the rest will take, from the pace of this run.
class Eta {
 public:
  std::string text(const QuantiseProgress& p) const {
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - start_;
    const double done = double(p.done - p.resumed), left = double(p.total - p.done);
    if (since.count() < 1 || done <= 0) return "";
    const auto seconds = int64_t(since.count() * left / done);
    return seconds < 100 ? ", " + std::to_string(seconds) + " s left"
                         : ", " + std::to_string(seconds / 60) + " min left";
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

Json tensorsOf(const Quantised& done) {
  Json out = Json::array();
  for (const QuantisedTensor& t : done.tensors) {
    out.push_back({{"name", t.name},
                   {"from", nameOf(t.from)},
                   {"to", nameOf(t.to)},
                   {"bytes_from", t.bytesFrom},
                   {"bytes_to", t.bytesTo}});
  }
  return out;
}

void printSizes(const Quantised& done, const std::string& out) {
  std::map<std::string, std::pair<int, uint64_t>> byType;
  for (const QuantisedTensor& t : done.tensors) {
    auto& [count, bytes] = byType[nameOf(t.to)];
    ++count;
    bytes += t.bytesTo;
  }
  std::string text = out + "\n";
  for (const auto& [type, sizes] : byType) {
    text += type + std::string(type.size() < 9 ? 9 - type.size() : 1, ' ') + std::to_string(sizes.first) +
            " tensors, " + humanBytes(sizes.second) + "\n";
  }
  text += "size     " + humanBytes(done.bytesFrom) + " -> " + humanBytes(done.bytesTo) + " (" +
          fixed(100 * double(done.bytesTo) / double(done.bytesFrom), 1) + " %)\n";
  printText(text);
}

Result<Quantised> quantizeFile(const QuantizeOptions& o, const Interrupt& interrupt) {
  LEMMA_TRY(rules, rulesOf(o.tensorTypes));
  LEMMA_TRY(recipe, findRecipe(upper(o.type)));
  std::error_code error;
  if (std::filesystem::equivalent(o.in, o.out, error)) {
    return fail(Err::badValue, o.out + " is the model that is read.");
  }
  LEMMA_TRY(file, openModel(o.in));
  Imatrix imatrix;
  if (!o.imatrix.empty()) {
    LEMMA_TRY(read, readImatrix(o.imatrix));
    imatrix = std::move(read);
  }
  const TypeInfo& base = *typeInfo(recipe.base);
  if (o.imatrix.empty() && base.blockBytes * 8 < base.block * 3.1) {
    std::fprintf(stderr,
                 "%s leaves few bits to each number: an importance matrix (the command imatrix) makes it better.\n",
                 std::string(recipe.name).c_str());
  }
  const int cores = int(std::max(1u, std::thread::hardware_concurrency()));
  const QuantiseOptions options{.recipe = recipe,
                                .rules = rules,
                                .imatrix = o.imatrix.empty() ? nullptr : &imatrix,
                                .imatrixName = std::filesystem::path(o.imatrix).filename().string(),
                                .threads = o.threads > 0 ? o.threads : cores};
  ProgressLine line;
  const Eta eta;
  bool told = false;
  auto done = quantise(
      file, o.out, options,
      [&](const QuantiseProgress& p) {
        if (p.resumed > 0 && !told) {
          told = true;
          line.clear();
          std::fprintf(stderr, "Going on with %s.part, %d %% of which is there.\n", o.out.c_str(),
                       int(100 * p.resumed / std::max<uint64_t>(1, p.total)));
        }
        line.show(fixed(100 * double(p.done) / double(std::max<uint64_t>(1, p.total)), 1) + " % " + p.tensor->name +
                  " " + nameOf(p.tensor->to) + eta.text(p));
      },
      interrupt.flag());
  line.clear();
  if (!done) return fail(done.error().code, o.in + ": " + done.error().what);
  return done;
}

int run(const QuantizeOptions& o) {
  const Interrupt interrupt;
  const auto done = quantizeFile(o, interrupt);
  if (!done) return report(done.error());
  Json out{{"schema", "lemma.quantize/1"},
           {"in", o.in},
           {"out", o.out},
           {"type", upper(o.type)},
           {"bytes_from", done->bytesFrom},
           {"bytes_to", done->bytesTo},
           {"resumed_tensors", done->resumedTensors},
           {"tensors", tensorsOf(*done)}};
  if (!o.json) printSizes(*done, o.out);
  if (!o.text.empty()) {
    PerplexityOptions measure;
    measure.text = o.text;
    measure.against = o.in;
    measure.windows = o.windows;
    measure.model.path = o.out;
    measure.model.threads = o.threads;
    const auto measured = perplexity(measure, interrupt);
    if (!measured) return report(measured.error());
    if (!o.json) printPerplexity(*measured);
    out["perplexity"] = *measured;
  }
  if (o.json) printJson(out, true);
  return kDone;
}

}  // namespace

void addQuantize(CommandLine& line) {
  auto options = std::make_shared<QuantizeOptions>();
  CLI::App& app = *line.app.add_subcommand("quantize", "Write a model anew in smaller types; goes on after a kill");
  std::string names;
  for (const std::string_view name : recipeNames()) names += (names.empty() ? "" : "|") + std::string(name);
  app.add_option("in", options->in, "The model: a GGUF file, the first of a split one, or a Hugging Face folder")
      ->type_name("IN")
      ->required();
  app.add_option("out", options->out, "The new file")->type_name("OUT")->required();
  app.add_option("--type", options->type, "How small: " + names)->type_name("NAME")->default_str(options->type);
  app.add_option("--imatrix", options->imatrix, "Which columns matter, from the command imatrix")->type_name("FILE");
  app.add_option("--tensor-type", options->tensorTypes,
                 "Type of the tensors whose names match, as '*attn_v*=Q6_K'; repeatable, the first that matches counts")
      ->type_name("PATTERN=TYPE")
      ->allow_extra_args(false);
  addInteger(app, "-t,--threads", options->threads, 1, 1024, "Threads")->default_str("all cores");
  app.add_option("--text", options->text, "Measure perplexity, and the KL divergence from IN, over this text")
      ->type_name("FILE");
  addInteger(app, "--windows", options->windows, 1, kMaxContext, "With --text: only the first N windows of 512 tokens")
      ->default_str("all");
  app.add_flag("--json", options->json, "One JSON object, schema lemma.quantize/1");
  app.callback([&line, options] { line.chosen = [options] { return run(*options); }; });
}

}  // namespace lemma::cli
