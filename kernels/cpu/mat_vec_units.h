// Up to 8 rows of activations times a matrix in a format that is unpacked unit by unit (weight_formats_k.h says what a
// unit is). Included once a target.
// Four weight rows at a time, kUnitGap blocks of each: scales, minima and levels go to scratch, then every row of
// activations is multiplied with the four. For one row of activations, formats that are quick to take apart are read
// weight row by weight row instead. An output is summed in one fixed order along k, minima of a part before its
// products, whichever rows share its tile.
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
  for (int i = 0; i < B::kBytes; i += 64) __builtin_prefetch(unit + i, 0, 3);
}

// A unit of which only `readable` bytes may be read: what is missing of it counts as zero bytes. A row may end within a
// unit; what lies behind it, the next row mostly, is read along and never counted.
template <class B>
LEMMA_SIMD const std::byte* wholeUnit(const std::byte* unit, int64_t readable, std::byte* room) {
  if (readable >= B::kBytes) [[likely]]
    return unit;
  memset(room, 0, B::kBytes);
  memcpy(room, unit, size_t(readable));
  return room;
}

// A part of four weight rows: its place in k, where it lies, and where that lies which comes after it.
struct UnitPart {
  int32_t block = 0, blocks = 0;
  const std::byte *units = nullptr, *next = nullptr;  // of the first row
  const std::byte* end = nullptr;                     // of the last row of all
};

// kLanes blocks of a part from `block` on, of which there are `count`; those behind are zero.
template <bool kHalves, bool kMinimum>
LEMMA_SIMD void loadScales(const UnitRow& row, int32_t block, int count, F* scale, F* minimum) {
  const auto load = [&](const float* from) __attribute__((always_inline)) {
    return count < kLanes ? firstOf(from + block, count) : fload(from + block);
  };
#pragma GCC unroll 2
  for (int p = 0; p < (kHalves ? 2 : 1); ++p) {
    scale[p] = load(row.scale[p]);
    if constexpr (kMinimum) minimum[p] = load(row.minimum[p]);
  }
}

// Where a tile finds the levels of blocks 4 (base + kQuad) and on of a part, base a multiple of kGroup: in scratch, one
// kind of tile for all formats that share it, or in the file's own bytes. The sums are the same.
template <bool kHalves_, bool kSigned_>
struct LevelsInScratch {
  static constexpr bool kHalves = kHalves_, kSigned = kSigned_, kMinimum = true;
  static constexpr int kZero = 0;
  LEMMA_UNIT void scales(const UnitPart&, int64_t, const UnitRow& row, int32_t block, int count, F* scale, F* minimum) {
    loadScales<kHalves, kMinimum>(row, block, count, scale, minimum);
  }
  template <int kQuad>
  LEMMA_UNIT void load(const UnitPart&, int64_t, const UnitRow& row, int32_t base, Quad& first, Quad& second) {
    first = quadAt(row.levels + 128 * (base + kQuad));
    second = quadAt(row.levels + 128 * (base + kQuad) + 64);
  }
};
template <class B>
struct LevelsInFile {
  static constexpr bool kHalves = B::kHalves, kSigned = B::kSigned, kMinimum = B::kMinimum;
  static constexpr int kZero = B::kZero;
  LEMMA_UNIT void scales(const UnitPart& part, int64_t rowOffset, const UnitRow& row, int32_t block, int count,
                         F* scale, F* minimum) {
    if constexpr (kScaleVectors<B>) {
      firstScaleVectors<B>(part.units + rowOffset + block / B::kBlocks * B::kBytes, count, scale, minimum);
    } else {
      loadScales<kHalves, kMinimum>(row, block, count, scale, minimum);
    }
  }
  template <int kQuad>
  LEMMA_UNIT void load(const UnitPart& part, int64_t rowOffset, const UnitRow&, int32_t base, Quad& first,
                       Quad& second) {
    constexpr int32_t kQuads = B::kBlocks / 4;
    // A vector of scales begins with a whole unit but on 128 bits: the place in the unit is known here then.
    constexpr bool kWhole = kGroup % kQuads == 0;
    const int32_t quad = kWhole ? kQuad % kQuads : (base + kQuad) % kQuads;
    const int64_t at = rowOffset + (kWhole ? base / kQuads + kQuad / kQuads : (base + kQuad) / kQuads) * B::kBytes;
    if (quad == 0) prefetchUnit<B>(part.next + at);
    if constexpr (kInPlace<B>) {
      B::levelsInPlace(part.units + at, quad, first, second);
    } else {
      B::levels(part.units + at, quad, first, second);
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
  [[gnu::always_inline]] inline void quad(int32_t base) {
    const int32_t q = base + kQuad;
    Quad first[kRows], second[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      L::template load<kQuad>(*unitPart, offsets[r], *rows[r], base, first[r], second[r]);
    }
    part<kQuad * kQuadParts, 0>(q, first, second);
    if constexpr (kQuadParts > 1) part<kQuad * kQuadParts + 1, 1>(q, first, second);
    if constexpr (kQuadParts > 2) {
      part<kQuad * kQuadParts + 2, 2>(q, first, second);
      part<kQuad * kQuadParts + 3, 3>(q, first, second);
    }
  }
};

// Adds the products of a part of kRows weight rows, `offset` bytes from the part's first, to
// sums[kTokens][kRowsAtOnce]. What lies behind the part's blocks counts as a scale of zero.
template <class L, int kRows, int kTokens>
static void unitTile(const MatVecArgs& a, const UnitPart& part, const UnitRow* rows, int64_t offset, int token,
                     F* sums) {
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
    tile.rows[r] = rows + r;
    tile.offsets[r] = offset + r * int64_t(a.rowBytes);
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) tile.sum[r][t] = sums[t * kRowsAtOnce + r];
  }
  const auto addBlocks = [&]<bool kWhole>(int32_t b) __attribute__((always_inline)) {
    const int count = kWhole ? kLanes : part.blocks - b;
    F scale[kRows][kParts], minimum[kRows][kParts];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) L::scales(part, tile.offsets[r], *tile.rows[r], b, count, scale[r], minimum[r]);
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      const F xs = fload(actScale[t] + b);
#pragma GCC unroll 2
      for (int p = 0; p < kParts; ++p) {
        const F xsum = fload(actSum[t] + p * layout.padded + b);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
          tile.scale[p][r][t] = fmul(scale[r][p], xs);
          if constexpr (L::kMinimum) {
            tile.sum[r][t] = fma(minimum[r][p], xsum, tile.sum[r][t]);
          } else if constexpr (L::kZero != 0) {
            tile.sum[r][t] = fma(fmul(scale[r][p], fset(float(-L::kZero))), xsum, tile.sum[r][t]);
          }
        }
      }
    }
    const int32_t q = b / 4, left = (count + 3) / 4;
    tile.template quad<0>(q);
    if constexpr (kGroup > 1) {
      if (left > 1) tile.template quad<1>(q);
    }
    if constexpr (kGroup > 2) {
      if (left > 2) tile.template quad<2>(q);
      if (left > 3) tile.template quad<3>(q);
    }
  };
  int32_t b = 0;
  for (; b + kLanes <= part.blocks; b += kLanes) addBlocks.template operator()<true>(b);
  if (b < part.blocks) addBlocks.template operator()<false>(b);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) sums[t * kRowsAtOnce + r] = tile.sum[r][t];
  }
}

template <class L, int kTokens>
static void unitRows(const MatVecArgs& a, UnitScratch& s, const UnitPart& part, int count, int& token) {
  constexpr int kRows = kMaxStreams / kTokens < kRowsAtOnce ? kMaxStreams / kTokens : kRowsAtOnce;
  for (; token + kTokens <= a.tokens; token += kTokens) {
    const auto tile = [&]<int kCount>(int row) {
      unitTile<L, kCount, kTokens>(a, part, s.rows + row, row * int64_t(a.rowBytes), token, s.sums[token] + row);
    };
    int row = 0;
    for (; row + kRows <= count; row += kRows) tile.template operator()<kRows>(row);
    for (; row < count; ++row) tile.template operator()<1>(row);
  }
}

// The scales of a part of a row, and its minima where the format has them.
template <class B>
LEMMA_SIMD void unpackScales(const std::byte* units, int32_t blocks, UnitRow& row) {
  for (int32_t b = 0; b < blocks; b += B::kBlocks, units += B::kBytes) {
    B::scales(units, row.scale[0] + b, row.minimum[0] + b);
  }
}

// The same with levels, and with minima for every format.
template <class B>
static void unpackPart(const UnitPart& part, int64_t rowOffset, UnitRow& row) {
  const std::byte *units = part.units + rowOffset, *next = part.next + rowOffset;
  for (int32_t b = 0; b < part.blocks; b += B::kBlocks, units += B::kBytes, next += B::kBytes) {
    std::byte room[B::kBytes];
    const std::byte* const unit = wholeUnit<B>(units, part.end - units, room);
    B::scales(unit, row.scale[0] + b, row.minimum[0] + b);
    prefetchUnit<B>(next);
    Quad first[B::kBlocks / 4], second[B::kBlocks / 4];  // all of a unit before a store, which may be anywhere
#pragma GCC unroll 2
    for (int q = 0; q < B::kBlocks / 4; ++q) B::levels(unit, q, first[q], second[q]);
#pragma GCC unroll 2
    for (int q = 0; q < B::kBlocks / 4; ++q) {
      store(row.levels + b * 32 + q * 128, first[q]);
      store(row.levels + b * 32 + q * 128 + 64, second[q]);
    }
  }
  if constexpr (!B::kMinimum) {
    for (int p = 0; p < (B::kHalves ? 2 : 1); ++p) {
      for (int32_t i = 0; i < part.blocks; i += kLanes) {
        fstore(row.minimum[p] + i, fmul(fload(row.scale[p] + i), fset(float(-B::kZero))));
      }
    }
  }
}

// Whether two weight rows are taken together for one row of activations, so that their sums wait less for each other:
// always in formats of few bits, whose rows take longer to compute than to read; up to six bits where rows are short.
// Otherwise two streams of memory cost more than that brings.
template <class B>
constexpr int64_t kLongestTogether = !kScaleVectors<B>                          ? 0
                                     : 2 * 8 * B::kBytes <= 7 * 32 * B::kBlocks ? int64_t(1) << 40
                                     : 8 * B::kBytes <= 6 * 32 * B::kBlocks     ? 448
                                                                                : 0;  // bytes of a row
constexpr int kRowsTogether = 2;

// One row of activations times the first weight rows, kRowsAtOnce of them after kRowsAtOnce: how many were done. The
// last are left, as what is read along behind a row must be there.
template <class B>
static int64_t matVecTogether(const MatVecArgs& a, const std::byte* end) {
  auto& s = *reinterpret_cast<UnitScratch*>(a.scratch);
  constexpr int64_t kAlong = kLanes / B::kBlocks * B::kBytes;
  const int32_t blocks = a.layout->blocks;
  const int64_t rowBytes = int64_t(a.rowBytes), step = kRowsTogether * rowBytes;
  const int64_t ahead = (kAhead + step - 1) / step * step;
  int64_t n = 0;
  for (; n + kRowsAtOnce <= a.n && end - (a.weights + (n + kRowsAtOnce) * rowBytes) >= kAlong; n += kRowsAtOnce) {
    F sums[kRowsAtOnce] = {fzero(), fzero(), fzero(), fzero()};
    for (int row = 0; row < kRowsAtOnce; row += kRowsTogether) {
      for (int32_t b = 0; b < blocks; b += kUnitGap) {
        const std::byte* const units = a.weights + (n + row) * rowBytes + b / B::kBlocks * B::kBytes;
        const UnitPart part{b, blocks - b < kUnitGap ? blocks - b : kUnitGap, units, units + ahead, end};
        unitTile<LevelsInFile<B>, kRowsTogether, 1>(a, part, s.rows, 0, 0, sums + row);
      }
    }
    store4(a.out + n, sum4(sums[0], sums[1], sums[2], sums[3]));
  }
  return n;
}

// One row of activations and levels that are never stored: weight rows one by one, so that memory is read strictly in
// order. The scales of what comes next are taken apart before this is multiplied, or they would be loaded before their
// stores are done.
template <class B>
static void matVecOneRow(const MatVecArgs& a, const std::byte* end) {
  auto& s = *reinterpret_cast<UnitScratch*>(a.scratch);
  const int32_t blocks = a.layout->blocks;
  const auto partAt = [&](int64_t n, int32_t b) __attribute__((always_inline)) {
    const std::byte* const units = a.weights + n * int64_t(a.rowBytes) + b / B::kBlocks * B::kBytes;
    UnitPart part{b, blocks - b < kUnitGap ? blocks - b : kUnitGap, units, units + kAhead, end};
    constexpr int kStep = kScaleVectors<B> ? kLanes : B::kBlocks;  // blocks that are read together
    static_assert(kUnitGap % kStep == 0 && kStep % B::kBlocks == 0);
    const int64_t whole = int64_t((part.blocks + kStep - 1) / kStep) * (kStep / B::kBlocks) * B::kBytes;
    if (end - units < whole) {  // the last row ends within what is read; the rows before it too, where they are shorter
      static_assert((kUnitGap / B::kBlocks + 1) * B::kBytes <= int(2 * sizeof(UnitRow)));
      auto* const room = reinterpret_cast<std::byte*>(s.rows + 2) + (kScaleVectors<B> ? 0 : n % 2 * B::kBytes);
      memset(room, 0, size_t(whole));
      memcpy(room, units, size_t(end - units));
      part.units = room;
    }
    return part;
  };
  int64_t n = 0;
  constexpr int64_t kLongest = kLongestTogether<B>;
  if constexpr (kLongest != 0) {
    if (int64_t(a.rowBytes) <= kLongest) n = matVecTogether<B>(a, end);
  }
  if (n == a.n) return;
  UnitPart part = partAt(n, 0);
  if constexpr (!kScaleVectors<B>) unpackScales<B>(part.units, part.blocks, s.rows[0]);
  F sums[kRowsAtOnce] = {fzero(), fzero(), fzero(), fzero()};
  for (int64_t which = 0; n < a.n; which ^= 1) {
    const bool last = part.block + part.blocks == blocks;
    const int64_t nextRow = n + (last ? 1 : 0);
    UnitPart next = part;
    const auto goOn = [&]() __attribute__((always_inline)) {
      if (nextRow < a.n) next = partAt(nextRow, last ? 0 : part.block + kUnitGap);
    };
    if constexpr (!kScaleVectors<B>) {
      goOn();
      if (nextRow < a.n) unpackScales<B>(next.units, next.blocks, s.rows[which ^ 1]);
    }
    const int64_t r = n % kRowsAtOnce;
    unitTile<LevelsInFile<B>, 1, 1>(a, part, s.rows + which, 0, 0, sums + r);
    if constexpr (kScaleVectors<B>) goOn();
    if (last && (r == kRowsAtOnce - 1 || n == a.n - 1)) {
      alignas(16) float out[kRowsAtOnce];
      store4(out, sum4(sums[0], sums[1], sums[2], sums[3]));
      for (int i = 0; i <= r; ++i) a.out[n - r + i] = out[i];
      for (F& sum : sums) sum = fzero();
    }
    part = next, n = nextRow;
  }
}

// kInFile: a single row of activations is multiplied with levels that are never stored.
template <class B, bool kInFile>
static void matVecUnits(const MatVecArgs& a) {
  using Scratch = LevelsInScratch<B::kHalves, B::kSigned>;
  auto& s = *reinterpret_cast<UnitScratch*>(a.scratch);
  const int32_t blocks = a.layout->blocks;
  const std::byte* const end = a.weights + (a.n - 1) * int64_t(a.rowBytes) + int64_t(blocks) * B::kBytes / B::kBlocks;
  if constexpr (kInFile) {
    if (a.tokens == 1) return matVecOneRow<B>(a, end);
  }
  for (int64_t n = 0; n < a.n; n += kRowsAtOnce) {
    const int count = int(a.n - n < kRowsAtOnce ? a.n - n : kRowsAtOnce);
    const std::byte* const rows = a.weights + n * int64_t(a.rowBytes);
    for (int t = 0; t < a.tokens; ++t) {
      for (int r = 0; r < kRowsAtOnce; ++r) s.sums[t][r] = fzero();
    }
    for (int32_t b = 0; b < blocks; b += kUnitGap) {
      const std::byte* const units = rows + b / B::kBlocks * B::kBytes;
      UnitPart part{b, blocks - b, units, rows + kRowsAtOnce * int64_t(a.rowBytes), end};
      if (part.blocks > kUnitGap) {
        part.blocks = kUnitGap;
        part.next = part.units + kUnitGap / B::kBlocks * B::kBytes;
      }
      int token = 0;
      for (int r = 0; r < count; ++r) unpackPart<B>(part, r * int64_t(a.rowBytes), s.rows[r]);
      unitRows<Scratch, 4>(a, s, part, count, token);
      unitRows<Scratch, 2>(a, s, part, count, token);
      unitRows<Scratch, 1>(a, s, part, count, token);
    }
    for (int t = 0; t < a.tokens; ++t) {
      alignas(16) float out[kRowsAtOnce];
      store4(out, sum4(s.sums[t][0], s.sums[t][1], s.sums[t][2], s.sums[t][3]));
      for (int r = 0; r < count; ++r) a.out[t * a.ldOut + n + r] = out[r];
    }
  }
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
