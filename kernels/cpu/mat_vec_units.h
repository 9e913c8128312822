// Up to 8 rows of activations times a matrix in a format that is unpacked unit by unit (weight_formats_k.h says what a
// unit is). Included once a target.
// Four weight rows at a time, kUnitGap blocks of each: scales and minima become floats in scratch, levels too unless
// the format is unpacked where it is multiplied, then every row of activations is multiplied with the four. An output
// is summed in one fixed order along k, minima of a part before its products, whichever rows share its tile.
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

struct UnitRow {  // a part of one weight row
  float scale[2][kUnitGap];
  float minimum[2][kUnitGap];
  std::byte levels[kUnitGap * 32];
};
struct UnitScratch {
  UnitRow rows[kRowsAtOnce];
  F sums[kFewRows][kRowsAtOnce];
};
static_assert(sizeof(UnitScratch) <= kUnitScratch);

// Where a tile finds the levels of blocks 4 quad and on of a part: in scratch, one kind of tile for all formats that
// share it, or in the file's own bytes.
template <bool kHalves_, bool kSigned_>
struct LevelsInScratch {
  static constexpr bool kHalves = kHalves_, kSigned = kSigned_;
  LEMMA_UNIT void load(const UnitRow& row, const std::byte*, int32_t quad, Quad& first, Quad& second) {
    first = quadAt(row.levels + 128 * quad);
    second = quadAt(row.levels + 128 * quad + 64);
  }
};
template <class B>
struct LevelsInFile {
  static_assert(B::kBlocks == 8, "rows of smaller units may end within one");
  static constexpr bool kHalves = B::kHalves, kSigned = B::kSigned;
  LEMMA_UNIT void load(const UnitRow&, const std::byte* units, int32_t quad, Quad& first, Quad& second) {
    constexpr int kQuads = B::kBlocks / 4;
    B::levels(units + quad / kQuads * B::kBytes, quad % kQuads, first, second);
  }
};

template <class L, int kRows, int kTokens>
struct UnitTile {
  const UnitRow* rows[kRows];
  const std::byte* units[kRows];
  const std::byte* acts[kTokens];
  F scale[L::kHalves ? 2 : 1][kRows][kTokens];
  F sum[kRows][kTokens];

  template <int kStep, int kPart>
  [[gnu::always_inline]] inline void part(int32_t quad, const Quad* first, const Quad* second) {
    const auto dot = [](I acc, I w, I x) __attribute__((always_inline)) {
      return L::kSigned ? dotSigned(acc, w, x) : dotLevel(acc, w, x);
    };
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      const std::byte* const at = acts[t] + 128 * quad + kPart * int(sizeof(I));
      const I x = iload(at), y = iload(at + 64);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const I low = dot(izero(), first[r].v[kPart], x);
        if constexpr (L::kHalves) {
          const I high = dot(izero(), second[r].v[kPart], y);
          sum[r][t] = fma(toFloat(low), spread<kStep>(scale[0][r][t]), sum[r][t]);
          sum[r][t] = fma(toFloat(high), spread<kStep>(scale[1][r][t]), sum[r][t]);
        } else {
          sum[r][t] = fma(toFloat(dot(low, second[r].v[kPart], y)), spread<kStep>(scale[0][r][t]), sum[r][t]);
        }
      }
    }
  }

  // Quad kQuad of the kLanes blocks whose scales are loaded.
  template <int kQuad>
  [[gnu::always_inline]] inline void quad(int32_t q) {
    Quad first[kRows], second[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) L::load(*rows[r], units[r], q, first[r], second[r]);
    part<kQuad * kQuadParts, 0>(q, first, second);
    if constexpr (kQuadParts > 1) part<kQuad * kQuadParts + 1, 1>(q, first, second);
    if constexpr (kQuadParts > 2) {
      part<kQuad * kQuadParts + 2, 2>(q, first, second);
      part<kQuad * kQuadParts + 3, 3>(q, first, second);
    }
  }
};

// Adds the products of one part of k, `blocks` from `firstBlock` on, to the sums in scratch. The scales there are zero
// up to the next multiple of kLanes.
template <class L, int kRows, int kTokens>
static void unitTile(const MatVecArgs& a, UnitScratch& s, const std::byte* units, int row, int token,
                     int32_t firstBlock, int32_t blocks) {
  constexpr int kParts = L::kHalves ? 2 : 1;
  const ActLayout& layout = *a.layout;
  UnitTile<L, kRows, kTokens> tile;
  const float *actScale[kTokens], *actSum[kTokens];
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
    const std::byte* const acts = a.acts + (token + t) * a.actStride;
    tile.acts[t] = acts + firstBlock * 32;
    actScale[t] = reinterpret_cast<const float*>(acts + layout.scale) + firstBlock;
    actSum[t] = reinterpret_cast<const float*>(acts + (L::kHalves ? layout.halfSum : layout.sum)) + firstBlock;
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    tile.rows[r] = &s.rows[row + r];
    tile.units[r] = units + (row + r) * int64_t(a.rowBytes);
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) tile.sum[r][t] = s.sums[token + t][row + r];
  }
  for (int32_t b = 0; b < blocks; b += kLanes) {
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      const F xs = fload(actScale[t] + b);
#pragma GCC unroll 2
      for (int p = 0; p < kParts; ++p) {
        const F sums = fload(actSum[t] + p * layout.padded + b);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
          tile.scale[p][r][t] = fmul(fload(tile.rows[r]->scale[p] + b), xs);
          tile.sum[r][t] = fma(fload(tile.rows[r]->minimum[p] + b), sums, tile.sum[r][t]);
        }
      }
    }
    const int32_t q = b / 4, left = (blocks - b + 3) / 4;
    tile.template quad<0>(q);
    if constexpr (kGroup > 1) {
      if (left > 1) tile.template quad<1>(q + 1);
    }
    if constexpr (kGroup > 2) {
      if (left > 2) tile.template quad<2>(q + 2);
      if (left > 3) tile.template quad<3>(q + 3);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) s.sums[token + t][row + r] = tile.sum[r][t];
  }
}

template <class L, int kTokens>
static void unitRows(const MatVecArgs& a, UnitScratch& s, const std::byte* units, int count, int& token,
                     int32_t firstBlock, int32_t blocks) {
  constexpr int kRows = kMaxStreams / kTokens < kRowsAtOnce ? kMaxStreams / kTokens : kRowsAtOnce;
  for (; token + kTokens <= a.tokens; token += kTokens) {
    int row = 0;
    for (; row + kRows <= count; row += kRows) unitTile<L, kRows, kTokens>(a, s, units, row, token, firstBlock, blocks);
    for (; row < count; ++row) unitTile<L, 1, kTokens>(a, s, units, row, token, firstBlock, blocks);
  }
}

// A unit that ends with the row: what is missing of it counts as zero bytes.
template <class B>
LEMMA_SIMD const std::byte* wholeUnit(const std::byte* unit, int32_t blocks, std::byte* room) {
  if (blocks >= B::kBlocks) return unit;
  memset(room, 0, B::kBytes);
  memcpy(room, unit, size_t(blocks * B::kBytes / B::kBlocks));
  return room;
}

template <class B, bool kLevels>
static void unpackPart(const std::byte* units, int32_t blocks, UnitRow& row) {
  int32_t b = 0;
  for (; b < blocks; b += B::kBlocks, units += B::kBytes) {
    std::byte room[B::kBytes];
    const std::byte* const unit = wholeUnit<B>(units, blocks - b, room);
    B::scales(unit, row.scale[0] + b, row.minimum[0] + b);
    if constexpr (!kLevels) continue;
    for (int q = 0; q < B::kBlocks / 4; ++q) {
      Quad first, second;
      B::levels(unit, q, first, second);
      store(row.levels + b * 32 + q * 128, first);
      store(row.levels + b * 32 + q * 128 + 64, second);
    }
  }
  constexpr int kParts = B::kHalves ? 2 : 1;
  for (int p = 0; p < kParts; ++p) {
    for (int32_t i = b; i < (blocks + kLanes - 1) / kLanes * kLanes; ++i) row.scale[p][i] = row.minimum[p][i] = 0;
    if constexpr (!B::kMinimum) {
      for (int32_t i = 0; i < blocks; i += kLanes) {
        fstore(row.minimum[p] + i, fmul(fload(row.scale[p] + i), fset(float(-B::kZero))));
      }
    }
  }
}

template <class B, bool kInFile>
struct LevelsOf {
  using Type = LevelsInScratch<B::kHalves, B::kSigned>;
};
template <class B>
struct LevelsOf<B, true> {
  using Type = LevelsInFile<B>;
};

template <class B, bool kInFile>
static void matVecUnits(const MatVecArgs& a) {
  using L = typename LevelsOf<B, kInFile>::Type;
  auto& s = *reinterpret_cast<UnitScratch*>(a.scratch);
  const int32_t all = a.layout->blocks;
  for (int64_t n = 0; n < a.n; n += kRowsAtOnce) {
    const int count = int(a.n - n < kRowsAtOnce ? a.n - n : kRowsAtOnce);
    const std::byte* const rows = a.weights + n * int64_t(a.rowBytes);
    for (int t = 0; t < a.tokens; ++t) {
      for (int r = 0; r < kRowsAtOnce; ++r) s.sums[t][r] = fzero();
    }
    for (int32_t b = 0; b < all; b += kUnitGap) {
      const int32_t blocks = all - b < kUnitGap ? all - b : kUnitGap;
      const std::byte* const units = rows + b / B::kBlocks * B::kBytes;
      const int32_t bytes = blocks * B::kBytes / B::kBlocks;
      for (int r = 0; r < count; ++r) {
        const std::byte* const part = units + r * int64_t(a.rowBytes);
        for (int32_t i = 0; i < bytes; i += 64) _mm_prefetch(part + kAhead + i, _MM_HINT_T0);
        unpackPart<B, !kInFile>(part, blocks, s.rows[r]);
      }
      int token = 0;
      unitRows<L, 4>(a, s, units, count, token, b, blocks);
      unitRows<L, 2>(a, s, units, count, token, b, blocks);
      unitRows<L, 1>(a, s, units, count, token, b, blocks);
    }
    for (int t = 0; t < a.tokens; ++t) {
      alignas(16) float out[kRowsAtOnce];
      _mm_store_ps(out, sum4(s.sums[t][0], s.sums[t][1], s.sums[t][2], s.sums[t][3]));
      for (int r = 0; r < count; ++r) a.out[t * a.ldOut + n + r] = out[r];
    }
  }
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
