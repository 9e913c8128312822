// The words that stand for roles, states and kinds in the database. Pure, any thread.
#pragma once

#include <optional>
#include <string_view>

#include "storage/types.h"

namespace lemma::storage {

inline constexpr std::string_view kRoleNames[] = {"system", "user", "assistant", "tool"};
inline constexpr std::string_view kStateNames[] = {"streaming", "complete", "stopped", "interrupted", "failed"};
inline constexpr std::string_view kPartKindNames[] = {"text", "think", "answer", "attachment", "tool", "error"};

inline std::string_view name(Role v) { return kRoleNames[static_cast<int>(v)]; }
inline std::string_view name(MessageState v) { return kStateNames[static_cast<int>(v)]; }
inline std::string_view name(PartKind v) { return kPartKindNames[static_cast<int>(v)]; }

template <class Enum, size_t N>
std::optional<Enum> named(const std::string_view (&names)[N], std::string_view word) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == word) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace lemma::storage
