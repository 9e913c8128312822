// Apart from the tests, so that the compiler does not see both ends of an allocation at once and warn of a mismatch.
#include "tests/support/allocation_count.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> count{0};

void* allocate(size_t size, size_t alignment) {
  count.fetch_add(1, std::memory_order_relaxed);
  return alignment > alignof(std::max_align_t)
             ? std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
             : std::malloc(size ? size : 1);
}
void* orThrow(void* p) { return p ? p : throw std::bad_alloc(); }

}  // namespace

void* operator new(size_t size) { return orThrow(allocate(size, 0)); }
void* operator new(size_t size, std::align_val_t alignment) { return orThrow(allocate(size, size_t(alignment))); }
// Sanitizers bring a nothrow form of their own, whose memory would come back to the delete below.
void* operator new(size_t size, const std::nothrow_t&) noexcept { return allocate(size, 0); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }

namespace lemma::test {

long allocations() { return count.load(); }

}  // namespace lemma::test
