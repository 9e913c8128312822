// Expected failures are values: a code for the program, one sentence for the person.
// Pure values, no owner, any thread. Used by kernels, engine and app; libraries never abort, exit or print.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace lemma {

enum class Err {
  notFound,     // a file, tensor or key that should be there is not
  unreadable,   // the operating system refused (open, map, read)
  truncated,    // the bytes end too early
  badMagic,     // not this kind of file
  badValue,     // a value outside what the format or the program allows
  tooLarge,     // beyond a limit that protects memory or time
  unsupported,  // valid, but this build cannot do it
  outOfMemory,
  contextFull,  // the prompt does not fit
  cancelled,
  templateError,  // a chat template refused or is broken
  deviceLost,
  internal,
};

struct Error {
  Err code = Err::internal;
  std::string what;  // one sentence that names the file, key or tensor
  bool operator==(const Error&) const = default;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Err code, std::string what) {
  return tl::unexpected<Error>(Error{code, std::move(what)});
}

}  // namespace lemma

// LEMMA_TRY(name, expression): declares name from a Result, or returns its error.
#define LEMMA_TRY(name, expr)                                                    \
  auto name##_result_ = (expr);                                                  \
  if (!name##_result_) return tl::unexpected(std::move(name##_result_).error()); \
  auto name = std::move(*name##_result_)

// LEMMA_CHECK(expression): for Result<void>, returns its error.
#define LEMMA_CHECK(expr)                                                                                     \
  do {                                                                                                        \
    if (auto check_result_ = (expr); !check_result_) return tl::unexpected(std::move(check_result_).error()); \
  } while (0)
