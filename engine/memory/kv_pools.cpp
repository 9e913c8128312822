#include "engine/memory/kv_pools.h"

#include <array>
#include <cstring>
#include <string>

namespace lemma {
namespace {

constexpr size_t kInFlight = 32;  // copies that wait at once: a backend's queue ends somewhere

TensorView pageOf(const TensorView& pool, int32_t page) {
  TensorView view = pool;
  view.off += uint64_t(page) * uint64_t(pool.nb[3]);
  view.ne[3] = 1;
  return view;
}

// The same page as bytes of the program's own memory.
TensorView hostPage(TensorView page, std::byte* host) {
  page.buf = {.bytes = uint64_t(page.nb[3]), .host = host};
  page.off = 0;
  return page;
}

Result<void> copyOnHost(Backend& backend, const TensorView& to, const TensorView& from) {
  if (to.buf.host && from.buf.host) {
    std::memcpy(to.data(), from.data(), size_t(to.nb[3]));
    return {};
  }
  LEMMA_TRY(fence, backend.copy(to, from, {}));
  return backend.wait(fence, kNoDeadline);
}

}  // namespace

std::optional<uint64_t> KvLayout::bytesOfLayer() const {
  const auto k = rowBytes(type, headDim), v = rowBytes(type, vDim);
  if (!k || !v) return std::nullopt;
  return (*k + *v) * uint64_t(pageTokens) * uint64_t(kvHeads) * uint64_t(pages);
}

KvPools::~KvPools() {
  for (size_t i = 0; i < k_.size(); ++i) backends_[i]->release(k_[i].buf);
  for (size_t i = 0; i < v_.size(); ++i) {
    if (!v_[i].empty()) backends_[i]->release(v_[i].buf);
  }
}

Result<void> KvPools::allocate(const KvLayout& l, std::span<Backend* const> backendOfLayer) {
  if (!l.bytesOfLayer()) {
    return fail(Err::unsupported, "heads of " + std::to_string(l.headDim) + " and " + std::to_string(l.vDim) +
                                      " numbers are not whole blocks of the cache type " +
                                      std::string(typeInfo(l.type)->name));
  }
  backends_.assign(backendOfLayer.begin(), backendOfLayer.end());
  for (Backend* backend : backends_) {
    const Space space = backend->info().hostMemory ? Space::host : Space::device;
    const auto pool = [&](int dim) -> Result<TensorView> {
      if (dim == 0) return TensorView{};
      TensorView view = contiguous({}, 0, l.type, {dim, l.pageTokens, l.kvHeads, l.pages});
      const uint64_t bytes = uint64_t(view.nb[3]) * uint64_t(l.pages);
      LEMMA_TRY(buf, backend->alloc(bytes, space, Usage::kvCache));
      bytes_ += bytes;
      view.buf = buf;
      return view;
    };
    LEMMA_TRY(k, pool(l.headDim));
    k_.push_back(k);
    LEMMA_TRY(v, pool(l.vDim));
    v_.push_back(v);
  }
  return {};
}

Result<void> KvPools::copyPages(std::span<const PageCopy> copies) {
  std::array<std::pair<Backend*, Fence>, kInFlight> fences;
  size_t count = 0;
  const auto wait = [&]() -> Result<void> {
    for (size_t i = 0; i < count; ++i) LEMMA_CHECK(fences[i].first->wait(fences[i].second, kNoDeadline));
    count = 0;
    return {};
  };
  for (const PageCopy& c : copies) {
    for (size_t layer = 0; layer < backends_.size(); ++layer) {
      for (const TensorView& pool : {k_[layer], v_[layer]}) {
        if (pool.empty()) continue;
        if (count == kInFlight) LEMMA_CHECK(wait());
        LEMMA_TRY(fence, backends_[layer]->copy(pageOf(pool, c.to), pageOf(pool, c.from), {}));
        fences[count++] = {backends_[layer], fence};
      }
    }
  }
  return wait();
}

uint64_t KvPools::pageBytes() const {
  uint64_t bytes = 0;
  for (const auto* pools : {&k_, &v_}) {
    for (const TensorView& pool : *pools) bytes += pool.empty() ? 0 : uint64_t(pool.nb[3]);
  }
  return bytes;
}

Result<void> KvPools::readPage(int32_t page, int tokens, std::span<std::byte> out) const {
  std::byte* to = out.data();
  for (size_t layer = 0; layer < backends_.size(); ++layer) {
    for (const TensorView& pool : {k_[layer], v_[layer]}) {
      if (pool.empty()) continue;
      const TensorView from = pageOf(pool, page);
      LEMMA_CHECK(copyOnHost(*backends_[layer], hostPage(from, to), from));
      for (int64_t head = 0; head < pool.ne[2]; ++head) {
        const int64_t unused = (pool.ne[1] - tokens) * pool.nb[1];
        std::memset(to + head * pool.nb[2] + tokens * pool.nb[1], 0, size_t(unused));
      }
      to += pool.nb[3];
    }
  }
  return {};
}

Result<void> KvPools::writePage(int32_t page, std::span<const std::byte> bytes) {
  auto* from = const_cast<std::byte*>(bytes.data());  // read only
  for (size_t layer = 0; layer < backends_.size(); ++layer) {
    for (const TensorView& pool : {k_[layer], v_[layer]}) {
      if (pool.empty()) continue;
      const TensorView to = pageOf(pool, page);
      LEMMA_CHECK(copyOnHost(*backends_[layer], to, hostPage(to, from)));
      from += pool.nb[3];
    }
  }
  return {};
}

}  // namespace lemma
