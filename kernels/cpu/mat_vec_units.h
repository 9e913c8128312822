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
static_assert(sizeof(UnitScratch) <= kMatVecScratch);

// Fetches what lies where the next part of the row will be taken apart, while this one is.
template <class B>
LEMMA_SIMD void prefetchUnit(const std::byte* unit) {
#pragma GCC unroll 8
  for (int i = 0; i < B::kBytes; i += 64) _mm_prefetch(unit + i, _MM_HINT_T0);
}

// A unit that ends with the row: what is missing of it counts as zero bytes.
template <class B>
LEMMA_SIMD const std::byte* wholeUnit(const std::byte* unit, int32_t blocks, std::byte* room) {
  if (blocks >= B::kBlocks) return unit;
  memset(room, 0, B::kBytes);
  memcpy(room, unit, size_t(blocks * B::kBytes / B::kBlocks));
  return room;
}

// A part of four weight rows: its place in k, where it lies, and where that lies which comes after it.
struct UnitPart {
  int32_t block = 0, blocks = 0;
  const std::byte *units = nullptr, *next = nullptr;  // of the first row
};

// Where a tile finds the levels of blocks 4 quad and on of a part: in scratch, one kind of tile for all formats that
// share it, or in the file's own bytes. The sums are the same.
template <bool kHalves_, bool kSigned_>
struct LevelsInScratch {
  static constexpr bool kHalves = kHalves_, kSigned = kSigned_;
  LEMMA_UNIT void load(const UnitPart&, int64_t, const UnitRow& row, int32_t quad, Quad& first, Quad& second) {
    first = quadAt(row.levels + 128 * quad);
    second = quadAt(row.levels + 128 * quad + 64);
  }
};
template <class B>
struct LevelsInFile {
  static constexpr bool kHalves = B::kHalves, kSigned = B::kSigned;
  LEMMA_UNIT void load(const UnitPart& part, int64_t rowOffset, const UnitRow&, int32_t quad, Quad& first,
                       Quad& second) {
    constexpr int32_t kQuads = B::kBlocks / 4;
    const int64_t at = rowOffset + quad / kQuads * B::kBytes;
    if (quad % kQuads == 0) prefetchUnit<B>(part.next + at);
    if constexpr (kQuads == 1) {
      std::byte room[B::kBytes];
      B::levels(wholeUnit<B>(part.units + at, part.blocks - 4 * quad, room), 0, first, second);
    } else {
      B::levels(part.units + at, quad % kQuads, first, second);
    }
  }
};

template <class L, int kRows, int kTokens>
struct UnitTile {
  const UnitPart* unitPart;
  const UnitRow* rows[kRows];
  int64_t offsets[kRows];  // of the rows from the first
  const std::byte* acts[kTokens];
  F scale[L::kHalves ? 2 : 1][kRows][kTokens];
  F sum[kRows][kTokens];

  template <int kStep, int kPart>
  [[gnu::always_inline]] inline void part(int32_t quad, const Quad* first, const Quad* second) {
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      const std::byte* const at = acts[t] + 128 * quad + kPart * int(sizeof(I));
      const I x = iload(at), y = iload(at + 64);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const I low = dotBytes<L::kSigned>(izero(), first[r].v[kPart], x);
        if constexpr (L::kHalves) {
          const I high = dotBytes<L::kSigned>(izero(), second[r].v[kPart], y);
          sum[r][t] = fma(toFloat(low), spread<kStep>(scale[0][r][t]), sum[r][t]);
          sum[r][t] = fma(toFloat(high), spread<kStep>(scale[1][r][t]), sum[r][t]);
        } else {
          sum[r][t] =
              fma(toFloat(dotBytes<L::kSigned>(low, second[r].v[kPart], y)), spread<kStep>(scale[0][r][t]), sum[r][t]);
        }
      }
    }
  }

  // Quad kQuad of the kLanes blocks whose scales are loaded.
  template <int kQuad>
  [[gnu::always_inline]] inline void quad(int32_t q) {
    Quad first[kRows], second[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) L::load(*unitPart, offsets[r], *rows[r], q, first[r], second[r]);
    part<kQuad * kQuadParts, 0>(q, first, second);
    if constexpr (kQuadParts > 1) part<kQuad * kQuadParts + 1, 1>(q, first, second);
    if constexpr (kQuadParts > 2) {
      part<kQuad * kQuadParts + 2, 2>(q, first, second);
      part<kQuad * kQuadParts + 3, 3>(q, first, second);
    }
  }
};

// Adds the products of a part to the sums in scratch. The scales there are zero up to the next multiple of kLanes.
template <class L, int kRows, int kTokens>
static void unitTile(const MatVecArgs& a, UnitScratch& s, const UnitPart& part, int row, int token) {
  constexpr int kParts = L::kHalves ? 2 : 1;
  const ActLayout& layout = *a.layout;
  UnitTile<L, kRows, kTokens> tile;
  tile.unitPart = &part;
  const float *actScale[kTokens], *actSum[kTokens];
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
    const std::byte* const acts = a.acts + (token + t) * a.actStride;
    tile.acts[t] = acts + part.block * 32;
    actScale[t] = reinterpret_cast<const float*>(acts + layout.scale) + part.block;
    actSum[t] = reinterpret_cast<const float*>(acts + (L::kHalves ? layout.halfSum : layout.sum)) + part.block;
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    tile.rows[r] = &s.rows[row + r];
    tile.offsets[r] = (row + r) * int64_t(a.rowBytes);
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) tile.sum[r][t] = s.sums[token + t][row + r];
  }
  for (int32_t b = 0; b < part.blocks; b += kLanes) {
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
    const int32_t q = b / 4, left = (part.blocks - b + 3) / 4;
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
static void unitRows(const MatVecArgs& a, UnitScratch& s, const UnitPart& part, int count, int& token) {
  constexpr int kRows = kMaxStreams / kTokens < kRowsAtOnce ? kMaxStreams / kTokens : kRowsAtOnce;
  for (; token + kTokens <= a.tokens; token += kTokens) {
    int row = 0;
    for (; row + kRows <= count; row += kRows) unitTile<L, kRows, kTokens>(a, s, part, row, token);
    for (; row < count; ++row) unitTile<L, 1, kTokens>(a, s, part, row, token);
  }
}

// Scales and minima of a part of a row, and its levels where kLevels says so.
template <class B, bool kLevels>
static void unpackPart(const UnitPart& part, int64_t rowOffset, UnitRow& row) {
  const std::byte *units = part.units + rowOffset, *next = part.next + rowOffset;
  int32_t b = 0;
  for (; b < part.blocks; b += B::kBlocks, units += B::kBytes, next += B::kBytes) {
    std::byte room[B::kBytes];
    const std::byte* const unit = wholeUnit<B>(units, part.blocks - b, room);
    B::scales(unit, row.scale[0] + b, row.minimum[0] + b);
    if constexpr (!kLevels) continue;
    prefetchUnit<B>(next);
    for (int q = 0; q < B::kBlocks / 4; ++q) {
      Quad first, second;
      B::levels(unit, q, first, second);
      store(row.levels + b * 32 + q * 128, first);
      store(row.levels + b * 32 + q * 128 + 64, second);
    }
  }
  constexpr int kParts = B::kHalves ? 2 : 1;
  for (int p = 0; p < kParts; ++p) {
    for (int32_t i = b; i < (part.blocks + kLanes - 1) / kLanes * kLanes; ++i) row.scale[p][i] = row.minimum[p][i] = 0;
    if constexpr (!B::kMinimum) {
      for (int32_t i = 0; i < part.blocks; i += kLanes) {
        fstore(row.minimum[p] + i, fmul(fload(row.scale[p] + i), fset(float(-B::kZero))));
      }
    }
  }
}

// kInFile: a single row of activations is multiplied with levels that are never stored.
template <class B, bool kInFile>
static void matVecUnits(const MatVecArgs& a) {
  using Scratch = LevelsInScratch<B::kHalves, B::kSigned>;
  auto& s = *reinterpret_cast<UnitScratch*>(a.scratch);
  const int32_t blocks = a.layout->blocks;
  for (int64_t n = 0; n < a.n; n += kRowsAtOnce) {
    const int count = int(a.n - n < kRowsAtOnce ? a.n - n : kRowsAtOnce);
    const std::byte* const rows = a.weights + n * int64_t(a.rowBytes);
    for (int t = 0; t < a.tokens; ++t) {
      for (int r = 0; r < kRowsAtOnce; ++r) s.sums[t][r] = fzero();
    }
    for (int32_t b = 0; b < blocks; b += kUnitGap) {
      UnitPart part{b, blocks - b, rows + b / B::kBlocks * B::kBytes, rows + kRowsAtOnce * int64_t(a.rowBytes)};
      if (part.blocks > kUnitGap) {
        part.blocks = kUnitGap;
        part.next = part.units + kUnitGap / B::kBlocks * B::kBytes;
      }
      int token = 0;
      if constexpr (kInFile) {
        if (a.tokens == 1) {
          for (int r = 0; r < count; ++r) unpackPart<B, false>(part, r * int64_t(a.rowBytes), s.rows[r]);
          unitRows<LevelsInFile<B>, 1>(a, s, part, count, token);
          continue;
        }
      }
      for (int r = 0; r < count; ++r) unpackPart<B, true>(part, r * int64_t(a.rowBytes), s.rows[r]);
      unitRows<Scratch, 4>(a, s, part, count, token);
      unitRows<Scratch, 2>(a, s, part, count, token);
      unitRows<Scratch, 1>(a, s, part, count, token);
    }
    for (int t = 0; t < a.tokens; ++t) {
      alignas(16) float out[kRowsAtOnce];
      _mm_store_ps(out, sum4(s.sums[t][0], s.sums[t][1], s.sums[t][2], s.sums[t][3]));
      for (int r = 0; r < count; ++r) a.out[t * a.ldOut + n + r] = out[r];
    }
  }
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
