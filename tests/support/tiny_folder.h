// The tiny chat model (tiny_model.h) as a Hugging Face folder: the same weights under transformers' names, the same
// vocabulary as a tokenizer.json. Change or remove a file before write() to see what becomes of it. Tests only.
#pragma once

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/safetensors_writer.h"
#include "tests/support/tiny_model.h"

namespace lemma::test {

struct TinyFolder {
  std::map<std::string, nlohmann::json> json;  // by the file's name
  std::map<std::string, std::string> text;
  SafetensorsWriter weights;

  explicit TinyFolder(const TinyModelOptions& options = {}) {
    using P = TinyModelParts;
    const P parts(options);
    json["config.json"] = {{"model_type", "llama"},
                           {"hidden_size", P::kEmbedding},
                           {"intermediate_size", P::kFfn},
                           {"num_hidden_layers", P::kLayers},
                           {"num_attention_heads", P::kHeads},
                           {"num_key_value_heads", P::kKvHeads},
                           {"rms_norm_eps", 1e-5},
                           {"rope_theta", 10000.0},
                           {"max_position_embeddings", options.context},
                           {"vocab_size", parts.tokens.size()},
                           {"tie_word_embeddings", false}};
    nlohmann::json vocabulary = nlohmann::json::object(), added = nlohmann::json::array();
    for (size_t id = 0; id < parts.tokens.size(); ++id) {
      if (parts.types[id] == 1) {
        vocabulary[parts.tokens[id]] = id;
      } else {
        added.push_back({{"id", id}, {"content", parts.tokens[id]}, {"special", parts.types[id] == 3}});
      }
    }
    json["tokenizer.json"] = {{"added_tokens", added},
                              {"pre_tokenizer",
                               {{"type", "Sequence"},
                                {"pretokenizers",
                                 {{{"type", "Digits"}, {"individual_digits", true}},
                                  {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}}}}},
                              {"decoder", {{"type", "ByteLevel"}}},
                              {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", nlohmann::json::array()}}}};
    json["tokenizer_config.json"] = {{"bos_token", "<|im_start|>"},
                                     {"eos_token", {{"content", "<|im_end|>"}}},
                                     {"add_bos_token", false},
                                     {"chat_template", parts.chatTemplate}};
    json["generation_config.json"] = {{"eos_token_id", 257}};
    for (const P::Tensor& t : parts.tensors) weights.floats(nameOf(t.name), {t.ne.rbegin(), t.ne.rend()}, dataOf(t));
  }

  bool write(const std::filesystem::path& folder) const {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    for (const auto& [name, value] : json) std::ofstream(folder / name) << value.dump();
    for (const auto& [name, value] : text) std::ofstream(folder / name) << value;
    return weights.write((folder / "model.safetensors").string());
  }

 private:
  static std::string nameOf(const std::string& gguf) {
    static const std::map<std::string, std::string> kNames = {{"token_embd", "model.embed_tokens"},
                                                              {"output_norm", "model.norm"},
                                                              {"output", "lm_head"},
                                                              {"attn_norm", "input_layernorm"},
                                                              {"ffn_norm", "post_attention_layernorm"},
                                                              {"attn_q", "self_attn.q_proj"},
                                                              {"attn_k", "self_attn.k_proj"},
                                                              {"attn_v", "self_attn.v_proj"},
                                                              {"attn_output", "self_attn.o_proj"},
                                                              {"ffn_gate", "mlp.gate_proj"},
                                                              {"ffn_up", "mlp.up_proj"},
                                                              {"ffn_down", "mlp.down_proj"}};
    std::string name = gguf.substr(0, gguf.rfind('.')), layer;
    if (name.starts_with("blk.")) {
      const size_t dot = name.find('.', 4);
      layer = "model.layers." + name.substr(4, dot - 4) + ".";
      name = name.substr(dot + 1);
    }
    return layer + kNames.at(name) + ".weight";
  }
  // GGUF puts the two values that rope turns together side by side, the folder half a head apart.
  static std::vector<float> dataOf(const TinyModelParts::Tensor& t) {
    if (t.name.find("attn_q.") == t.name.npos && t.name.find("attn_k.") == t.name.npos) return t.data;
    constexpr size_t kHead = TinyModelParts::kEmbedding / TinyModelParts::kHeads;
    std::vector<float> out(t.data.size());
    const size_t width = t.ne[0];
    for (size_t row = 0; row < t.ne[1]; ++row) {
      const size_t in = row % kHead, to = row - in + (in % 2) * (kHead / 2) + in / 2;
      std::copy_n(t.data.begin() + ptrdiff_t(row * width), width, out.begin() + ptrdiff_t(to * width));
    }
    return out;
  }
};

}  // namespace lemma::test
