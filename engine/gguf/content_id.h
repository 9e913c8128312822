// What a model file is known by, wherever it lies and whatever it is called. Pure function, any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "engine/gguf/gguf.h"

namespace lemma {

// 32 hexadecimal digits: XXH3-128 (canonical order) over the bytes from the file's start to the end of its tensor
// table, followed by the file's size as a little-endian u64. `headerBytes` may go on beyond the table.
std::string contentId(const GgufHeader& header, std::span<const std::byte> headerBytes);

// 32 hexadecimal digits: XXH3-128 (canonical order) of a text, such as a chat template.
std::string hashOf(std::string_view text);

}  // namespace lemma
