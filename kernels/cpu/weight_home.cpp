#include "kernels/cpu/weight_home.h"

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace lemma::cpu {
namespace {

constexpr size_t kMostPages = 1024;  // of a call

uintptr_t pageBytes() {
  static const auto bytes = uintptr_t(sysconf(_SC_PAGESIZE));
  return bytes;
}

long callMovePages(size_t count, void** pages, const int* nodes, int* status) {
  return syscall(SYS_move_pages, 0, count, pages, nodes, status, MPOL_MF_MOVE);
}

}  // namespace

WeightHome::WeightHome(const WeightHomes& all, const std::byte* data, uint64_t rowBytes)
    : all_(all), data_(data), rowBytes_(rowBytes), next_(new std::atomic<uint32_t>[all.nodes_.size()] {}) {}

void WeightHome::bringPieces(int node, int64_t first, int64_t end, const CancelFlag& cancel) {
  const std::byte* const begin = data_ + first * int64_t(rowBytes_);
  const int64_t size = bytes(first, end);
  while (!cancel.load(std::memory_order_relaxed)) {
    const int64_t at = int64_t(next_[size_t(node)].fetch_add(1, std::memory_order_relaxed)) * kPiece;
    if (at >= size) return;
    movePages(begin + at, begin + std::min(at + kPiece, size), all_.nodes_[size_t(node)]);
  }
}

WeightHome* WeightHomes::of(const TensorView& m) {
  return &homes_.try_emplace({m.data(), m.ne[1]}, *this, m.data(), uint64_t(m.nb[1])).first->second;
}

// By move_pages and not by mbind: the latter cuts a mapping in two wherever the node changes, and a mapping may be cut
// 65,530 times, which the experts of a large model would reach; what it says of pages to come does not hold for files.
void movePages(const std::byte* begin, const std::byte* end, int node) {
  const uintptr_t page = pageBytes();
  // A page that two shares meet in belongs to the one that begins there, so that none is moved twice.
  uintptr_t at = reinterpret_cast<uintptr_t>(begin) / page * page;
  const uintptr_t stop = reinterpret_cast<uintptr_t>(end) / page * page;
  while (at < stop) {
    std::array<void*, kMostPages> pages;
    std::array<int, kMostPages> status, nodes;
    const size_t count = std::min<size_t>((stop - at) / page, kMostPages);
    // What is not there yet comes to the node of the thread that asks for it: it is read next anyway. Linux 5.14.
    (void)madvise(reinterpret_cast<void*>(at), count * page, MADV_POPULATE_READ);
    for (size_t i = 0; i < count; ++i) pages[i] = reinterpret_cast<void*>(at + i * page);
    at += count * page;
    if (callMovePages(count, pages.data(), nullptr, status.data()) != 0) return;
    size_t away = 0;
    for (size_t i = 0; i < count; ++i) {
      if (status[i] >= 0 && status[i] != node) pages[away++] = pages[i];
    }
    if (away == 0) continue;
    std::fill_n(nodes.begin(), away, node);
    if (callMovePages(away, pages.data(), nodes.data(), status.data()) < 0) return;
  }
}

void interleavePages(void* memory, uint64_t bytes, std::span<const int> nodes) {
  std::array<unsigned long, 16> mask{};  // 1,024 nodes
  constexpr size_t kBits = 8 * sizeof(unsigned long);
  for (const int n : nodes) {
    if (size_t(n) < mask.size() * kBits) mask[size_t(n) / kBits] |= 1ul << (size_t(n) % kBits);
  }
  (void)syscall(SYS_mbind, memory, bytes, MPOL_INTERLEAVE, mask.data(), mask.size() * kBits, 0u);
}

}  // namespace lemma::cpu
