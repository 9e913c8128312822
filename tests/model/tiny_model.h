// A model of two layers with random weights, made in the test, whose metadata and tensors a test may spoil.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/gguf_writer.h"

namespace lemma::test {

// A path of its own below the system's folder for temporary files; removed at the end.
class TemporaryFile {
 public:
  TemporaryFile() {
    std::string name = (std::filesystem::temp_directory_path() / "lemma-test-XXXXXX").string();
    const int handle = mkstemp(name.data());
    if (handle >= 0) close(handle);
    path_ = name;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct TinyModel {
  static constexpr int kVocabulary = 96, kLayers = 2, kEmbedding = 64, kHeads = 2, kKvHeads = 1, kHidden = 96;
  static constexpr int kWideHead = 64;  // of qwen3 and gemma3: unlike kEmbedding / kHeads
  static constexpr int kWindow = 16;    // of phi3, gemma3 and gpt-oss
  static constexpr int kExperts = 4, kExpertHidden = 32;

  struct Tensor {
    Type type;
    std::vector<uint64_t> ne;
  };
  std::map<std::string, uint64_t> whole;
  std::map<std::string, float> real;
  std::map<std::string, std::string> text;
  std::map<std::string, Tensor> tensors;

  // llama, qwen2 (biases of q, k and v), qwen3 (norms of heads, which have a width of their own), phi3 (fused matrices)
  // gemma3 (norms of heads and behind each block), or one of the mixtures of experts.
  explicit TinyModel(const std::string& architecture = "llama") {
    const bool wide = architecture == "qwen3" || architecture == "gemma3" || architecture == "qwen3moe";
    const uint64_t head = wide ? kWideHead : kEmbedding / kHeads;
    constexpr uint64_t kWidth = kEmbedding;
    text["general.architecture"] = architecture;
    whole = {{architecture + ".block_count", kLayers},         {architecture + ".context_length", 256},
             {architecture + ".embedding_length", kEmbedding}, {architecture + ".feed_forward_length", kHidden},
             {architecture + ".attention.head_count", kHeads}, {architecture + ".attention.head_count_kv", kKvHeads}};
    if (wide) whole[architecture + ".attention.key_length"] = whole[architecture + ".attention.value_length"] = head;
    real[architecture + ".attention.layer_norm_rms_epsilon"] = 1e-5f;
    tensors = {{"token_embd.weight", {Type::Q8_0, {kWidth, kVocabulary}}},
               {"output_norm.weight", {Type::F32, {kWidth}}}};
    for (int i = 0; i < kLayers; ++i) {
      const std::string b = "blk." + std::to_string(i) + ".";
      tensors[b + "attn_norm.weight"] = tensors[b + "ffn_norm.weight"] = {Type::F32, {kWidth}};
      tensors[b + "attn_q.weight"] = {Type::Q4_0, {kWidth, head * kHeads}};
      tensors[b + "attn_k.weight"] = {Type::Q4_1, {kWidth, head * kKvHeads}};
      tensors[b + "attn_v.weight"] = {Type::F16, {kWidth, head * kKvHeads}};
      tensors[b + "attn_output.weight"] = {Type::BF16, {head * kHeads, kWidth}};
      tensors[b + "ffn_gate.weight"] = {Type::Q8_0, {kWidth, kHidden}};
      tensors[b + "ffn_up.weight"] = {Type::F32, {kWidth, kHidden}};
      tensors[b + "ffn_down.weight"] = {Type::Q4_1, {kHidden, kWidth}};
      if (architecture == "qwen2" || architecture == "qwen2moe" || architecture == "gpt-oss") {
        tensors[b + "attn_q.bias"] = {Type::F32, {head * kHeads}};
        tensors[b + "attn_k.bias"] = tensors[b + "attn_v.bias"] = {Type::F32, {head * kKvHeads}};
      } else if (wide) {
        tensors[b + "attn_q_norm.weight"] = tensors[b + "attn_k_norm.weight"] = {Type::F32, {head}};
      } else if (architecture == "phi3") {
        for (const char* name : {"attn_q", "attn_k", "attn_v", "ffn_gate"}) tensors.erase(b + name + ".weight");
        tensors[b + "attn_qkv.weight"] = {Type::Q4_0, {kWidth, head * (kHeads + 2 * kKvHeads)}};
        tensors[b + "ffn_up.weight"] = {Type::Q8_0, {kWidth, 2 * kHidden}};
      }
      if (architecture == "gemma3") {
        tensors[b + "post_attention_norm.weight"] = tensors[b + "post_ffw_norm.weight"] = {Type::F32, {kWidth}};
      }
      addExperts(architecture, b, i);
    }
    if (architecture == "phi3" || architecture == "gemma3" || architecture == "gpt-oss") {
      whole[architecture + ".attention.sliding_window"] = kWindow;
    }
  }

  // What makes a layer of the mixtures of experts different; glm4moe's first layer is dense.
  void addExperts(const std::string& architecture, const std::string& b, int layer) {
    const bool glm = architecture == "glm4moe", oss = architecture == "gpt-oss", qwen2 = architecture == "qwen2moe";
    if (!glm && !oss && !qwen2 && architecture != "qwen3moe") return;
    constexpr uint64_t kWidth = kEmbedding;
    whole[architecture + ".expert_count"] = kExperts;
    whole[architecture + ".expert_used_count"] = 2;
    whole[architecture + ".expert_feed_forward_length"] = kExpertHidden;
    if (glm || oss) tensors[b + "post_attention_norm.weight"] = tensors.extract(b + "ffn_norm.weight").mapped();
    if (glm) whole["glm4moe.leading_dense_block_count"] = whole["glm4moe.expert_shared_count"] = 1;
    if (qwen2) whole["qwen2moe.expert_shared_feed_forward_length"] = kExpertHidden;
    if (oss) tensors[b + "attn_sinks.weight"] = {Type::F32, {kHeads}};
    if (glm && layer == 0) return;
    for (const char* name : {"ffn_gate", "ffn_up", "ffn_down"}) tensors.erase(b + name + ".weight");
    tensors[b + "ffn_gate_inp.weight"] = {Type::F32, {kWidth, kExperts}};
    tensors[b + "ffn_gate_exps.weight"] = {Type::Q8_0, {kWidth, kExpertHidden, kExperts}};
    tensors[b + "ffn_up_exps.weight"] = {Type::Q4_0, {kWidth, kExpertHidden, kExperts}};
    tensors[b + "ffn_down_exps.weight"] = {Type::Q4_0, {kExpertHidden, kWidth, kExperts}};
    if (oss) {
      tensors[b + "ffn_gate_inp.bias"] = {Type::F32, {kExperts}};
      tensors[b + "ffn_gate_exps.bias"] = tensors[b + "ffn_up_exps.bias"] = {Type::F32, {kExpertHidden, kExperts}};
      tensors[b + "ffn_down_exps.bias"] = {Type::F32, {kWidth, kExperts}};
    }
    if (glm) tensors[b + "exp_probs_b.bias"] = {Type::F32, {kExperts}};
    if (qwen2) tensors[b + "ffn_gate_inp_shexp.weight"] = {Type::F32, {kWidth}};
    if (glm || qwen2) {
      tensors[b + "ffn_gate_shexp.weight"] = tensors[b + "ffn_up_shexp.weight"] = {Type::F16, {kWidth, kExpertHidden}};
      tensors[b + "ffn_down_shexp.weight"] = {Type::Q8_0, {kExpertHidden, kWidth}};
    }
  }

  GgufWriter writer() const {
    GgufWriter w;
    for (const auto& [key, value] : text) w.str(key, value);
    for (const auto& [key, value] : whole) {
      if (value <= 0xffffffff) {
        w.u32(key, uint32_t(value));
      } else {
        w.u64(key, value);
      }
    }
    for (const auto& [key, value] : real) w.f32(key, value);
    std::mt19937 random(5);
    for (const auto& [name, t] : tensors) {
      uint64_t count = 1;
      for (const uint64_t n : t.ne) count *= n;
      std::vector<float> values(count);
      for (float& x : values) x = float(int(random() % 2001) - 1000) / 4000.0f + (t.ne.size() == 1 ? 1.0f : 0.0f);
      std::vector<std::byte> data(rowBytes(t.type, int64_t(count)).value_or(0));
      if (const TypeInfo* type = typeInfo(t.type); type && type->encode)
        type->encode(values.data(), data.data(), int64_t(count));
      w.tensor(name, t.type, t.ne, std::move(data));
    }
    return w;
  }
};

}  // namespace lemma::test
