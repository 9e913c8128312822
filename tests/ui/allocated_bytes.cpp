// Apart from the tests, so that the compiler does not see both ends of an allocation at once.
#include "tests/ui/allocated_bytes.h"

#include <atomic>
#include <cstddef>

namespace {

std::atomic<qint64> bytes{0};

}  // namespace

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);

void* malloc(size_t size) {
  bytes.fetch_add(qint64(size), std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  bytes.fetch_add(qint64(count * size), std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  bytes.fetch_add(qint64(size), std::memory_order_relaxed);
  return __libc_realloc(old, size);
}
}

namespace lemma::test {

qint64 allocatedBytes() { return bytes.load(); }

}  // namespace lemma::test
