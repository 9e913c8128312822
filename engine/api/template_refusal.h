// When a failed answer may come by the built-in format: the model's own template refused this conversation, or never
// ended. Pure functions, any thread.
#pragma once

#include "engine/api/types.h"
#include "kernels/api/result.h"

namespace lemma {

inline bool usesOwnTemplate(const ChatRequest& request) {
  return !request.raw && !request.builtinTemplate && request.templateOverride.empty();
}

// Of a request that uses it.
inline bool isTemplateRefusal(const Error& error) {
  return error.code == Err::templateError || error.code == Err::tooLarge;
}

}  // namespace lemma
