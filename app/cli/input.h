// Reads what a person hands to a command: files, stdin, JSON, lists of ids. Untrusted: sizes and depths are limited.
// Pure but for the reading, any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/types.h"

namespace lemma::cli {

using Json = nlohmann::ordered_json;

inline constexpr uint64_t kMaxTextBytes = 256ull << 20;
inline constexpr uint64_t kMaxJsonBytes = 64ull << 20;
inline constexpr uint64_t kMaxTemplateBytes = 4ull << 20;
inline constexpr int kMaxJsonDepth = 64;

Result<std::string> readFile(const std::string& path, uint64_t maxBytes);
Result<std::string> readStdin(uint64_t maxBytes);

// `origin` names the text in error sentences ("stdin, line 3").
Result<Json> parseJson(std::string_view text, const std::string& origin);

// A JSON array of ids, each in [0, vocabulary).
Result<std::vector<Token>> tokenIds(const Json& array, int vocabulary, const std::string& origin);

// "1,2,3" or "[1, 2, 3]".
Result<std::vector<Token>> parseTokenIds(std::string_view text, int vocabulary, const std::string& origin);

// The whole of `text` as a number, or nothing. Decimal only; no NaN, no infinity.
std::optional<int64_t> parseInteger(std::string_view text);
std::optional<double> parseNumber(std::string_view text);

// Calls `line(text, number)` for each line of stdin (without its end), numbered from 1, until it returns an error.
// Lines longer than kMaxTextBytes are refused.
Result<void> eachStdinLine(const std::function<Result<void>(std::string_view line, int number)>& line);

}  // namespace lemma::cli
