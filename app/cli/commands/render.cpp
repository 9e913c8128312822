// render: a chat template over the variables of a JSON file, to the byte.
#include <chrono>
#include <memory>
#include <optional>

#include "app/cli/commands/commands.h"
#include "app/cli/exit_code.h"
#include "app/cli/input.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "engine/model_file/model_file.h"
#include "engine/template/chat_template.h"

namespace lemma::cli {
namespace {

struct RenderOptions {
  std::string templatePath, model, input;
  std::optional<ClockTime> now;
};

// "2026-10-01 12:34:56"
std::optional<ClockTime> parseClock(std::string_view text) {
  static constexpr std::string_view kShape = "dddd-dd-dd dd:dd:dd";
  if (text.size() != kShape.size()) return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == 'd' ? !digit : text[i] != kShape[i]) return std::nullopt;
  }
  const auto field = [&](size_t at, size_t size) { return int(*parseInteger(text.substr(at, size))); };
  const ClockTime t{field(0, 4), field(5, 2), field(8, 2), field(11, 2), field(14, 2), field(17, 2)};
  const std::chrono::year_month_day date{std::chrono::year(t.year), std::chrono::month(unsigned(t.month)),
                                         std::chrono::day(unsigned(t.day))};
  if (!date.ok() || t.hour > 23 || t.minute > 59 || t.second > 59) return std::nullopt;
  return t;
}

struct Source {
  std::string text, origin;
};

Result<Source> templateSource(const RenderOptions& o) {
  if (!o.templatePath.empty()) {
    LEMMA_TRY(text, readFile(o.templatePath, kMaxTemplateBytes));
    return Source{std::move(text), o.templatePath};
  }
  const std::string path = o.model.empty() ? defaultModelPath() : o.model;
  LEMMA_TRY(file, openModel(path));
  const GgufValue* value = file.header.find("tokenizer.chat_template");
  const auto text = value ? value->asString() : std::nullopt;
  if (!text) return fail(Err::notFound, path + " has no chat template.");
  return Source{std::string(*text), path};
}

Result<std::string> render(const RenderOptions& o) {
  LEMMA_TRY(json, readFile(o.input, kMaxJsonBytes));
  LEMMA_TRY(variables, parseJson(json, o.input));
  if (!variables.is_object()) return fail(Err::badValue, o.input + " is not a JSON object of template variables.");
  LEMMA_TRY(source, templateSource(o));
  auto compiled = ChatTemplate::compile(source.text);
  // A template that cannot be read is a broken file; one that refuses its input has failed.
  if (!compiled) return fail(Err::badValue, source.origin + ": " + compiled.error().what);
  auto text = compiled->render(variables, o.now);
  if (!text) return fail(text.error().code, source.origin + ": " + text.error().what);
  return text;
}

}  // namespace

void addRender(CommandLine& line) {
  auto options = std::make_shared<RenderOptions>();
  CLI::App& app =
      *line.app.add_subcommand("render", "A chat template over the variables of a JSON file; nothing is added");
  auto* templatePath = app.add_option("--template", options->templatePath, "Jinja template")->type_name("FILE");
  addModelPath(app, options->model)->excludes(templatePath);
  app.add_option("--input", options->input,
                 "JSON object; every key (messages, tools, ...) is a variable of the template")
      ->type_name("FILE.json")
      ->required();
  app.add_option_function<std::string>(
         "--now",
         [options](const std::string& text) {
           options->now = parseClock(text);
           if (!options->now)
             throw CLI::ValidationError("--now", "'" + text + "' is not a time like 2026-10-01 12:34:56");
         },
         "The time that the template sees")
      ->type_name("\"YYYY-MM-DD hh:mm:ss\"")
      ->default_str("the clock's");
  app.callback([&line, options] {
    line.chosen = [options] {
      const auto text = render(*options);
      if (!text) return report(text.error());
      printText(*text);
      return int(kDone);
    };
  });
}

}  // namespace lemma::cli
