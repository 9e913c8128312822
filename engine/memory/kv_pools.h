// The memory of the KV cache: one pair of pools a layer, on the layer's device; K is {headDim, pageTokens, kvHeads,
// pages}, V is {vDim, pageTokens, kvHeads, pages}, empty where vDim is 0. Which page holds what is KvCache's. Owner:
// the Executor; the engine's thread.
#pragma once

#include <span>
#include <vector>

#include "engine/memory/kv_cache.h"
#include "kernels/api/backend.h"

namespace lemma {

struct KvLayout {
  Type type = Type::F16;
  int headDim = 0, vDim = 0, kvHeads = 0;
  int pageTokens = 0, pages = 0;

  // Of one layer; nullopt where a head is not whole blocks of the type.
  std::optional<uint64_t> bytesOfLayer() const;
};

class KvPools {
 public:
  KvPools() = default;
  ~KvPools();
  KvPools(const KvPools&) = delete;
  KvPools& operator=(const KvPools&) = delete;

  // The backends must outlive the pools.
  Result<void> allocate(const KvLayout& layout, std::span<Backend* const> backendOfLayer);
  std::span<const TensorView> k() const { return k_; }
  std::span<const TensorView> v() const { return v_; }
  uint64_t bytes() const { return bytes_; }

  // Copies whole pages in every layer and waits for it.
  Result<void> copyPages(std::span<const PageCopy> copies);

  // A page of all layers as bytes: each layer's keys, then its values.
  uint64_t pageBytes() const;
  // What is behind the first `tokens` positions comes out as zeros.
  Result<void> readPage(int32_t page, int tokens, std::span<std::byte> out) const;
  Result<void> writePage(int32_t page, std::span<const std::byte> bytes);

 private:
  std::vector<Backend*> backends_;  // of each layer
  std::vector<TensorView> k_, v_;
  uint64_t bytes_ = 0;
};

}  // namespace lemma
