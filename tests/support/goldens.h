// Where the reference data lies, for tests that read it. Test code only.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace lemma::test {

// The folder of reference data beside the checkout; large, so a test skips where it is absent.
inline std::filesystem::path goldens() { return std::filesystem::path(LEMMA_TESTS_DIR) / "../../shared/goldens"; }

inline std::vector<std::byte> readBytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::vector<char> chars{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const auto* first = reinterpret_cast<const std::byte*>(chars.data());
  return {first, first + chars.size()};
}

inline std::string readText(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace lemma::test

// Ends the test as skipped, in words, where a path of the reference data is absent.
#define LEMMA_NEED_GOLDENS(path)                                                                            \
  do {                                                                                                      \
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs " << (path).string() << ", which is absent"; \
  } while (0)
