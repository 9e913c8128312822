// NVFP4: each group of 16 has a scale of 8 bits; the codes around the one that fits the largest value are tried.
#include "kernels/encode/encode.h"
#include "kernels/encode/fit.h"
#include "kernels/quant/nvfp4.h"

namespace lemma::encode {
namespace {

// The level of kFp4Doubled next to v.
int nearest(float v) {
  constexpr float kMiddles[7] = {0.5f, 1.5f, 2.5f, 3.5f, 5, 7, 10};
  int level = 0;
  while (level < 7 && std::fabs(v) > kMiddles[level]) ++level;
  return v < 0 && level > 0 ? level + 8 : level;
}

float errorAt(const float* x, const float* w, float scale) {
  float error = 0;
  for (int i = 0; i < 16; ++i) {
    const float rest = x[i] - scale * float(kFp4Doubled[nearest(scale > 0 ? x[i] / scale : 0)]);
    error += w[i] * rest * rest;
  }
  return error;
}

}  // namespace

void nvfp4(const float* in, const float* importance, std::byte* blocks, int64_t n) {
  constexpr int kCodes = 0x7f;  // 0 to 0x7e, growing
  auto* b = reinterpret_cast<NVFP4::Block*>(blocks);
  for (int64_t at = 0; at < n; at += NVFP4::kBlock, ++b) {
    *b = {};
    const Values<NVFP4::kBlock> v(in + at, importance ? importance + at : nullptr);
    const auto scaleOf = [&](int code) { return float(double(NVFP4::scale(uint8_t(code))) / v.unit); };
    for (int g = 0; g < 4; ++g) {
      const float* x = v.x + 16 * g;
      const float* w = v.w + 16 * g;
      float largest = 0;
      for (int i = 0; i < 16; ++i) largest = std::max(largest, std::fabs(x[i]));
      int middle = 0;
      while (middle + 1 < kCodes && scaleOf(middle) * 12 < largest) ++middle;
      int best = middle;
      for (int code = std::max(0, middle - 5); code < std::min(kCodes, middle + 4); ++code) {
        if (errorAt(x, w, scaleOf(code)) < errorAt(x, w, scaleOf(best))) best = code;
      }
      b->scales[g] = uint8_t(best);
      const float scale = scaleOf(best);
      for (int i = 0; i < 16; ++i) {
        const int level = nearest(scale > 0 ? x[i] / scale : 0);
        b->q[8 * g + i % 8] |= uint8_t(level << (i / 8 * 4));
      }
    }
  }
}

}  // namespace lemma::encode
