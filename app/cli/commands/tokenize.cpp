// tokenize: text from stdin to token ids. detokenize: back again.
#include <memory>

#include "app/cli/commands/commands.h"
#include "app/cli/exit_code.h"
#include "app/cli/input.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "engine/model_file/model_file.h"
#include "engine/tokenizer/tokenizer.h"

namespace lemma::cli {
namespace {

struct Vocabulary {
  ModelFile file;
  std::unique_ptr<Tokenizer> tokenizer;
};

// The header is enough: neither the architecture nor the weights need to be known to this build.
Result<Vocabulary> openVocabulary(const std::string& given) {
  const std::string path = given.empty() ? defaultModelPath() : given;
  LEMMA_TRY(file, openModel(path));
  auto tokenizer = Tokenizer::of(file);
  if (!tokenizer) return fail(tokenizer.error().code, path + ": " + tokenizer.error().what);
  return Vocabulary{std::move(file), std::move(*tokenizer)};
}

struct TokenizeOptions {
  std::string model;
  bool special = false, bos = false, lines = false;
};

Json encoded(const Tokenizer& tokenizer, std::string_view text, const TokenizeOptions& o) {
  Json ids = Json::array();
  if (const auto bos = tokenizer.bos(); o.bos && bos) ids.push_back(int32_t(*bos));
  for (const Token id : tokenizer.encode(text, o.special)) ids.push_back(int32_t(id));
  return ids;
}

Result<void> tokenize(const TokenizeOptions& o) {
  LEMMA_TRY(vocabulary, openVocabulary(o.model));
  const Tokenizer& tokenizer = *vocabulary.tokenizer;
  if (o.bos && !tokenizer.bos()) return fail(Err::badValue, "The model names no token for the beginning of a text.");
  if (!o.lines) {
    LEMMA_TRY(text, readStdin(kMaxTextBytes));
    printJson(encoded(tokenizer, text, o), false);
    return {};
  }
  return eachStdinLine([&](std::string_view line, int number) -> Result<void> {
    const std::string origin = "stdin, line " + std::to_string(number);
    LEMMA_TRY(object, parseJson(line, origin));
    if (!object.is_object() || !object.contains("text") || !object["text"].is_string()) {
      return fail(Err::badValue, origin + " is not an object with a string \"text\".");
    }
    printJson(encoded(tokenizer, object["text"].get_ref<const std::string&>(), o), false);
    return {};
  });
}

Result<void> detokenize(const TokenizeOptions& o) {
  LEMMA_TRY(vocabulary, openVocabulary(o.model));
  const Tokenizer& tokenizer = *vocabulary.tokenizer;
  if (!o.lines) {
    LEMMA_TRY(text, readStdin(kMaxJsonBytes));
    LEMMA_TRY(ids, parseTokenIds(text, tokenizer.size(), "stdin"));
    printText(tokenizer.decode(ids, false));
    return {};
  }
  return eachStdinLine([&](std::string_view line, int number) -> Result<void> {
    LEMMA_TRY(ids, parseTokenIds(line, tokenizer.size(), "stdin, line " + std::to_string(number)));
    Json object;
    object["text"] = tokenizer.decode(ids, false);
    printJson(object, false);
    return {};
  });
}

void add(CommandLine& line, const std::string& name, const std::string& help,
         Result<void> (*run)(const TokenizeOptions&), const std::function<void(CLI::App&, TokenizeOptions&)>& more) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App& app = *line.app.add_subcommand(name, help);
  addModelPath(app, options->model);
  more(app, *options);
  app.callback([&line, options, run] {
    line.chosen = [options, run] {
      const auto done = run(*options);
      return done ? int(kDone) : report(done.error());
    };
  });
}

}  // namespace

void addTokenize(CommandLine& line) {
  add(line, "tokenize", "Text from stdin to a JSON array of token ids", tokenize,
      [](CLI::App& app, TokenizeOptions& o) {
        app.add_flag("--special", o.special, "Special tokens written in the text become those tokens");
        app.add_flag("--bos", o.bos, "Put the token for the beginning of a text in front");
        app.add_flag("--jsonl", o.lines, "Each line {\"text\": ...} gives a line of ids");
      });
}

void addDetokenize(CommandLine& line) {
  add(line, "detokenize", "A JSON array of token ids from stdin to text, special tokens as they are written",
      detokenize, [](CLI::App& app, TokenizeOptions& o) {
        app.add_flag("--jsonl", o.lines, "Each line of ids gives a line {\"text\": ...}");
      });
}

}  // namespace lemma::cli
