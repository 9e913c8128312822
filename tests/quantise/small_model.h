// A file of a few tensors with known numbers, shaped like a model of four layers. Test code only.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "engine/gguf/gguf_file.h"
#include "tests/support/gguf_writer.h"

namespace lemma::test {

inline std::vector<float> someNumbers(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> out(n);
  for (float& x : out) x = (float(random() >> 8) * 0x1p-23f - 1) * 0.1f;
  return out;
}

constexpr uint64_t kColumns = 512, kRows = 6;

inline GgufWriter smallModel(bool tied = false) {
  GgufWriter w;
  w.str("general.architecture", "llama").str("general.name", "Small").u32("general.file_type", 0);
  w.u32("llama.block_count", 8).f32("llama.rope.freq_base", 10000.0f).boolean("tokenizer.ggml.add_bos_token", true);
  w.strings("tokenizer.ggml.tokens", std::vector<std::string>{"a", "", "\xc3\xa4"}).i32s("some.numbers", {1, -2, 3});
  w.u32("split.count", 1);
  uint32_t seed = 1;
  const auto matrix = [&](const std::string& name, std::vector<uint64_t> ne) {
    uint64_t n = 1;
    for (const uint64_t d : ne) n *= d;
    w.tensor(name, std::move(ne), someNumbers(n, seed++));
  };
  matrix("token_embd.weight", {kColumns, kRows});
  if (!tied) matrix("output.weight", {kColumns, kRows});
  matrix("output_norm.weight", {kColumns});
  for (int i = 0; i < 8; ++i) {
    const std::string b = "blk." + std::to_string(i) + ".";
    matrix(b + "attn_q.weight", {kColumns, kRows});
    matrix(b + "attn_v.weight", {kColumns, kRows});
    matrix(b + "attn_q.bias", {kRows});
    matrix(b + "ffn_down.weight", {kColumns, kRows});
    matrix(b + "ffn_gate_inp.weight", {kColumns, 4});
    matrix(b + "ffn_up_exps.weight", {kColumns, kRows, 4});
    matrix(b + "ffn_up.weight", {96, kRows});
    matrix(b + "ffn_gate.weight", {40, kRows});
  }
  return w;
}

}  // namespace lemma::test
