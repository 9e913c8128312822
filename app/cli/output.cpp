#include "app/cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "app/cli/exit_code.h"

namespace lemma::cli {

bool isTerminal(std::FILE* file) { return isatty(fileno(file)) == 1; }

void printJson(const nlohmann::ordered_json& value, bool indented) {
  using nlohmann::ordered_json;
  printText(value.dump(indented ? 2 : -1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

void printText(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string withoutControls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c0 = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
    // U+0080 to U+009F: some terminals take them as escape sequences of their own.
    const bool c1 = c == 0xC2 && i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xE0) == 0x80;
    if (c1) ++i;
    if (!c0 && !c1) out += text[i];
  }
  return out;
}

int report(const Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "lemma-cli: %s\n", withoutControls(error.what).c_str());
  return exitCode(error.code);
}

void AnswerPrinter::write(std::string_view text) {
  if (text.empty()) return;
  lineOpen_ = text.back() != '\n';
  printText(terminal_ ? withoutControls(text) : std::string(text));
  std::fflush(stdout);
}

void AnswerPrinter::closeThought() {
  if (!thinking_) return;
  thinking_ = false;
  if (lineOpen_) printText("\n");
  printText(terminal_ ? "\x1b[0m\n" : "</think>\n\n");
  lineOpen_ = false;
}

void AnswerPrinter::print(const PartDelta& delta) {
  if (delta.text.empty()) return;
  if (delta.kind == PartKind::answer) {
    closeThought();
  } else if (answerOnly_) {
    return;
  } else if (!thinking_) {
    if (lineOpen_) printText("\n");
    thinking_ = true;
    printText(terminal_ ? "\x1b[2mThinking\n" : "<think>\n");
  }
  write(delta.text);
}

void AnswerPrinter::finish() {
  closeThought();
  if (lineOpen_) printText("\n");
  lineOpen_ = false;
  std::fflush(stdout);
}

ProgressLine::ProgressLine()
    : terminal_(isTerminal(stderr)), next_(std::chrono::steady_clock::now() + std::chrono::milliseconds(300)) {}

void ProgressLine::show(const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  shown_ = true;
  std::fprintf(stderr, "\r\x1b[K%s", text.c_str());
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (!shown_) return;
  shown_ = false;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

std::string fixed(double value, int digits) {
  std::array<char, 64> text;
  const int n = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return std::string(text.data(), size_t(n < 0 ? 0 : n < int(text.size()) ? n : int(text.size()) - 1));
}

namespace {
std::string scaled(double value, std::initializer_list<const char*> units) {
  auto unit = units.begin();
  while (value >= 999.5 && unit + 1 != units.end()) value /= 1000, ++unit;
  return fixed(value, unit == units.begin() ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0) + *unit;
}
}  // namespace

std::string expertLine(const std::optional<ExpertStats>& stats) {
  if (!stats) return "";
  const ExpertStats& s = *stats;
  const auto percent = [](uint64_t part, uint64_t whole) {
    return fixed(whole == 0 ? 0 : 100 * double(part) / double(whole), 1) + " %";
  };
  return "experts from disk: " + std::to_string(s.held) + " of " + std::to_string(s.experts) + " fit " +
         humanBytes(s.budgetBytes) + "; " + percent(s.present, s.chosen) + " of those chosen were there (" +
         percent(s.fromGuess, s.chosen) + " by guesses), " + percent(s.underway, s.chosen) + " underway; " +
         percent(s.guessedRight, s.guessed) + " of guesses were right; " +
         humanBytes(s.bytesRead / std::max<uint64_t>(s.passes, 1)) + " read a pass, " +
         fixed(s.waitedSeconds * 1e3 / double(std::max<uint64_t>(s.passes, 1)), 1) + " ms waited" +
         (s.ring ? "" : ", by threads") + (s.direct ? "" : ", through the page cache");
}

std::string humanBytes(uint64_t bytes) { return scaled(double(bytes), {" B", " kB", " MB", " GB", " TB"}); }
std::string humanCount(uint64_t count) { return scaled(double(count), {"", " K", " M", " B", " T"}); }

}  // namespace lemma::cli
