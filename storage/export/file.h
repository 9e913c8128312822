// Files of the person's, outside of the data folder: read up to a limit, written whole or not at all. Pure calls, any
// thread but the window's, as they wait for the disk.
#pragma once

#include <string>
#include <string_view>

#include "storage/result.h"

namespace lemma::storage {

// Of a regular file only; one that is larger than `most` bytes is tooLarge before any of it is read.
Result<std::string> readWholeFile(const std::string& path, size_t most);

// Under another name first, so that a full disk leaves what was there; what returns without an error is on the disk.
// A new file is its owner's alone. A link is followed.
Result<void> writeWholeFile(const std::string& path, std::string_view bytes);

}  // namespace lemma::storage
