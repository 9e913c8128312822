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

  struct Tensor {
    Type type;
    std::vector<uint64_t> ne;
  };
  std::map<std::string, uint64_t> whole{
      {"llama.block_count", kLayers},         {"llama.context_length", 256},
      {"llama.embedding_length", kEmbedding}, {"llama.feed_forward_length", kHidden},
      {"llama.attention.head_count", kHeads}, {"llama.attention.head_count_kv", kKvHeads},
  };
  std::map<std::string, float> real{{"llama.attention.layer_norm_rms_epsilon", 1e-5f}};
  std::map<std::string, std::string> text{{"general.architecture", "llama"}};
  std::map<std::string, Tensor> tensors = [] {
    constexpr uint64_t kWidth = kEmbedding, kKv = kEmbedding / kHeads * kKvHeads;
    std::map<std::string, Tensor> t{{"token_embd.weight", {Type::Q8_0, {kWidth, kVocabulary}}},
                                    {"output_norm.weight", {Type::F32, {kWidth}}}};
    for (int i = 0; i < kLayers; ++i) {
      const std::string b = "blk." + std::to_string(i) + ".";
      t[b + "attn_norm.weight"] = t[b + "ffn_norm.weight"] = {Type::F32, {kWidth}};
      t[b + "attn_q.weight"] = {Type::Q4_0, {kWidth, kWidth}};
      t[b + "attn_k.weight"] = {Type::Q4_1, {kWidth, kKv}};
      t[b + "attn_v.weight"] = {Type::F16, {kWidth, kKv}};
      t[b + "attn_output.weight"] = {Type::BF16, {kWidth, kWidth}};
      t[b + "ffn_gate.weight"] = {Type::Q8_0, {kWidth, kHidden}};
      t[b + "ffn_up.weight"] = {Type::F32, {kWidth, kHidden}};
      t[b + "ffn_down.weight"] = {Type::Q4_1, {kHidden, kWidth}};
    }
    return t;
  }();

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
