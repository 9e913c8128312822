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
  bool thinkTokens = false;  // the vocabulary holds <think> and </think>
  bool thinks = false;       // the template speaks of them too, so the model counts as trained to think
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

// What both forms of the model are made of.
struct TinyModelParts {
  static constexpr int kEmbedding = 32, kLayers = 2, kHeads = 4, kKvHeads = 2, kFfn = 64;
  struct Tensor {
    std::string name;  // GGUF's
    std::vector<uint64_t> ne;
    std::vector<float> data;
  };
  std::vector<std::string> tokens;
  std::vector<int32_t> types;  // GGUF's: 1 normal, 3 control, 4 added
  std::string chatTemplate;
  std::vector<Tensor> tensors;

  explicit TinyModelParts(const TinyModelOptions& options) : chatTemplate(options.chatTemplate) {
    for (int b = 0; b < 256; ++b) {
      tokens.push_back(byteLevel(b));
      types.push_back(1);
    }
    for (const char* special : {"<|im_start|>", "<|im_end|>"}) {
      tokens.push_back(special);
      types.push_back(3);
    }
    if (options.thinks || options.thinkTokens) {
      for (const char* tag : {"<think>", "</think>"}) {
        tokens.push_back(tag);
        types.push_back(4);
      }
    }
    if (options.thinks) chatTemplate += "{# answers follow </think> #}";
    uint64_t state = 42;
    auto random = [&state](size_t n, float scale) {
      std::vector<float> v(n);
      for (float& x : v) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        x = scale * (float(state >> 40) / float(1 << 23) - 1.0f);
      }
      return v;
    };
    auto matrix = [&](const std::string& name, uint64_t in, uint64_t out) {
      tensors.push_back({name, {in, out}, random(in * out, 0.3f)});
    };
    auto ones = [&](const std::string& name) {
      tensors.push_back({name, {kEmbedding}, std::vector<float>(kEmbedding, 1.0f)});
    };
    matrix("token_embd.weight", kEmbedding, tokens.size());
    ones("output_norm.weight");
    matrix("output.weight", kEmbedding, tokens.size());
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
  }
};

inline bool writeTinyModel(const std::string& path, const TinyModelOptions& options = {}) {
  using P = TinyModelParts;
  const P parts(options);
  GgufWriter w;
  w.str("general.architecture", "llama").str("general.name", "Tiny");
  w.u32("llama.block_count", P::kLayers).u32("llama.context_length", uint32_t(options.context));
  w.u32("llama.embedding_length", P::kEmbedding).u32("llama.feed_forward_length", P::kFfn);
  w.u32("llama.attention.head_count", P::kHeads).u32("llama.attention.head_count_kv", P::kKvHeads);
  w.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f).f32("llama.rope.freq_base", 10000.0f);
  w.u32("llama.rope.dimension_count", P::kEmbedding / P::kHeads);
  w.str("tokenizer.ggml.model", "gpt2").str("tokenizer.ggml.pre", "smollm");
  w.strings("tokenizer.ggml.tokens", parts.tokens).i32s("tokenizer.ggml.token_type", parts.types);
  w.strings("tokenizer.ggml.merges", std::vector<std::string>{});
  w.u32("tokenizer.ggml.bos_token_id", 256).u32("tokenizer.ggml.eos_token_id", 257);
  w.boolean("tokenizer.ggml.add_bos_token", false);
  if (!parts.chatTemplate.empty()) w.str("tokenizer.chat_template", parts.chatTemplate);
  for (const P::Tensor& t : parts.tensors) w.tensor(t.name, t.ne, t.data);
  return w.write(path);
}

}  // namespace lemma
