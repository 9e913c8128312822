// What kernel cases are made with: numbers of a fixed seed, tensors of them, and the list that they are added to. Test
// code only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/kernels/op_cases.h"
#include "tests/support/random_blocks.h"

namespace lemma::test {

// Numbers of a fixed sequence: the standard's distributions differ from library to library.
class Numbers {
 public:
  explicit Numbers(uint32_t seed) : engine_(seed) {}
  float uniform() { return float(engine_() >> 8) * 0x1p-24f; }  // [0, 1)
  float normal() {                                              // close to a standard normal: the sum of 12 uniforms
    float sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }
  uint32_t bits() { return uint32_t(engine_()); }
  int below(int n) { return int(engine_() % uint32_t(n)); }
  template <class T>
  void shuffle(std::vector<T>& v) {
    for (size_t i = v.size(); i > 1; --i) std::swap(v[i - 1], v[size_t(below(int(i)))]);
  }

 private:
  // std::mt19937 on words of 32 bits instead of the fastest, which are of 64: the same numbers in a third of the time.
  std::mersenne_twister_engine<uint32_t, 32, 624, 397, 31, 0x9908b0df, 11, 0xffffffff, 7, 0x9d2c5680, 15, 0xefc60000,
                               18, 1812433253>
      engine_;
};

constexpr Type kPoolTypes[] = {Type::F32, Type::F16, Type::Q8_0, Type::F8_E4M3};
constexpr int kRows[] = {1, 2, 7, 8, 9, 33};

inline std::vector<const TypeInfo*> weightTypes() {
  std::vector<const TypeInfo*> types;
  for (const TypeInfo& t : typeTable()) {
    if (standsAlone(t)) types.push_back(&t);
  }
  return types;
}

inline bool isFloat(Type t) {
  return t == Type::F32 || t == Type::F16 || t == Type::BF16 || t == Type::F8_E4M3 || t == Type::F4_E2M1;
}

// Weights that products of BF16 take as they are.
inline bool isBfloat(Type t) { return t == Type::BF16 || t == Type::F8_E4M3; }

inline TensorView viewOf(Type type, std::initializer_list<int64_t> ne) { return contiguous(BufferRef{}, 0, type, ne); }

class CaseMaker {
 public:
  CaseMaker(std::string name, OpKind kind, uint32_t seed, const std::function<bool(const OpCase&)>& wantsNumbers)
      : numbers_(seed) {
    c_.name = std::move(name);
    c_.kind = kind;
    wanted_ = wantsNumbers(c_);
  }

  OpCase& c() { return c_; }
  Numbers& numbers() { return numbers_; }

  // Normal numbers in any format. Where no encoder is quick, random blocks of about that size.
  int weight(Type type, std::initializer_list<int64_t> ne, float spread = 1) {
    CaseTensor t{.shape = viewOf(type, ne), .weight = true};
    fill(t, spread);
    return add(std::move(t));
  }

  // Scales beside the matrix or set of matrices `weight`, at an odd byte.
  void scale(int weight, int32_t in, int32_t out) {
    const auto& ne = c_.tensors[size_t(weight)].shape.ne;
    const int scales = this->weight(Type::F32, {(ne[0] + in - 1) / in, (ne[1] * ne[2] + out - 1) / out});
    c_.tensors[size_t(scales)].shift = 3;
    CaseTensor& t = c_.tensors[size_t(weight)];
    t.scales = scales, t.scaleIn = in, t.scaleOut = out;
  }

  // Powers of two beside a matrix of 4-bit floats, one a block of 32.
  void scaleBlocks(int weight) {
    const auto ne = c_.tensors[size_t(weight)].shape.ne;
    CaseTensor scales{.shape = viewOf(Type::E8M0, {ne[0] / 32, ne[1] * ne[2]}), .weight = true, .shift = 3};
    scales.bytes.resize(size_t(ne[0] / 32 * ne[1] * ne[2]));
    for (std::byte& b : scales.bytes) b = std::byte(119 + numbers_.below(4));
    const int at = add(std::move(scales));
    CaseTensor& t = c_.tensors[size_t(weight)];
    t.scales = at, t.scaleIn = 32, t.scaleOut = 1;
    for (std::byte& b : t.bytes) b = std::byte(numbers_.bits() >> 11);
  }

  // {width, rows}; `gap` floats lie between rows that a backend must step over.
  int rows(int64_t width, int count, int64_t gap = 0) {
    CaseTensor t{.shape = viewOf(Type::F32, {width + gap, count}), .perRow = true};
    fill(t, 1);
    t.shape.ne[0] = width;
    return add(std::move(t));
  }

  int pool(Type type, int64_t dim, int64_t pageTokens, int64_t kvHeads, int64_t pages) {
    CaseTensor t{.shape = viewOf(type, {dim, pageTokens, kvHeads, pages})};
    fill(t, 1);
    return add(std::move(t));
  }

  // What trained models have: a channel of a pool far above the others, and rows far below the others.
  void outliers(int pool) {
    CaseTensor& t = c_.tensors[size_t(pool)];
    const TypeInfo& type = *typeInfo(t.shape.type);
    const int64_t dim = t.shape.ne[0], rows = t.shape.ne[1] * t.shape.ne[2] * t.shape.ne[3];
    std::vector<float> values(size_t(dim * rows));
    type.decode(t.bytes.data(), values.data(), dim * rows);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t d = 0; d < dim; ++d)
        values[size_t(r * dim + d)] *= (d == 3 ? 30.0f : 1.0f) * (r % 7 == 2 ? 0.02f : 1.0f);
    }
    type.encode(values.data(), t.bytes.data(), dim * rows);
  }

  // `past` positions are in each sequence's cache already; rows go round the sequences, pages lie in any order.
  void sequences(int rows, int seqs, int past, int pageTokens, int pages) {
    c_.rows = rows;
    std::vector<int32_t> next(size_t(seqs), past), order(static_cast<size_t>(pages));
    for (int r = 0; r < rows; ++r) {
      const int seq = numbers_.below(seqs);
      c_.seqOfRow.push_back(seq);
      c_.pos.push_back(next[size_t(seq)]++);
    }
    const int longest = *std::max_element(next.begin(), next.end());
    c_.pageTableStride = (longest + pageTokens - 1) / pageTokens + 1;
    std::iota(order.begin(), order.end(), 0);
    numbers_.shuffle(order);
    c_.pageTable.assign(size_t(seqs) * size_t(c_.pageTableStride), -1);
    size_t used = 0;
    for (int s = 0; s < seqs; ++s) {
      for (int p = 0; p * pageTokens < next[size_t(s)]; ++p) {
        c_.pageTable[size_t(s) * size_t(c_.pageTableStride) + size_t(p)] = order.at(used++);
      }
    }
  }

 private:
  int add(CaseTensor t) {
    c_.tensors.push_back(std::move(t));
    return int(c_.tensors.size()) - 1;
  }

  void fill(CaseTensor& t, float spread) {
    const TypeInfo& type = *typeInfo(t.shape.type);
    const int64_t n = t.shape.ne[0] * t.shape.ne[1] * t.shape.ne[2] * t.shape.ne[3];
    t.bytes.resize(size_t(n / type.block * type.blockBytes));
    if (!wanted_ || type.type == Type::F4_E2M1) return;  // the latter with its scales
    if (!drawsBlocks(type)) {
      std::vector<float> values(static_cast<size_t>(n));
      for (float& x : values) x = numbers_.normal() * spread;
      type.encode(values.data(), t.bytes.data(), n);
      return;
    }
    randomBlocks(
        type, n, spread, [&] { return numbers_.bits(); }, t.bytes.data());
  }

  OpCase c_;
  Numbers numbers_;
  bool wanted_;
};

class Cases {
 public:
  explicit Cases(const std::function<bool(const OpCase&)>& wantsNumbers) : wantsNumbers_(wantsNumbers) {}
  CaseMaker& make(OpKind kind, std::string name) {
    makers_.emplace_back(std::move(name), kind, uint32_t(makers_.size()) + 1, wantsNumbers_);
    return makers_.back();
  }
  std::vector<OpCase> take() {
    std::vector<OpCase> out;
    for (CaseMaker& m : makers_) out.push_back(std::move(m.c()));
    return out;
  }

 private:
  const std::function<bool(const OpCase&)>& wantsNumbers_;
  std::vector<CaseMaker> makers_;
};

// Experts that one row chooses: topK different ones of `experts`.
inline int idsOf(CaseMaker& m, int topK, int experts, int rows) {
  CaseTensor t{.shape = viewOf(Type::I32, {topK, rows}), .perRow = true};
  t.bytes.resize(size_t(topK) * size_t(rows) * 4);
  std::vector<int32_t> order(static_cast<size_t>(experts));
  std::iota(order.begin(), order.end(), 0);
  for (int r = 0; r < rows; ++r) {
    m.numbers().shuffle(order);
    std::memcpy(t.bytes.data() + size_t(r) * size_t(topK) * 4, order.data(), size_t(topK) * 4);
  }
  m.c().tensors.push_back(std::move(t));
  return int(m.c().tensors.size()) - 1;
}

inline std::string text(std::initializer_list<std::string> parts) {
  std::string out;
  for (const std::string& p : parts) {
    if (!p.empty()) out += (out.empty() ? "" : " ") + p;
  }
  return out;
}

inline std::string number(const char* what, int64_t n) { return what + std::to_string(n); }

}  // namespace lemma::test
