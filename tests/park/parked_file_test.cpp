// The file of a parked stretch: what is written comes back, and whatever else the bytes are is one sentence.
#include "engine/park/parked_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <random>

#include "tests/support/allocation_meter.h"

namespace lemma::test {
namespace {

constexpr uint64_t kPageBytes = 256;

ParkedHeader sampleHeader() {
  ParkedHeader h{.shape = {.identity = "0123456789abcdef0123456789abcdef",
                           .type = 1,
                           .layers = 2,
                           .headDim = 8,
                           .vDim = 8,
                           .kvHeads = 2,
                           .pageTokens = 4,
                           .pageBytes = kPageBytes},
                 .first = 4};
  for (int i = 0; i < 15; ++i) h.tokens.push_back(Token(i * 7));
  return h;
}

std::vector<std::byte> sampleFile() {
  ParkedHeader h = sampleHeader();
  std::vector<std::byte> pages(3 * kPageBytes);
  for (size_t i = 0; i < pages.size(); ++i) pages[i] = std::byte(i * 31 + i / kPageBytes);
  for (size_t p = 0; p < 3; ++p)
    h.pageChecks.push_back(pageCheck(std::span(pages).subspan(p * kPageBytes, kPageBytes)));
  auto bytes = encodeParked(h);
  bytes.insert(bytes.end(), pages.begin(), pages.end());
  return bytes;
}

// As a program reads it: the fixed part, the header, each page. The first error, else the header.
Result<ParkedHeader> read(std::span<const std::byte> file) {
  const auto fixed = file.first(std::min<size_t>(file.size(), parked_limits::kFixedBytes));
  LEMMA_TRY(headerBytes, parkedHeaderBytes(fixed));
  if (headerBytes > file.size()) return fail(Err::truncated, "short");
  LEMMA_TRY(header, parseParked(file.first(headerBytes), file.size()));
  for (size_t p = 0; p < header.pageChecks.size(); ++p) {
    const auto page = file.subspan(header.dataOffset + p * header.shape.pageBytes, header.shape.pageBytes);
    if (pageCheck(page) != header.pageChecks[p]) return fail(Err::badValue, "page");
  }
  return header;
}

TEST(ParkedFile, whatIsWrittenComesBack) {
  const auto file = sampleFile();
  const auto header = read(file);
  ASSERT_TRUE(header) << header.error().what;
  const ParkedHeader wanted = sampleHeader();
  EXPECT_EQ(header->shape, wanted.shape);
  EXPECT_EQ(header->first, wanted.first);
  EXPECT_EQ(header->tokens, wanted.tokens);
  EXPECT_EQ(header->end(), 15);
  EXPECT_EQ(header->pageChecks.size(), 3u);
  EXPECT_EQ(header->fileBytes, file.size());
}

struct Hostile {
  const char* name;
  Err code;
  std::function<void(std::vector<std::byte>&)> spoil;
};

std::function<void(std::vector<std::byte>&)> number32(size_t at, uint32_t v) {
  return [=](std::vector<std::byte>& f) { std::memcpy(&f[at], &v, sizeof v); };
}
std::function<void(std::vector<std::byte>&)> number64(size_t at, uint64_t v) {
  return [=](std::vector<std::byte>& f) { std::memcpy(&f[at], &v, sizeof v); };
}
std::function<void(std::vector<std::byte>&)> cutTo(size_t bytes) {
  return [=](std::vector<std::byte>& f) { f.resize(bytes); };
}
std::function<void(std::vector<std::byte>&)> flip(size_t at) {
  return [=](std::vector<std::byte>& f) { f[at] ^= std::byte{1}; };
}

TEST(ParkedFile, hostileFilesAreRefused) {
  const size_t size = sampleFile().size();
  const Hostile kCases[] = {
      {"empty", Err::badMagic, cutTo(0)},
      {"half a magic", Err::badMagic, cutTo(4)},
      {"another magic", Err::badMagic, flip(0)},
      {"magic only", Err::truncated, cutTo(8)},
      {"half a header", Err::truncated, cutTo(100)},
      {"fixed part only", Err::truncated, cutTo(112)},
      {"another version", Err::unsupported, number32(8, 2)},
      {"another cache type", Err::badValue, number32(12, 8)},
      {"more layers", Err::badValue, number32(16, 3)},
      {"wider heads", Err::badValue, number32(20, 16)},
      {"wider values", Err::badValue, number32(24, 16)},
      {"more heads", Err::badValue, number32(28, 3)},
      {"no tokens in a page", Err::tooLarge, number32(32, 0)},
      {"absurdly long pages", Err::tooLarge, number32(32, 0xffffffff)},
      {"starts within a page", Err::badValue, number32(36, 5)},
      {"starts behind its end", Err::badValue, number32(36, 16)},
      {"starts far away", Err::badValue, number32(36, 0xfffffffc)},
      {"starts elsewhere", Err::badValue, number32(36, 8)},
      {"no bytes in a page", Err::tooLarge, number64(40, 0)},
      {"absurdly large pages", Err::tooLarge, number64(40, ~0ull)},
      {"other pages", Err::badValue, number64(40, 128)},
      {"another size", Err::badValue, number64(48, size + 1)},
      {"absurd size", Err::badValue, number64(48, ~0ull)},
      {"no tokens", Err::tooLarge, number32(56, 0)},
      {"absurdly many tokens", Err::tooLarge, number32(56, 0xffffffff)},
      {"most tokens there may be", Err::badValue, number32(56, 1 << 22)},
      {"a token less", Err::badValue, number32(56, 14)},
      {"absurdly many pages", Err::badValue, number32(60, 0xffffffff)},
      {"reserved field", Err::badValue, number64(64, 1)},
      {"another model", Err::badValue, flip(72)},
      {"checksum of the header", Err::badValue, flip(104)},
      {"a token", Err::badValue, flip(112)},
      {"padding", Err::badValue, flip(112 + 60)},
      {"checksum of a page", Err::badValue, flip(176)},
      {"the first page", Err::badValue, flip(size - 3 * kPageBytes)},
      {"the last byte", Err::badValue, flip(size - 1)},
      {"a byte less", Err::truncated, cutTo(size - 1)},
      {"a page less", Err::truncated, cutTo(size - kPageBytes)},
      {"a byte more", Err::badValue, cutTo(size + 1)},
  };
  for (const Hostile& c : kCases) {
    SCOPED_TRACE(c.name);
    auto file = sampleFile();
    c.spoil(file);
    resetAllocationPeak();
    const auto header = read(file);
    EXPECT_LE(allocationPeak(), 4096 + file.size());
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, c.code) << header.error().what;
    EXPECT_FALSE(header.error().what.empty());
  }
}

TEST(ParkedFile, mutantsAreRefusedOrTheSame) {
  std::mt19937 random(5);
  const auto below = [&](size_t n) { return size_t(random()) % n; };
  const auto right = sampleFile();
  int refused = 0;
  for (int i = 0; i < 500; ++i) {
    SCOPED_TRACE(i);
    auto file = right;
    for (size_t damages = 1 + below(3); damages-- > 0 && !file.empty();) {
      const size_t at = below(2) ? below(file.size()) : below(std::min<size_t>(file.size(), 192));
      switch (below(4)) {
        case 0:
          file[at] = std::byte(random());
          break;
        case 1:
          file[at] ^= std::byte(1 << below(8));
          break;
        case 2:
          file.resize(at);
          break;
        default:
          file.insert(file.begin() + ptrdiff_t(at), 1 + below(70), std::byte(random()));
      }
    }
    const auto start = std::chrono::steady_clock::now();
    resetAllocationPeak();
    const auto header = read(file);
    EXPECT_LE(allocationPeak(), 4096 + file.size());
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
    refused += !header;
    if (header) {
      ASSERT_EQ(file, right) << "only damage that changes nothing is let through";
    }
  }
  EXPECT_GT(refused, 450);
}

}  // namespace
}  // namespace lemma::test
