#include "app/cli/cli.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "app/cli/commands/commands.h"
#include "app/cli/exit_code.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "lemma/version.h"

namespace lemma::cli {
namespace {

// Commands that stream have an Interrupt of their own; the others just leave, with the code that the contract gives.
void leave(int) { std::_Exit(kInterrupted); }

int runCommand(const std::function<int()>& command) {
  try {
    return command();
  } catch (const std::bad_alloc&) {
    return report({Err::outOfMemory, "Out of memory."});
  }
}

// "--temp: 'x' is not a number" -> one sentence that ends with a point.
std::string sentence(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  if (!text.empty() && text.back() != '.') text += '.';
  return text;
}

// "TYPE (default X)" where CLI11 writes TYPE=X.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    label("SUBCOMMAND", "COMMAND");
    column_width(36);
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    if (option->get_type_size() != 0) {
      if (!option->get_type_name().empty()) text += " " + option->get_type_name();
      if (!option->get_default_str().empty()) text += " (default: " + option->get_default_str() + ")";
    }
    if (option->get_required()) text += " (required)";
    return text;
  }
};

// CLI11 speaks of a missing command where there is a wrong one.
std::string parseFailure(const CLI::App& app, const CLI::Error& error) {
  const auto rest = app.remaining();
  if (app.get_subcommands().empty() && !rest.empty() && rest.front().substr(0, 1) != "-") {
    return "There is no command '" + rest.front() + "'; lemma-cli --help lists them.";
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) && app.get_subcommands().empty()) {
    return rest.empty() ? "Give a command; lemma-cli --help lists them." : "There is no option '" + rest.front() + "'.";
  }
  return sentence(error.what());
}

}  // namespace

int run(int argc, const char* const* argv) {
  signal(SIGINT, leave);

  CommandLine line;
  line.app.name("lemma-cli");
  line.app.description("Lemma from a shell: ask a language model, look into it, measure it.");
  line.app.set_version_flag("--version", "lemma-cli " + std::string(kVersionText));
  line.app.formatter(std::make_shared<HelpFormatter>());
  line.app.require_subcommand(1);
  addAsk(line);
  addChat(line);
  addInspect(line);
  addTokenize(line);
  addDetokenize(line);
  addRender(line);
  addLogits(line);
  addBench(line);
  addPerplexity(line);
  addImatrix(line);
  addQuantize(line);
  for (CLI::App* command : line.app.get_subcommands({})) command->group("Commands");
  line.app.footer(
      "Exit codes: 0 done; 1 the work failed; 2 wrong options, or a file that is missing, foreign or broken; 130 after "
      "Ctrl-C.\nlemma-cli COMMAND --help shows the options of a command.");

  std::vector<std::string> args = withLongNames(argc, argv);
  std::reverse(args.begin(), args.end());  // as CLI11 takes them
  int code = kDone;
  try {
    line.app.parse(std::move(args));
    code = runCommand(line.chosen);
  } catch (const CLI::Success& e) {  // --help, --version
    line.app.exit(e);
  } catch (const CLI::Error& e) {
    return report({Err::badValue, parseFailure(line.app, e)});
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    return report({Err::internal, std::string("Cannot write to stdout: ") + std::strerror(errno) + "."});
  }
  return code;
}

}  // namespace lemma::cli
