// Regular expressions as pre-tokenizers and normalizers of tokenizer.json write them: Oniguruma's syntax without
// captures, back-references and loops around what may be empty. Alternatives are tried in order, as there.
// Time is linear in the text, whatever the expression: a place of the program that failed at a position is remembered
// and never tried there again. Regex is immutable, any thread; a RegexSearch belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/tokenizer/char_set.h"
#include "kernels/api/result.h"

namespace lemma {

class Regex {
 public:
  static constexpr size_t kLongestPattern = 16 * 1024;  // bytes
  static constexpr size_t kMostSteps = 4000;            // instructions of a program
  static constexpr int kDeepest = 40;                   // groups within groups

  // badValue for what is no expression, unsupported for what this engine leaves out, tooLarge beyond a limit.
  static Result<Regex> compile(std::string_view pattern);

 private:
  friend class RegexCompiler;
  friend class RegexSearch;
  enum class Op : uint8_t {
    character,   // the code point `a`
    set,         // one of sets_[a]
    run,         // as many of sets_[a] as there are, none given back
    split,       // a, and where that fails b; c numbers the splits
    jump,        // to a
    look,        // the program from a to its accept must match here (b: must not); c numbers the looks
    lookBehind,  // the character before is one of sets_[a] (b: is none)
    boundary,    // between \w and something else (b: not)
    lineBegin,
    lineEnd,
    textBegin,
    textEnd,
    accept
  };
  struct Step {
    Op op = Op::accept;
    uint32_t a = 0, b = 0, c = 0;
    uint32_t next = 0;  // of look: where to go on
  };
  std::vector<Step> steps_;
  std::vector<CharSet> sets_;
  uint32_t splits_ = 0;
  CharSet word_;
};

class RegexSearch {
 public:
  static constexpr size_t kNone = ~size_t(0);

  explicit RegexSearch(const Regex& regex) : regex_(regex) {}
  // The text to match in from now on; it must outlive the matching.
  void setText(std::string_view text);
  // End of the match that begins at `at`, kNone where there is none. `at` never falls from call to call on one text.
  size_t matchAt(size_t at);
  // Steps taken so far, for tests of how time grows.
  uint64_t steps() const { return count_; }

 private:
  struct Entry {
    uint32_t step, at;
    bool tried;  // the second way of the split is being tried
  };
  struct Block {                              // what is known of 64 positions
    std::vector<uint64_t> failed, succeeded;  // a word for each split
  };
  size_t runAt(const Regex::Step& step, size_t at);
  size_t match(uint32_t step, size_t at, bool inLook);
  bool holds(const Regex::Step& step, size_t at) const;
  size_t before(size_t at) const;
  Block& block(size_t at);

  const Regex& regex_;
  std::string_view text_;
  std::vector<Entry> stack_;
  std::vector<std::unique_ptr<Block>> blocks_;  // by position / 64
  std::vector<std::unique_ptr<Block>> spare_;
  size_t firstBlock_ = 0;  // those before it are gone
  struct Run {
    size_t begin = 1, end = 0;
  };
  std::vector<Run> runs_;  // by set: the last run that was found
  uint64_t count_ = 0;
};

}  // namespace lemma
