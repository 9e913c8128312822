// Finds stop strings in streamed text and cuts the text before them.
// Holds back at most the longest beginning of a stop string that the text ends with; flush() returns it.
// The string that is complete first wins, of those complete at one place the longest. One per message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lemma {

class StopMatcher {
 public:
  // Empty strings are left out.
  explicit StopMatcher(std::vector<std::string> stops);

  struct Out {
    std::string_view text;  // lives until the next call, and no longer than what was pushed
    bool stopped = false;   // stays true: what is pushed afterwards is dropped
    bool operator==(const Out&) const = default;
  };
  Out push(std::string_view text);
  std::string flush();

 private:
  struct Pattern {
    std::string text;
    std::vector<size_t> border;  // Knuth-Morris-Pratt: longest proper border of each prefix
    size_t matched = 0;
  };
  std::vector<Pattern> patterns_;
  std::string held_, out_;
  bool stopped_ = false;
};

}  // namespace lemma
