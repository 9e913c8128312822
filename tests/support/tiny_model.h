// A chat model of 100 kB for tests that need an engine, not a mind: architecture llama, random weights, a vocabulary of
// the 256 bytes and a few special tokens, ChatML. Deterministic. Tests only.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/gguf_writer.h"

namespace lemma {

struct TinyModelOptions {
  int context = 512;
  bool thinks = false;  // <think> and </think> are tokens, so the model counts as trained to think
  std::string chatTemplate =
      "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
};

// Byte b as GPT-2's byte-level alphabet writes it: printable Latin-1 stands for itself, the rest is moved up.
inline std::string byteLevel(int b) {
  auto printable = [](int c) { return (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || (c >= 174 && c <= 255); };
  int code = b;
  if (!printable(b)) {
    code = 256;
    for (int c = 0; c < b; ++c) code += !printable(c);
  }
  if (code < 0x80) return std::string(1, char(code));
  return {char(0xC0 | (code >> 6)), char(0x80 | (code & 0x3F))};
}

inline bool writeTinyModel(const std::string& path, const TinyModelOptions& options = {}) {
  constexpr int kEmbedding = 32, kLayers = 2, kHeads = 4, kKvHeads = 2, kFfn = 64;
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  for (int b = 0; b < 256; ++b) {
    tokens.push_back(byteLevel(b));
    types.push_back(1);
  }
  for (const char* special : {"<|im_start|>", "<|im_end|>"}) {
    tokens.push_back(special);
    types.push_back(3);
  }
  if (options.thinks) {
    for (const char* tag : {"<think>", "</think>"}) {
      tokens.push_back(tag);
      types.push_back(4);
    }
  }
  uint64_t state = 42;
  auto random = [&state](size_t n, float scale) {
    std::vector<float> v(n);
    for (float& x : v) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      x = scale * (float(state >> 40) / float(1 << 23) - 1.0f);
    }
    return v;
  };
  const auto vocabulary = uint64_t(tokens.size());
  GgufWriter w;
  w.str("general.architecture", "llama").str("general.name", "Tiny");
  w.u32("llama.block_count", kLayers).u32("llama.context_length", uint32_t(options.context));
  w.u32("llama.embedding_length", kEmbedding).u32("llama.feed_forward_length", kFfn);
  w.u32("llama.attention.head_count", kHeads).u32("llama.attention.head_count_kv", kKvHeads);
  w.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f).f32("llama.rope.freq_base", 10000.0f);
  w.u32("llama.rope.dimension_count", kEmbedding / kHeads);
  w.str("tokenizer.ggml.model", "gpt2").str("tokenizer.ggml.pre", "smollm");
  w.strings("tokenizer.ggml.tokens", tokens).i32s("tokenizer.ggml.token_type", types);
  w.strings("tokenizer.ggml.merges", std::vector<std::string>{});
  w.u32("tokenizer.ggml.bos_token_id", 256).u32("tokenizer.ggml.eos_token_id", 257);
  w.boolean("tokenizer.ggml.add_bos_token", false);
  if (!options.chatTemplate.empty()) w.str("tokenizer.chat_template", options.chatTemplate);
  const float s = 0.3f;
  auto matrix = [&](const std::string& name, uint64_t in, uint64_t out) {
    w.tensor(name, {in, out}, random(in * out, s));
  };
  auto ones = [&](const std::string& name) { w.tensor(name, {kEmbedding}, std::vector<float>(kEmbedding, 1.0f)); };
  matrix("token_embd.weight", kEmbedding, vocabulary);
  ones("output_norm.weight");
  matrix("output.weight", kEmbedding, vocabulary);
  for (int i = 0; i < kLayers; ++i) {
    const std::string p = "blk." + std::to_string(i) + ".";
    ones(p + "attn_norm.weight");
    ones(p + "ffn_norm.weight");
    matrix(p + "attn_q.weight", kEmbedding, kEmbedding);
    matrix(p + "attn_k.weight", kEmbedding, kEmbedding * kKvHeads / kHeads);
    matrix(p + "attn_v.weight", kEmbedding, kEmbedding * kKvHeads / kHeads);
    matrix(p + "attn_output.weight", kEmbedding, kEmbedding);
    matrix(p + "ffn_gate.weight", kEmbedding, kFfn);
    matrix(p + "ffn_up.weight", kEmbedding, kFfn);
    matrix(p + "ffn_down.weight", kFfn, kEmbedding);
  }
  return w.write(path);
}

}  // namespace lemma
