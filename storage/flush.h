// Waits until the disk holds a file or a folder's names. Pure calls, any thread; never for a database's own file, where
// closing any handle would drop SQLite's locks.
#pragma once

#include <string>

#include "storage/result.h"

namespace lemma::storage {

Result<void> flushFile(const std::string& path);
Result<void> flushFolderOf(const std::string& path);  // the names in it: what was made, renamed and removed there

}  // namespace lemma::storage
