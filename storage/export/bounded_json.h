// JSON from a stranger: nothing is kept before it was counted, and every error names the place it is at.
// Pure, any thread.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "storage/result.h"

namespace lemma::storage {

struct JsonLimits {
  size_t depth = 64;  // objects and lists inside one another
  size_t values = 16'000'000;
  size_t keys = 256;        // of one object
  size_t key = 256;         // bytes of one key
  size_t text = 256 << 20;  // bytes of one text
};

// Text in UTF-8 that holds one JSON value and nothing more. A key that stands twice in one object is refused.
Result<nlohmann::ordered_json> parseBounded(std::string_view text, const JsonLimits& limits = {});

}  // namespace lemma::storage
