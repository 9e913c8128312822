// Reads NumPy's .npy arrays (little-endian f4 and f2, C order) as floats. Test code only; throws on anything else.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/quant/half.h"
#include "tests/support/goldens.h"

namespace lemma::test {

struct Npy {
  std::vector<int64_t> shape;
  std::vector<float> data;
  const float* row(int64_t i) const { return data.data() + i * shape.back(); }
};

inline Npy readNpy(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = readBytes(path);
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  if (bytes.size() < 10 || std::memcmp(p, "\x93NUMPY\x01", 7) != 0)
    throw std::runtime_error("not npy 1: " + path.string());
  const size_t headerBytes = 10 + (p[8] | size_t(p[9]) << 8);
  if (bytes.size() < headerBytes) throw std::runtime_error("short npy: " + path.string());
  const std::string header(reinterpret_cast<const char*>(p) + 10, headerBytes - 10);
  const bool single = header.find("'<f4'") != std::string::npos;
  if (!single && header.find("'<f2'") == std::string::npos) throw std::runtime_error("npy type: " + header);
  if (header.find("'fortran_order': False") == std::string::npos) throw std::runtime_error("npy order: " + header);

  Npy out;
  int64_t count = 1;
  const size_t open = header.find('('), close = header.find(')');
  for (size_t at = open + 1; at < close;) {
    const size_t comma = std::min(header.find(',', at), close);
    const std::string dim = header.substr(at, comma - at);
    if (dim.find_first_of("0123456789") != std::string::npos) {
      out.shape.push_back(std::stoll(dim));
      count *= out.shape.back();
    }
    at = comma + 1;
  }
  if (bytes.size() - headerBytes != size_t(count) * (single ? 4 : 2))
    throw std::runtime_error("npy size: " + path.string());
  out.data.resize(size_t(count));
  if (single) {
    std::memcpy(out.data.data(), p + headerBytes, size_t(count) * 4);
  } else {
    const auto* halves = reinterpret_cast<const Half*>(p + headerBytes);
    for (int64_t i = 0; i < count; ++i) out.data[size_t(i)] = halfToFloat(halves[i]);
  }
  return out;
}

}  // namespace lemma::test
