// Code books whose points are gathered give the bits of those whose points are loaded one by one. Which of the two runs
// depends on the processor, so both are compared on every one that can.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/api/type.h"
#include "kernels/cpu/phase.h"
#include "kernels/cpu/targets.h"
#include "kernels/quant/iq1_m.h"

namespace lemma::cpu {
namespace {

struct Bytes {
  Bytes(size_t n, unsigned seed) : at(n) {
    std::mt19937 random(seed);
    for (std::byte& b : at) b = std::byte(random());
  }
  std::vector<std::byte> at;
};

const KernelTable* vnniTable() {
  const auto runnable = runnableTargets();
  const auto found = std::ranges::find(runnable, "vnni", &Target::name);
  if (found == runnable.end()) return nullptr;
  return std::ranges::find(builtTargets(), "vnni", &Target::name)->kernels;
}

// Two blocks of 256 values a row; factors that are not finite would hide differences, so each is 2^-8 or 2^-11.
constexpr int64_t kRows = 37, kInputs = 512;
Bytes randomRows(const TypeInfo& type, uint64_t rowBytes) {
  Bytes rows(rowBytes * kRows, unsigned(type.blockBytes));
  for (size_t at = 0; at < rows.at.size(); at += size_t(type.blockBytes)) {
    if (type.type == Type::IQ1_M) {  // the factor lies in the high 4 bits of the four words of scales
      for (size_t i = 1; i < 8; i += 2) {
        std::byte& top = rows.at[at + offsetof(IQ1_M::Block, scales) + i];
        top = (top & std::byte(0x0f)) | (i == 7 ? std::byte(0x10) : std::byte(0));
      }
    } else {
      const uint16_t factor = 0x1c00;
      std::memcpy(&rows.at[at], &factor, sizeof factor);
    }
  }
  return rows;
}

TEST(Gathered, pointsHaveTheBitsOfPointsLoadedOneByOne) {
  const KernelTable* const table = vnniTable();
  if (!table) GTEST_SKIP() << "this processor has no AVX512_VNNI";
  ASSERT_EQ(table->gatheredCount, 3);
  for (const FormatKernels& gathered : std::span(table->gathered, size_t(table->gatheredCount))) {
    const std::span formats(table->formats, size_t(table->formatCount));
    const FormatKernels& loaded = *std::ranges::find(formats, gathered.type, &FormatKernels::type);
    const TypeInfo& type = *typeInfo(Type(gathered.type));
    SCOPED_TRACE(type.name);
    ASSERT_NE(gathered.matVec, loaded.matVec);
    const uint64_t rowBytes = *lemma::rowBytes(type.type, kInputs);
    const Bytes weights = randomRows(type, rowBytes);
    const ActLayout layout = actLayout(kInputs);
    std::vector<std::byte> acts(size_t(layout.stride) * kFewRows);
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    for (int t = 0; t < kFewRows; ++t) {
      std::vector<float> row(kInputs);
      for (float& x : row) x = normal(random);
      table->quantize(row.data(), 0, layout.blocks, layout, acts.data() + t * layout.stride);
    }
    for (const int tokens : {1, 3, kFewRows}) {
      std::vector<float> out[2];
      for (int which = 0; which < 2; ++which) {
        out[which].assign(size_t(tokens * kRows), 0);
        std::vector<std::byte> scratch(kMatVecScratch + 64);
        auto* const room = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) % 64;
        (which == 0 ? loaded : gathered)
            .matVec({.weights = weights.at.data(),
                     .rowBytes = rowBytes,
                     .n = kRows,
                     .k = kInputs,
                     .acts = acts.data(),
                     .layout = &layout,
                     .actStride = layout.stride,
                     .tokens = tokens,
                     .out = out[which].data(),
                     .ldOut = kRows,
                     .scratch = room});
      }
      EXPECT_EQ(std::memcmp(out[0].data(), out[1].data(), out[0].size() * 4), 0) << tokens << " rows";
      EXPECT_TRUE(std::ranges::any_of(out[0], [](float x) { return x != 0; }));
    }
    std::vector<std::byte> panel[2];
    for (int which = 0; which < 2; ++which) {
      panel[which].assign(size_t(kInputs / 32 * loaded.panelBytesPerBlock), std::byte(0));
      (which == 0 ? loaded : gathered)
          .unpack({.weights = weights.at.data(),
                   .rowBytes = rowBytes,
                   .n = kPanel,
                   .k = kInputs,
                   .panel = panel[which].data()});
    }
    EXPECT_EQ(panel[0], panel[1]);
  }
}

}  // namespace
}  // namespace lemma::cpu
