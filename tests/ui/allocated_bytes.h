// Bytes that this program has asked of malloc and its kin so far, by any thread: an upper bound of what it copied into
// memory of its own. allocated_bytes.cpp replaces malloc in the test program (glibc).
#pragma once

#include <QtGlobal>

namespace lemma::test {

qint64 allocatedBytes();

}  // namespace lemma::test
