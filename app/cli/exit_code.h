// The exit codes of lemma-cli and the one place where an error becomes one. Pure, any thread.
#pragma once

#include "engine/api/types.h"

namespace lemma::cli {

enum ExitCode : int { kDone = 0, kFailed = 1, kBadInput = 2, kInterrupted = 130 };

// Errors of files and options are the caller's to mend (2); running out of something is not (1).
inline ExitCode exitCode(Err code) {
  switch (code) {
    case Err::notFound:
    case Err::unreadable:
    case Err::truncated:
    case Err::badMagic:
    case Err::badValue:
    case Err::tooLarge:
    case Err::unsupported:
      return kBadInput;
    case Err::cancelled:
      return kInterrupted;
    case Err::outOfMemory:
    case Err::contextFull:
    case Err::templateError:
    case Err::deviceLost:
    case Err::internal:
      break;
  }
  return kFailed;
}

}  // namespace lemma::cli
