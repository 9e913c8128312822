#include "engine/park/parked_file.h"

#include <algorithm>
#include <bit>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

// Little-endian, in this order:
//   magic "LEMMAKV\n", u32 version, u32 type, u32 layers, u32 headDim, u32 vDim, u32 kvHeads, u32 pageTokens, u32
//   first, u64 pageBytes, u64 fileBytes, u32 tokens, u32 pages, u64 0, 32 characters of identity, u64 XXH3-64 of all in
//   front of the pages with this field as 0; then the tokens as i32, zeros up to a multiple of 8, XXH3-64 of each page
//   as u64, zeros up to a multiple of 64, the pages.
namespace lemma {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian, pages are as in memory");

constexpr std::string_view kMagic = "LEMMAKV\n";
constexpr uint32_t kFileVersion = 1;
constexpr size_t kIdentityAt = 72, kIdentityBytes = 32, kCheckAt = 104;
static_assert(kCheckAt + 8 == parked_limits::kFixedBytes);

uint64_t upTo(uint64_t bytes, uint64_t multiple) { return (bytes + multiple - 1) / multiple * multiple; }

template <class T>
T numberAt(std::span<const std::byte> bytes, size_t at) {
  T v;
  std::memcpy(&v, bytes.data() + at, sizeof(T));
  return v;
}

template <class T>
void put(std::vector<std::byte>& out, size_t at, T v) {
  std::memcpy(out.data() + at, &v, sizeof(T));
}

struct Sizes {
  uint64_t checksAt = 0, dataOffset = 0, fileBytes = 0;
};

Sizes sizesOf(uint64_t tokens, uint64_t pages, uint64_t pageBytes) {
  Sizes s;
  s.checksAt = upTo(parked_limits::kFixedBytes + tokens * 4, 8);
  s.dataOffset = upTo(s.checksAt + pages * 8, 64);
  s.fileBytes = s.dataOffset + pages * pageBytes;
  return s;
}

uint64_t pagesOf(uint64_t first, uint64_t tokens, uint64_t pageTokens) {
  return (tokens + pageTokens - 1) / pageTokens - first / pageTokens;
}

uint64_t headerCheck(std::span<const std::byte> bytes) {
  constexpr uint64_t kNone = 0;
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, bytes.data(), kCheckAt);
  XXH3_64bits_update(&state, &kNone, sizeof kNone);
  XXH3_64bits_update(&state, bytes.data() + parked_limits::kFixedBytes, bytes.size() - parked_limits::kFixedBytes);
  return XXH3_64bits_digest(&state);
}

// The fixed part, its numbers within the limits and in agreement with each other.
struct Fixed {
  CacheShape shape;
  uint64_t first = 0, tokens = 0, pages = 0;
  Sizes sizes;
};

Result<Fixed> parseFixed(std::span<const std::byte> b) {
  using namespace parked_limits;
  if (b.size() < kMagic.size() || std::memcmp(b.data(), kMagic.data(), kMagic.size()) != 0)
    return fail(Err::badMagic, "it is no parked conversation");
  if (b.size() < kFixedBytes) return fail(Err::truncated, "it ends within its header");
  if (const auto version = numberAt<uint32_t>(b, 8); version != kFileVersion)
    return fail(Err::unsupported, "its version is " + std::to_string(version));
  Fixed f;
  CacheShape& s = f.shape;
  s.type = numberAt<uint32_t>(b, 12);
  s.layers = numberAt<uint32_t>(b, 16);
  s.headDim = numberAt<uint32_t>(b, 20);
  s.vDim = numberAt<uint32_t>(b, 24);
  s.kvHeads = numberAt<uint32_t>(b, 28);
  s.pageTokens = numberAt<uint32_t>(b, 32);
  f.first = numberAt<uint32_t>(b, 36);
  s.pageBytes = numberAt<uint64_t>(b, 40);
  const auto fileBytes = numberAt<uint64_t>(b, 48);
  f.tokens = numberAt<uint32_t>(b, 56);
  f.pages = numberAt<uint32_t>(b, 60);
  if (numberAt<uint64_t>(b, 64) != 0) return fail(Err::badValue, "its reserved field is not zero");
  s.identity.assign(reinterpret_cast<const char*>(b.data()) + kIdentityAt, kIdentityBytes);
  if (f.tokens == 0 || f.tokens > kTokens)
    return fail(Err::tooLarge, "it claims " + std::to_string(f.tokens) + " tokens");
  if (s.pageTokens == 0 || s.pageTokens > kPageTokens)
    return fail(Err::tooLarge, "it claims pages of " + std::to_string(s.pageTokens) + " tokens");
  if (s.pageBytes == 0 || s.pageBytes > kPageBytes)
    return fail(Err::tooLarge, "it claims pages of " + std::to_string(s.pageBytes) + " bytes");
  if (f.first % s.pageTokens != 0 || f.first >= f.tokens)
    return fail(Err::badValue, "it starts at position " + std::to_string(f.first));
  if (f.pages != pagesOf(f.first, f.tokens, s.pageTokens))
    return fail(Err::badValue, "it claims " + std::to_string(f.pages) + " pages");
  f.sizes = sizesOf(f.tokens, f.pages, s.pageBytes);
  if (fileBytes != f.sizes.fileBytes)
    return fail(Err::badValue, "it claims a size of " + std::to_string(fileBytes) + " bytes");
  return f;
}

}  // namespace

uint64_t pageCheck(std::span<const std::byte> page) { return XXH3_64bits(page.data(), page.size()); }

std::vector<std::byte> encodeParked(const ParkedHeader& h) {
  const CacheShape& s = h.shape;
  const uint64_t tokens = h.tokens.size(), pages = h.pageChecks.size();
  const Sizes sizes = sizesOf(tokens, pages, s.pageBytes);
  std::vector<std::byte> out(sizes.dataOffset);
  std::memcpy(out.data(), kMagic.data(), kMagic.size());
  const uint32_t numbers[] = {kFileVersion, s.type,    s.layers,     s.headDim,
                              s.vDim,       s.kvHeads, s.pageTokens, uint32_t(h.first)};
  std::memcpy(out.data() + kMagic.size(), numbers, sizeof numbers);
  put(out, 40, s.pageBytes);
  put(out, 48, sizes.fileBytes);
  put(out, 56, uint32_t(tokens));
  put(out, 60, uint32_t(pages));
  std::memcpy(out.data() + kIdentityAt, s.identity.data(), std::min(s.identity.size(), kIdentityBytes));
  std::memcpy(out.data() + parked_limits::kFixedBytes, h.tokens.data(), tokens * sizeof(Token));
  std::memcpy(out.data() + sizes.checksAt, h.pageChecks.data(), pages * sizeof(uint64_t));
  put(out, kCheckAt, headerCheck(out));
  return out;
}

Result<uint64_t> parkedHeaderBytes(std::span<const std::byte> fixed) {
  LEMMA_TRY(f, parseFixed(fixed));
  return f.sizes.dataOffset;
}

Result<ParkedHeader> parseParked(std::span<const std::byte> bytes, uint64_t fileBytes) {
  LEMMA_TRY(f, parseFixed(bytes));
  if (fileBytes != f.sizes.fileBytes) {
    return fail(fileBytes < f.sizes.fileBytes ? Err::truncated : Err::badValue,
                "it has " + std::to_string(fileBytes) + " bytes instead of " + std::to_string(f.sizes.fileBytes));
  }
  if (bytes.size() < f.sizes.dataOffset) return fail(Err::truncated, "it ends within its header");
  bytes = bytes.first(f.sizes.dataOffset);
  if (numberAt<uint64_t>(bytes, kCheckAt) != headerCheck(bytes))
    return fail(Err::badValue, "the checksum of its header is wrong");
  ParkedHeader h{.shape = std::move(f.shape),
                 .first = int(f.first),
                 .tokens = std::vector<Token>(f.tokens),
                 .pageChecks = std::vector<uint64_t>(f.pages),
                 .dataOffset = f.sizes.dataOffset,
                 .fileBytes = fileBytes};
  std::memcpy(h.tokens.data(), bytes.data() + parked_limits::kFixedBytes, f.tokens * sizeof(Token));
  std::memcpy(h.pageChecks.data(), bytes.data() + f.sizes.checksAt, f.pages * sizeof(uint64_t));
  return h;
}

}  // namespace lemma
