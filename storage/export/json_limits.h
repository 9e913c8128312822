// What a file of conversations may hold, for its reader and its writer alike. Constants, any thread.
#pragma once

#include <cstdint>

#include "storage/ids.h"

namespace lemma::storage {

inline constexpr size_t kMostFileBytes = 256 << 20;  // of a file that is read, so of one that is written too
inline constexpr size_t kMostConversations = 100'000;
inline constexpr size_t kMostMessages = 1'000'000;          // of all conversations together: each gets a row
inline constexpr size_t kMostParts = 10'000;                // of one message
inline constexpr size_t kMostTitle = 4096;                  // bytes
inline constexpr size_t kMostWord = 256;                    // bytes of a type of text, a reason why an answer ended
inline constexpr size_t kDetailsDepth = 32;                 // of details that stand in the file as JSON
inline constexpr Millis kLastMoment = 253'402'300'799'999;  // of the year 9999
inline constexpr int64_t kMostCount = int64_t(1) << 53;
inline constexpr double kMostMeasure = 1e15;  // milliseconds or tokens a second

}  // namespace lemma::storage
