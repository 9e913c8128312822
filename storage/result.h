// Expected failures of storage are values: a code for the program, one sentence for the person.
// Pure values, no owner, any thread. Storage never aborts, exits, prints or throws across its border.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace lemma::storage {

enum class Err {
  notFound,     // a file, folder or row that should be there is not
  readOnly,     // the file or its folder may not be written
  diskFull,     // no space left; nothing of the change was kept
  io,           // the disk reported an error
  busy,         // another program holds the database, or the queue is full
  damaged,      // the bytes are not a sound database; they were left as they are
  newerSchema,  // written by a newer build that says this one must not open it
  notOurs,      // a database, but not Lemma's
  moved,        // the file was moved or deleted while it was open
  badValue,     // a value outside what the schema or a setting allows
  tooLarge,     // beyond what one row may hold
  outOfMemory,
  closed,  // the storage thread has ended
  internal,
};

struct Error {
  Err code = Err::internal;
  std::string what;  // one sentence that names the file, row or key
  bool operator==(const Error&) const = default;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Err code, std::string what) {
  return tl::unexpected<Error>(Error{code, std::move(what)});
}

}  // namespace lemma::storage

// STORE_TRY(name, expression): declares name from a Result, or returns its error.
#define STORE_TRY(name, expr)                                                    \
  auto name##_result_ = (expr);                                                  \
  if (!name##_result_) return tl::unexpected(std::move(name##_result_).error()); \
  auto name = std::move(*name##_result_)

// STORE_CHECK(expression): for Result<void>, returns its error.
#define STORE_CHECK(expr)                                                                                     \
  do {                                                                                                        \
    if (auto check_result_ = (expr); !check_result_) return tl::unexpected(std::move(check_result_).error()); \
  } while (0)
