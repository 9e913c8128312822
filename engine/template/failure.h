// How the interpreter stops in the middle of a template. Internal to engine/template: compile() and render() catch it
// at their border and return an Error, so that the many small evaluators need not pass a Result each.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "kernels/api/result.h"

namespace lemma::jinja {

struct Failure {
  Err code = Err::templateError;
  std::string what;
  int line = 0;  // 0: the statement that was running
};

[[noreturn]] inline void refuse(std::string what) { throw Failure{Err::templateError, std::move(what), 0}; }
[[noreturn]] inline void exceeded(std::string what) { throw Failure{Err::tooLarge, std::move(what), 0}; }

// What a template may use. A step is one node or 32 bytes or one list element; all of them take less than 250 ms.
inline constexpr int64_t kMaxSteps = 3'000'000;
inline constexpr size_t kMaxText = size_t(16) << 20;   // bytes of one string, and of the output
inline constexpr size_t kMaxItems = 200'000;           // elements of one list
inline constexpr int64_t kMaxRange = 100'000;          // elements of range()
inline constexpr size_t kMaxSource = size_t(1) << 20;  // bytes of a template
inline constexpr int kMaxNesting = 100;                // of expressions and blocks in the source
inline constexpr int kMaxCalls = 60;                   // macros and recursive loops inside one another
inline constexpr int kMaxValueDepth = 100;             // lists in lists
inline constexpr int64_t kMaxWeight = 1'000'000;       // elements of a value with all that is in it

class Budget {
 public:
  void spend(int64_t steps) {
    if ((used_ += steps) > kMaxSteps) exceeded("it takes too many steps");
  }
  void spendBytes(size_t bytes) {
    if (bytes > kMaxText) exceeded("a text grows beyond 16 MiB");
    spend(int64_t(bytes / 32));
  }
  void spendItems(size_t items) {
    if (items > kMaxItems) exceeded("a list grows beyond 200,000 elements");
    spend(int64_t(items));
  }

 private:
  int64_t used_ = 0;
};

}  // namespace lemma::jinja
