#include "tests/support/allocation_meter.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long long> alive, start, peak, largest;

void raise(std::atomic<long long>& most, long long value) {
  long long seen = most.load();
  while (value > seen && !most.compare_exchange_weak(seen, value)) {
  }
}

void* allocate(size_t size) {
  void* p = std::malloc(size ? size : 1);
  if (!p) return nullptr;
  const auto bytes = (long long)(malloc_usable_size(p));
  raise(peak, alive += bytes);
  raise(largest, bytes);
  return p;
}

}  // namespace

void* operator new(size_t size) {
  void* p = allocate(size);
  if (!p) throw std::bad_alloc();
  return p;
}
// Sanitizers bring a nothrow form of their own, whose memory would come back to the delete below.
void* operator new(size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* p) noexcept {
  if (p) alive -= (long long)(malloc_usable_size(p));
  std::free(p);
}
void operator delete(void* p, size_t) noexcept { operator delete(p); }

namespace lemma::test {

void resetAllocationPeak() {
  start = alive.load();
  peak = alive.load();
  largest = 0;
}
size_t allocationPeak() { return size_t(peak - start); }
size_t largestAllocation() { return size_t(largest.load()); }

}  // namespace lemma::test
