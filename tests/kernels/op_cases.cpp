#include "tests/kernels/op_cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/kernels/op_case_maker.h"

namespace lemma::test {
namespace {

void embedCases(Cases& cases) {
  for (const TypeInfo* type : weightTypes()) {
    for (int rows : {1, 9}) {
      const int64_t width = std::max(type->block, 96) / type->block * type->block;
      auto& m = cases.make(OpKind::embed, text({"embed", std::string(type->name), number("rows=", rows)}));
      m.c().in[0] = m.weight(type->type, {width, 37});
      m.c().tensors.back().shift = rows == 9 ? 1 : 0;
      m.c().results = {m.c().out[0] = m.rows(width, rows)};
      m.c().rows = rows;
      for (int r = 0; r < rows; ++r) m.c().tokens.push_back(m.numbers().below(37));
      m.c().params.scale = rows == 9 ? 3.25f : 1.0f;
      m.c().tolerance = kExact;
    }
  }
}

void rmsNormCases(Cases& cases) {
  for (int64_t width : {7, 64, 576}) {
    for (int rows : kRows) {
      auto& m = cases.make(OpKind::rmsNorm, text({"rmsNorm", number("d=", width), number("rows=", rows)}));
      m.c().in[0] = m.rows(width, rows);
      m.c().in[1] = m.weight(Type::F32, {width});
      m.c().results = {m.c().out[0] = m.rows(width, rows)};
      m.c().params.eps = 1e-5f;
      m.c().rows = rows;
    }
  }
  for (int rows : {1, 9}) {  // each of 9 heads by itself, in place
    auto& m = cases.make(OpKind::rmsNorm, text({"rmsNorm heads=9 in place", number("rows=", rows)}));
    m.c().in[0] = m.c().out[0] = m.rows(9 * 64, rows);
    m.c().in[1] = m.weight(Type::F32, {64});
    m.c().results = {m.c().out[0]};
    m.c().params = {.eps = 1e-6f, .headDim = 64};
    m.c().rows = rows;
  }
  auto& m = cases.make(OpKind::rmsNorm, "rmsNorm wanted 3 of 9");
  m.c().in[0] = m.rows(64, 3);
  m.c().in[1] = m.weight(Type::F32, {64});
  m.c().results = {m.c().out[0] = m.rows(64, 3)};
  m.c().params = {.eps = 1e-5f, .wantedRows = true};
  m.c().rows = 9;
  m.c().wantedRows = {0, 4, 8};
}

struct MatMulExtra {
  bool bias = false, residual = false, inPlace = false, wanted = false;
  int64_t gap = 0;
  uint64_t shift = 0;
  int32_t scaleIn = 0, scaleOut = 0;
};

void matMulCase(Cases& cases, const TypeInfo& type, int64_t k, int64_t n, int rows, const MatMulExtra& x = {}) {
  auto& m = cases.make(OpKind::matMul,
                       text({"matMul", std::string(type.name), number("k=", k), number("n=", n), number("rows=", rows),
                             x.bias ? "bias" : "", x.residual ? "residual" : "", x.inPlace ? "in place" : "",
                             x.wanted ? "wanted" : "", x.gap ? "gaps" : "", x.shift ? "odd byte" : "",
                             x.scaleIn ? number("scales=", x.scaleIn) + number("x", x.scaleOut) : ""}));
  OpCase& c = m.c();
  c.in[0] = m.rows(k, rows, x.gap);
  c.in[1] = m.weight(type.type, {k, n}, 1 / std::sqrt(float(k)));
  c.tensors.back().shift = x.shift;
  if (x.scaleIn) m.scale(c.in[1], x.scaleIn, x.scaleOut);
  if (type.type == Type::F4_E2M1) m.scaleBlocks(c.in[1]);
  if (x.bias) c.in[2] = m.weight(Type::F32, {n});
  c.out[0] = m.rows(n, rows, x.gap);
  if (x.residual) c.in[3] = x.inPlace ? c.out[0] : m.rows(n, rows, x.gap);
  c.results = {c.out[0]};
  c.rows = rows;
  if (x.wanted) {
    c.params.wantedRows = true;
    c.rows = 2 * rows;
    for (int r = 0; r < rows; ++r) c.wantedRows.push_back(2 * r + 1);
  }
  c.tolerance = isFloat(type.type) ? kFloat : kEightBit;
  c.bfloats = isBfloat(type.type) && k >= 512 && rows > 8;
  if (n * rows == 1) {  // a single sum may be small beside its terms; a sum of squares is not
    const CaseTensor& weight = c.tensors[size_t(c.in[1])];
    type.decode(weight.bytes.data(), reinterpret_cast<float*>(c.tensors[size_t(c.in[0])].bytes.data()), k);
  }
}

void matMulCases(Cases& cases) {
  for (int rows : kRows) {  // blocks that end within a row and within a panel, and blocks narrower than a vector
    matMulCase(cases, *typeInfo(Type::F8_E4M3), 330, 150, rows, {.scaleIn = 128, .scaleOut = 128});
    matMulCase(cases, *typeInfo(Type::F8_E4M3), 2400, 41, rows, {.residual = true, .scaleIn = 32, .scaleOut = 3});
    matMulCase(cases, *typeInfo(Type::F8_E4M3), 90, 33, rows, {.scaleIn = 20, .scaleOut = 16});
    matMulCase(cases, *typeInfo(Type::F4_E2M1), 2400, 41, rows, {.residual = true, .shift = 1});
    matMulCase(cases, *typeInfo(Type::BF16), 2091, 41, rows, {.bias = true, .residual = true, .shift = 1});
  }
  for (const TypeInfo* type : weightTypes()) {
    for (int rows : kRows) {
      if (type->block <= 32) {
        matMulCase(cases, *type, 96, 33, rows);  // whole blocks of 32, not of 64; odd number of outputs
        matMulCase(cases, *type, 576, 192, rows);
      } else {
        matMulCase(cases, *type, 3 * type->block, 33, rows);
      }
    }
    const int64_t k = std::max(type->block, 160) / type->block * type->block;
    matMulCase(cases, *type, k, 1, 1);
    matMulCase(cases, *type, k, 48, 65);
    matMulCase(cases, *type, k, 40, 8, {.bias = true});
    matMulCase(cases, *type, k, 40, 9, {.residual = true});
    matMulCase(cases, *type, k, 40, 33, {.bias = true, .residual = true, .inPlace = true});
    matMulCase(cases, *type, k, 40, 1, {.residual = true, .inPlace = true});
    matMulCase(cases, *type, k, 50, 3, {.wanted = true});
    matMulCase(cases, *type, k, 24, 9, {.gap = 16});
    matMulCase(cases, *type, k, 40, 1, {.shift = 1});
    matMulCase(cases, *type, k, 40, 33, {.shift = 3});
  }
}

void ropeCases(Cases& cases) {
  for (RopeStyle style : {RopeStyle::interleaved, RopeStyle::halfSplit}) {
    for (int heads : {1, 3, 9}) {
      for (int dims : {64, 32}) {
        const int rows = heads == 9 ? 33 : 7;
        auto& m =
            cases.make(OpKind::rope, text({"rope", style == RopeStyle::interleaved ? "interleaved" : "halfSplit",
                                           number("heads=", heads), number("ropeDims=", dims), number("rows=", rows)}));
        OpCase& c = m.c();
        c.in[0] = m.rows(heads * 64, rows);
        c.in[1] = m.weight(Type::F32, {dims / 2});
        auto* frequency = reinterpret_cast<float*>(c.tensors[1].bytes.data());
        for (int i = 0; i < dims / 2; ++i) frequency[i] = std::pow(10000.0f, -2.0f * float(i) / float(dims));
        c.out[0] = c.in[0];
        c.results = {c.in[0]};
        c.params = {
            .scale = dims == 32 ? 1.25f : 1.0f, .heads = heads, .headDim = 64, .ropeDims = dims, .ropeStyle = style};
        c.rows = rows;
        for (int r = 0; r < rows; ++r) c.pos.push_back(r == 3 ? 131071 : m.numbers().below(9000));
      }
    }
  }
}

constexpr int kPageTokens = 16;

void kvWriteCases(Cases& cases) {
  for (Type type : kPoolTypes) {
    for (int rows : {1, 9, 33}) {
      for (int seqs : {1, 3}) {
        auto& m = cases.make(OpKind::kvWrite, text({"kvWrite", std::string(typeInfo(type)->name), number("rows=", rows),
                                                    number("seqs=", seqs)}));
        OpCase& c = m.c();
        c.in[0] = m.rows(3 * 64, rows);
        c.in[1] = m.rows(3 * 32, rows);
        m.sequences(rows, seqs, 13, kPageTokens, 16);
        c.out = {m.pool(type, 64, kPageTokens, 3, 16), m.pool(type, 32, kPageTokens, 3, 16)};
        c.results = {c.out[0], c.out[1]};
        c.params = {.kvHeads = 3, .headDim = 64, .vDim = 32};
        c.tolerance = type == Type::Q8_0 ? kRounding : kExact;
      }
    }
  }
}

void attentionCases(Cases& cases) {
  struct Shape {
    int heads, kvHeads, headDim, vDim;
  };
  struct Load {
    int rows, seqs, past;
  };
  for (Type type : kPoolTypes) {
    for (const Shape& s : {Shape{9, 3, 64, 64}, Shape{4, 4, 32, 32}, Shape{8, 1, 128, 128}, Shape{4, 2, 64, 32}}) {
      for (const Load& l :
           {Load{1, 1, 0}, Load{1, 1, 300}, Load{8, 4, 40}, Load{9, 1, 70}, Load{33, 1, 0}, Load{33, 3, 20}}) {
        auto& m =
            cases.make(OpKind::attention,
                       text({"attention", std::string(typeInfo(type)->name), number("heads=", s.heads),
                             number("kvHeads=", s.kvHeads), number("headDim=", s.headDim), number("vDim=", s.vDim),
                             number("rows=", l.rows), number("seqs=", l.seqs), number("past=", l.past)}));
        OpCase& c = m.c();
        const int pages = 28;
        c.in[0] = m.rows(s.heads * s.headDim, l.rows);
        m.sequences(l.rows, l.seqs, l.past, kPageTokens, pages);
        c.in[1] = m.pool(type, s.headDim, kPageTokens, s.kvHeads, pages);
        c.in[2] = m.pool(type, s.vDim, kPageTokens, s.kvHeads, pages);
        if (s.kvHeads == 2) m.outliers(c.in[1]), m.outliers(c.in[2]);
        c.results = {c.out[0] = m.rows(s.heads * s.vDim, l.rows)};
        c.params = {.scale = 1 / std::sqrt(float(s.headDim)),
                    .heads = s.heads,
                    .kvHeads = s.kvHeads,
                    .headDim = s.headDim,
                    .vDim = s.vDim};
        c.tolerance = type == Type::F32 ? kFloat : type == Type::Q8_0 ? kEightBit : kSixteenBit;
      }
    }
  }
}

void attentionMlaCases(Cases& cases) {
  struct Shape {
    int heads, nope, rope, vDim, latent;
  };
  struct Load {
    int rows, seqs, past;
  };
  const auto add = [&](Type pool, Type weight, bool byLatent, const Shape& s, const Load& l) {
    auto& m = cases.make(OpKind::attentionMla,
                         text({"attentionMla", std::string(typeInfo(pool)->name), std::string(typeInfo(weight)->name),
                               byLatent ? "keys by latent" : "", number("heads=", s.heads), number("nope=", s.nope),
                               number("rope=", s.rope), number("vDim=", s.vDim), number("latent=", s.latent),
                               number("rows=", l.rows), number("seqs=", l.seqs), number("past=", l.past)}));
    OpCase& c = m.c();
    const int pages = 28;
    c.in[0] = m.rows(s.heads * (s.nope + s.rope), l.rows);
    m.sequences(l.rows, l.seqs, l.past, kPageTokens, pages);
    c.in[1] = m.pool(pool, s.latent + s.rope, kPageTokens, 1, pages);
    const float spread = 1 / std::sqrt(float(s.latent));
    c.in[2] = byLatent ? m.weight(weight, {s.latent, s.nope, s.heads}, spread)
                       : m.weight(weight, {s.nope, s.latent, s.heads}, spread);
    c.in[3] = m.weight(weight, {s.latent, s.vDim, s.heads}, spread);
    c.results = {c.out[0] = m.rows(s.heads * s.vDim, l.rows)};
    c.params = {.scale = 1 / std::sqrt(float(s.nope + s.rope)),
                .heads = s.heads,
                .kvHeads = 1,
                .headDim = s.nope + s.rope,
                .vDim = s.vDim,
                .ropeDims = s.rope,
                .keysByLatent = byLatent};
    c.tolerance = pool == Type::Q8_0 || !isFloat(weight) ? kEightBit : pool == Type::F32 ? kFloat : kSixteenBit;
  };
  for (const Load& l : {Load{1, 1, 0}, Load{1, 1, 300}, Load{8, 4, 40}, Load{9, 1, 70}, Load{33, 3, 20}}) {
    for (bool byLatent : {false, true}) {
      add(Type::F32, Type::F32, byLatent, {4, 16, 8, 24, 40}, l);
      add(Type::F16, Type::F16, byLatent, {4, 64, 16, 48, 96}, l);
      add(Type::F16, Type::Q8_0, byLatent, {3, 64, 32, 64, 128}, l);
      add(Type::Q8_0, Type::BF16, byLatent, {2, 32, 32, 32, 64}, l);
      add(Type::F8_E4M3, Type::F16, byLatent, {4, 64, 16, 48, 96}, l);
      add(Type::F8_E4M3, Type::F32, byLatent, {4, 16, 8, 24, 40}, l);
    }
  }
  add(Type::F16, Type::F16, false, {64, 32, 16, 32, 64}, {1, 1, 200});  // more heads than go together
}

void routeCases(Cases& cases) {
  struct Shape {
    int experts, topK, groups, topGroups;
    bool twoBest, bias;
    Scoring scoring;
    bool normalise;
  };
  const Shape shapes[] = {{8, 2, 1, 1, false, false, Scoring::softmax, false},
                          {12, 3, 1, 1, false, false, Scoring::softmax, true},
                          {16, 4, 4, 2, false, false, Scoring::softmax, false},
                          {64, 8, 8, 4, true, true, Scoring::sigmoid, true},
                          {256, 8, 8, 4, true, true, Scoring::sigmoid, true}};
  for (const Shape& s : shapes) {
    for (int rows : {1, 9, 33}) {
      auto& m = cases.make(OpKind::route, text({"route", number("experts=", s.experts), number("topK=", s.topK),
                                                number("groups=", s.groups), number("rows=", rows)}));
      OpCase& c = m.c();
      c.in[0] = m.rows(s.experts, rows);
      if (s.bias) c.in[1] = m.weight(Type::F32, {s.experts}, 0.2f);
      c.out = {idsOf(m, s.topK, s.experts, rows), m.rows(s.topK, rows)};
      c.results = {c.out[0], c.out[1]};
      c.params.route = {.topK = s.topK,
                        .groups = s.groups,
                        .topGroups = s.topGroups,
                        .groupByTwoBest = s.twoBest,
                        .scoring = s.scoring,
                        .normalise = s.normalise,
                        .scale = s.bias ? 2.5f : 1.0f};
      c.rows = rows;
    }
  }
}

CaseMaker& moeFfnCase(Cases& cases, Type gate, Type up, Type down, int64_t d, int64_t hidden, int experts, int topK,
                      int rows, bool residual, bool inPlace, int32_t scaleIn = 0) {
  auto& m = cases.make(OpKind::moeFfn, text({"moeFfn", std::string(typeInfo(gate)->name),
                                             std::string(typeInfo(up)->name), std::string(typeInfo(down)->name),
                                             number("d=", d), number("hidden=", hidden), number("experts=", experts),
                                             number("topK=", topK), number("rows=", rows), residual ? "residual" : "",
                                             inPlace ? "in place" : "", scaleIn ? number("scales=", scaleIn) : ""}));
  OpCase& c = m.c();
  c.in[0] = m.rows(d, rows);
  c.in[1] = idsOf(m, topK, experts, rows);
  c.in[2] = m.rows(topK, rows);
  c.experts = {m.weight(gate, {d, hidden, experts}, 1 / std::sqrt(float(d))),
               m.weight(up, {d, hidden, experts}, 1 / std::sqrt(float(d))),
               m.weight(down, {hidden, d, experts}, 1 / std::sqrt(float(hidden)))};
  for (int matrices : c.experts) {
    if (scaleIn) m.scale(matrices, scaleIn, scaleIn / 2);
    if (gate == Type::F4_E2M1) m.scaleBlocks(matrices);
  }
  c.out[0] = m.rows(d, rows);
  if (residual) c.in[3] = inPlace ? c.out[0] : m.rows(d, rows);
  c.results = {c.out[0]};
  c.rows = rows;
  const bool floats = isFloat(gate) && isFloat(up) && isFloat(down);
  c.tolerance = floats ? kFloat : kEightBit;
  c.bfloats = (isBfloat(gate) || isBfloat(down)) && rows > 8 && std::min(d, hidden) >= 512;
  return m;
}

// Experts stored inputs by outputs, of types with kernels for the usual order.
void turnedExpertCase(Cases& cases, int rows) {
  CaseMaker& m = moeFfnCase(cases, Type::BF16, Type::F32, Type::F16, 72, 90, 5, 2, rows, true, true);
  m.c().name += " turned";
  for (int matrices : m.c().experts) {
    TensorView& v = m.c().tensors[size_t(matrices)].shape;
    v = viewOf(v.type, {v.ne[1], v.ne[0], v.ne[2]});
    std::swap(v.ne[0], v.ne[1]);
    std::swap(v.nb[0], v.nb[1]);
  }
}

void moeFfnCases(Cases& cases) {
  const auto add = [&](auto... what) { moeFfnCase(cases, what...); };
  for (int rows : kRows) {
    add(Type::F32, Type::F32, Type::F32, 64, 40, 5, 2, rows, true, true);
    add(Type::F16, Type::F16, Type::F16, 96, 64, 8, 3, rows, false, false);
    add(Type::Q8_0, Type::Q8_0, Type::Q8_0, 96, 64, 8, 2, rows, true, true);
    add(Type::Q4_0, Type::Q4_0, Type::F32, 64, 96, 4, 4, rows, true, false);
    add(Type::F8_E4M3, Type::F8_E4M3, Type::F8_E4M3, 96, 70, 5, 2, rows, true, true, 64);
    add(Type::F4_E2M1, Type::F4_E2M1, Type::F4_E2M1, 96, 64, 5, 2, rows, true, true);
    turnedExpertCase(cases, rows);
  }
  for (int rows : {9, 33}) {  // as large as products of BF16 want them
    add(Type::BF16, Type::BF16, Type::BF16, 545, 531, 2, 2, rows, true, true);
    add(Type::BF16, Type::F32, Type::BF16, 545, 531, 2, 2, rows, true, true);
    add(Type::F8_E4M3, Type::F8_E4M3, Type::F8_E4M3, 576, 531, 2, 2, rows, true, true, 64);
  }
  for (int rows : {1, 9}) {
    add(Type::Q8_0, Type::F32, Type::Q4_1, 64, 96, 4, 2, rows, true, true);       // gate and up want different inputs
    add(Type::Q4_0, Type::Q4_0, Type::Q4_0, 2560, 2112, 3, 2, rows, true, true);  // several segments along k
    add(Type::Q8_0, Type::Q8_0, Type::Q8_0, 64, 1056, 3, 1, rows, false, false);  // several chunks of outputs
  }
}

void biasedExpertCases(Cases& cases) {
  const auto add = [&](Type type, Gate gate, bool all, int rows) {
    CaseMaker& m = moeFfnCase(cases, type, type, type, 64, 96, 5, 2, rows, true, true);
    m.c().name += text({" gate", std::to_string(int(gate)), all ? "biases" : "bias of down"});
    m.c().params.gate = gate;
    if (all) m.c().biases = {m.weight(Type::F32, {96, 5}), m.weight(Type::F16, {96, 5}), -1};
    m.c().biases[2] = m.weight(Type::F32, {64, 5});
  };
  for (int rows : kRows) {
    add(Type::F32, Gate::clampedSwish, true, rows);
    add(Type::Q8_0, Gate::geluTanh, false, rows);
  }
}

// Rows shorter than what kernels take apart at once.
void shortRowCases(Cases& cases) {
  for (const TypeInfo* type : weightTypes()) {
    for (int rows : {1, 2}) {
      if (type->block == 32) matMulCase(cases, *type, 32, 11, rows);
    }
  }
}

// Windows that begin within a tile of keys, at its border, and before the sequence; sinks with and without a window.
void windowedAttentionCases(Cases& cases) {
  struct Load {
    int rows, seqs, past;
  };
  for (Type type : kPoolTypes) {
    for (int window : {0, 1, 5, 64, 100, 4000}) {
      for (bool sinks : {false, true}) {
        if (window == 0 && !sinks) continue;
        for (const Load& l :
             {Load{1, 1, 0}, Load{1, 1, 300}, Load{8, 4, 70}, Load{9, 1, 70}, Load{33, 1, 170}, Load{80, 2, 0}}) {
          auto& m = cases.make(
              OpKind::attention,
              text({"attention", std::string(typeInfo(type)->name), number("window=", window), sinks ? "sinks" : "",
                    number("rows=", l.rows), number("seqs=", l.seqs), number("past=", l.past)}));
          OpCase& c = m.c();
          const int pages = 28;
          c.in[0] = m.rows(6 * 64, l.rows);
          m.sequences(l.rows, l.seqs, l.past, kPageTokens, pages);
          c.in[1] = m.pool(type, 64, kPageTokens, 2, pages);
          c.in[2] = m.pool(type, 32, kPageTokens, 2, pages);
          if (sinks) c.in[3] = m.weight(l.rows == 9 ? Type::F16 : Type::F32, {6}, 3);
          c.results = {c.out[0] = m.rows(6 * 32, l.rows)};
          c.params = {.scale = 0.125f, .heads = 6, .kvHeads = 2, .headDim = 64, .vDim = 32, .window = window};
          c.tolerance = type == Type::F32 ? kFloat : type == Type::Q8_0 ? kEightBit : kSixteenBit;
        }
      }
    }
  }
}

void gluCase(Cases& cases, Gate gate, int64_t gateWidth, int rows, bool inPlace) {
  constexpr const char* kNames[kGates] = {"silu", "geluTanh", "clampedSwish", "sigmoid"};
  auto& m = cases.make(OpKind::glu, text({"glu", kNames[int(gate)], number("gates=", gateWidth), number("rows=", rows),
                                          inPlace ? "in place" : ""}));
  OpCase& c = m.c();
  c.in = {m.rows(gateWidth, rows), m.rows(129, rows), -1, -1};
  for (int i : {0, 1}) {  // beyond every clamp
    auto* x = reinterpret_cast<float*>(c.tensors[size_t(c.in[size_t(i)])].bytes.data());
    for (int64_t j = 0; j < c.tensors[size_t(c.in[size_t(i)])].shape.ne[0] * rows; ++j) x[j] *= 6;
  }
  c.results = {c.out[0] = inPlace ? c.in[gateWidth == 1 ? 1 : 0] : m.rows(129, rows)};
  c.params.gate = gate;
  c.rows = rows;
}

void elementwiseCases(Cases& cases) {
  for (int rows : kRows) {
    for (bool inPlace : {false, true}) {
      for (int gate = 0; gate < kGates; ++gate) gluCase(cases, Gate(gate), 129, rows, inPlace);
      gluCase(cases, Gate::sigmoid, 1, rows, inPlace);
      auto& m = cases.make(OpKind::add, text({"add", number("rows=", rows), inPlace ? "in place" : ""}));
      m.c().in = {m.rows(129, rows), m.rows(129, rows), -1, -1};
      m.c().results = {m.c().out[0] = inPlace ? m.c().in[0] : m.rows(129, rows)};
      m.c().rows = rows;
      m.c().tolerance = kExact;
    }
  }
  auto& m = cases.make(OpKind::selectRows, "selectRows 4 of 33");
  m.c().in[0] = m.rows(70, 33);
  m.c().results = {m.c().out[0] = m.rows(70, 4)};
  m.c().params.wantedRows = true;
  m.c().rows = 33;
  m.c().wantedRows = {0, 7, 8, 32};
  m.c().tolerance = kExact;
}

}  // namespace

std::vector<OpCase> opCases(const std::function<bool(const OpCase&)>& wantsNumbers) {
  Cases cases(wantsNumbers);
  embedCases(cases);
  rmsNormCases(cases);
  matMulCases(cases);
  ropeCases(cases);
  kvWriteCases(cases);
  attentionCases(cases);
  windowedAttentionCases(cases);
  attentionMlaCases(cases);
  routeCases(cases);
  moeFfnCases(cases);
  elementwiseCases(cases);
  biasedExpertCases(cases);
  shortRowCases(cases);
  return cases.take();
}

}  // namespace lemma::test
