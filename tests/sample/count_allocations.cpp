// Apart from the tests, so that the compiler does not see both ends of an allocation at once and warn of a mismatch.
#include "tests/sample/count_allocations.h"

#include <cstdlib>
#include <new>

std::atomic<long> allocations{0};

void* operator new(size_t n) {
  ++allocations;
  if (void* p = std::malloc(n ? n : 1)) return p;
  throw std::bad_alloc();
}
// Sanitizers bring a nothrow form of their own, whose memory would come back to the delete below.
void* operator new(size_t n, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(n ? n : 1);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
