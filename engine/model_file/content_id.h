// What a model file is known by, wherever it lies and whatever it is called. Pure function, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lemma {

// One file of a model: what identifies it (from its start to the end of its tensor table; a text as a whole).
struct ContentPart {
  std::span<const std::byte> header;
  uint64_t fileBytes = 0;
};

// 32 hexadecimal digits: XXH3-128 (canonical order) over each part's header followed by its file's size as a
// little-endian u64.
std::string contentId(const std::vector<ContentPart>& parts);

// 32 hexadecimal digits: XXH3-128 (canonical order) of a text, such as a chat template.
std::string hashOf(std::string_view text);

}  // namespace lemma
