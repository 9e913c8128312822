// What a command prints: JSON that is always valid, text that cannot drive the terminal, the streamed answer.
// Owner: a command, on its own thread. Results go to stdout; progress, speed and messages to stderr.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "engine/api/engine.h"
#include "engine/api/types.h"
#include "engine/experts/expert_stats.h"

namespace lemma::cli {

bool isTerminal(std::FILE* file);

// Bytes that are not UTF-8 become U+FFFD. One line, or indented by two; ends with a newline.
void printJson(const nlohmann::ordered_json& value, bool indented);

void printText(std::string_view text);

// `text` without the control characters by which a model or a file could move the cursor or rename the window;
// newlines and tabs stay. Bytes that are not UTF-8 stay as they are.
std::string withoutControls(std::string_view text);

// Prints the sentence on stderr and returns the exit code that stands for it.
int report(const Error& error);

// Prints the thought and the answer as they stream.
//   terminal: a "Thinking" heading and the thought, dimmed; a blank line; the answer
//   else:     <think>, the thought, </think>, a blank line, the answer; a program can tell them apart
class AnswerPrinter {
 public:
  AnswerPrinter(bool terminal, bool answerOnly) : terminal_(terminal), answerOnly_(answerOnly) {}
  void print(const PartDelta& delta);
  void finish();  // closes what is open and ends the last line

 private:
  void write(std::string_view text);
  void closeThought();
  bool terminal_, answerOnly_;
  bool thinking_ = false, thought_ = false, lineOpen_ = false;
};

// One line on stderr that is written over, only where stderr is a terminal; erased by clear() and at the end.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  void show(const std::string& text);  // at most ten times a second, first after 0.3 seconds
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

// What was read of experts from the disk and how often that was not needed; empty where none are.
std::string expertLine(const std::optional<ExpertStats>& stats);
// "1.23 GB".
std::string humanBytes(uint64_t bytes);
// "134.5 M".
std::string humanCount(uint64_t count);
// printf-like "%.*f".
std::string fixed(double value, int digits);

}  // namespace lemma::cli
