// Hugging Face folders: every key of config.json that is read otherwise than as a number, in the forms that it must not
// have, the files beside it, and what is odd but has a meaning.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/model.h"
#include "tests/hostile/rows.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_folder.h"

namespace lemma::test {
namespace {

namespace fs = std::filesystem;

Result<void> loadFolder(const TinyFolder& folder, const std::function<void(const fs::path&)>& spoil = {}) {
  const TemporaryFolder where;
  if (!folder.write(where.path() / "m")) return fail(Err::unreadable, "no folder can be written");
  if (spoil) spoil(where.path() / "m");
  const auto model = Model::load({.path = where / "m", .batch = 16, .kvType = "f32", .backend = "reference"});
  if (!model) return tl::unexpected(model.error());
  return {};
}
Row fileWith(std::string name, std::string says, const char* file, std::string patch) {
  return {std::move(name), std::move(says), [file, patch = std::move(patch)] {
            TinyFolder folder;
            folder.json[file].merge_patch(nlohmann::json::parse(patch));
            return loadFolder(folder);
          }};
}
Row configWith(std::string name, std::string says, std::string patch) {
  return fileWith(std::move(name), std::move(says), "config.json", std::move(patch));
}
Row ropeWith(std::string name, std::string says, const std::string& scaling) {
  return configWith(std::move(name), std::move(says), "{\"rope_scaling\":" + scaling + "}");
}
// Another family's config.json with its required keys; `patch` is laid over it.
Row familyWith(const char* type, std::string name, std::string says, std::string patch) {
  return {std::string(type) + ": " + name, std::move(says), [type, patch = std::move(patch)] {
            TinyFolder folder;
            auto& config = folder.json["config.json"];
            config["model_type"] = type;
            for (const char* key : {"num_experts", "n_routed_experts", "num_local_experts"}) config[key] = 4;
            for (const char* key : {"num_experts_per_tok", "first_k_dense_replace"}) config[key] = 1;
            for (const char* key : {"moe_intermediate_size", "kv_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim",
                                    "v_head_dim", "sliding_window"}) {
              config[key] = 16;
            }
            config.merge_patch(nlohmann::json::parse(patch));
            return loadFolder(folder);
          }};
}
Row spoilt(std::string name, std::string says, std::function<void(const fs::path&)> spoil) {
  return {std::move(name), std::move(says), [spoil = std::move(spoil)] { return loadFolder(TinyFolder(), spoil); }};
}
Row changed(std::string name, std::string says, std::function<void(TinyFolder&)> change) {
  return {std::move(name), std::move(says), [change = std::move(change)] {
            TinyFolder folder;
            change(folder);
            return loadFolder(folder);
          }};
}
void writeText(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

std::vector<Row> folderConfigRows() {
  const std::string index = "model.safetensors.index.json";
  std::string manyShards = "{\"weight_map\":{\"a\":\"0.safetensors\"";
  for (int i = 1; i <= 4096; ++i)
    manyShards += ",\"" + std::to_string(i) + "\":\"" + std::to_string(i) + ".safetensors\"";
  manyShards += "}}";
  const auto withoutWeights = [](const fs::path& m) { fs::remove(m / "model.safetensors"); };
  return {
      configWith("a number in words", "does not hold a number", R"({"rope_theta": "big"})"),
      configWith("a flag in words", "does not hold true or false", R"({"tie_word_embeddings": "yes"})"),
      configWith("a text that is a number", "does not hold a text", R"({"hidden_act": 7})"),
      configWith("a share of nothing", "is not a share of 1", R"({"partial_rotary_factor": 0})"),
      configWith("a share of more than all", "is not a share of 1", R"({"partial_rotary_factor": 2})"),
      configWith("half of each head turned", "", R"({"partial_rotary_factor": 0.5})"),
      configWith("no context", "max_position_embeddings", R"({"max_position_embeddings": null})"),
      configWith("no width and no head", "hidden_size", R"({"hidden_size": null})"),
      configWith("a window that is used", "", R"({"sliding_window": 16, "use_sliding_window": true})"),
      configWith("a window that is not used", "", R"({"sliding_window": 16, "use_sliding_window": false})"),
      configWith("layers of two kinds of positions", "rope_parameters",
                 R"({"rope_parameters": {"full_attention": {}}})"),
      configWith("positions as newer files keep them", "",
                 R"({"rope_theta": null, "rope_parameters": {"rope_type": "default", "rope_theta": 500}})"),
      configWith("tied, with a head all the same", "", R"({"tie_word_embeddings": true})"),
      ropeWith("a type that is a number", "does not hold a text", R"({"rope_type": 7})"),
      ropeWith("stretched by no factor", "factor", R"({"type": "linear"})"),
      ropeWith("stretched by a million millions", "factor", R"({"type": "linear", "factor": 1e12})"),
      ropeWith("longrope without its lists", "long_factor", R"({"type": "longrope"})"),
      ropeWith("longrope by a text", "is not a list of numbers", R"({"type": "su", "long_factor": "1"})"),
      ropeWith("longrope by texts", "is not a list of numbers", R"({"type": "su", "long_factor": [1, "2"]})"),
      ropeWith(
          "longrope with its own context", "rope_factors",
          R"({"type": "longrope", "original_max_position_embeddings": 16, "long_factor": [1], "short_factor": [1]})"),
      ropeWith("longrope with its own magnitude", "rope_factors",
               R"({"type": "longrope", "attention_factor": 1.5, "long_factor": [1], "short_factor": [1]})"),
      ropeWith("YaRN with cut bounds", "truncate", R"({"rope_type": "yarn", "factor": 4, "truncate": false})"),
      ropeWith("YaRN turned round", "yarn_beta_fast",
               R"({"rope_type": "yarn", "factor": 4, "beta_fast": 1, "beta_slow": 32})"),
      ropeWith("YaRN with one of two scales", "", R"({"rope_type": "yarn", "factor": 4, "mscale": 1})"),
      ropeWith("YaRN with two scales", "", R"({"rope_type": "yarn", "factor": 4, "mscale": 1, "mscale_all_dim": 0.5})"),
      ropeWith("YaRN with its own context", "",
               R"({"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 64})"),
      ropeWith("YaRN with its own magnitude", "", R"({"rope_type": "yarn", "factor": 4, "attention_factor": 1.25})"),
      ropeWith("Llama 3's bounds turned round", "high_freq_factor",
               R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1})"),
      configWith("Llama 3's bounds of a huge head", "high_freq_factor",
                 R"({"head_dim": 5000, "rope_scaling": {"rope_type": "llama3", "factor": 8}})"),
      configWith("blocks of one size", "is not two sizes",
                 R"({"quantization_config": {"quant_method": "fp8", "weight_block_size": [128]}})"),
      configWith("blocks of a letter", "is not a list of whole numbers",
                 R"({"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, "a"]}})"),
      configWith("blocks of 2^21", "is not two sizes",
                 R"({"quantization_config": {"quant_method": "fp8", "weight_block_size": [2097152, 1]}})"),
      configWith("weights in 4-bit floats that no expert has", "\"mxfp4\"",
                 R"({"quantization_config": {"quant_method": "mxfp4"}})"),
      configWith("quantised by a number", "does not hold a text", R"({"quantization_config": {"quant_method": 8}})"),
      familyWith("qwen3_moe", "experts in each second layer", "decoder_sparse_step", R"({"decoder_sparse_step": 2})"),
      familyWith("qwen3_moe", "layers without experts", "mlp_only_layers", R"({"mlp_only_layers": [0]})"),
      familyWith("qwen3_moe", "layers by name", "is not a list of whole numbers", R"({"mlp_only_layers": ["a"]})"),
      familyWith("qwen3_moe", "no weights of experts", "blk.0.", R"({})"),
      familyWith("qwen3_moe", "a norm of experts in words", "does not hold true or false",
                 R"({"norm_topk_prob": "no"})"),
      familyWith("deepseek_v3", "no latent", "kv_lora_rank", R"({"kv_lora_rank": null})"),
      familyWith("deepseek_v3", "scores nobody knows", "\"tanh\"", R"({"scoring_func": "tanh"})"),
      familyWith("deepseek_v3", "a choice nobody knows", "\"random\"", R"({"topk_method": "random"})"),
      familyWith("deepseek_v3", "experts in each second layer", "moe_layer_freq", R"({"moe_layer_freq": 2})"),
      familyWith("deepseek_v3", "positions in halves", "blk.0.", R"({"rope_interleave": false})"),
      familyWith("deepseek_v3", "YaRN of its own", "blk.0.",
                 R"({"topk_method": "noaux_tc", "scoring_func": "sigmoid", "n_group": 2, "topk_group": 1,
                     "rope_scaling": {"type": "yarn", "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0}})"),
      familyWith("deepseek_v3", "YaRN with one of two scales", "blk.0.",
                 R"({"rope_scaling": {"type": "yarn", "factor": 40, "mscale": 0.7}})"),
      familyWith("phi3", "a window", "blk.0.", R"({"sliding_window": 16})"),
      familyWith("phi3", "no window", "blk.0.", R"({"sliding_window": null})"),
      familyWith("gemma3_text", "scores by nothing", "query_pre_attn_scalar", R"({"query_pre_attn_scalar": 0})"),
      familyWith("gemma3_text", "another activation", "\"relu\"", R"({"hidden_activation": "relu"})"),
      familyWith("gemma3_text", "scores that are bounded", "attn_logit_softcapping",
                 R"({"attn_logit_softcapping": 50})"),
      familyWith("gemma3_text", "layers without a period", "has no period",
                 R"({"layer_types": ["full_attention", "sliding_attention"]})"),
      familyWith("gemma3_text", "layers by number", "is not a list of texts", R"({"layer_types": [1, 2]})"),
      familyWith("gemma3_text", "layers in one word", "is not a list of texts", R"({"layer_types": "full"})"),
      familyWith("gpt_oss", "no window", "sliding_window", R"({"sliding_window": null})"),
      fileWith("a temperature in words", "generation_config.json", "generation_config.json",
               R"({"temperature": "hot"})"),
      fileWith("a template that is a number", "", "tokenizer_config.json", R"({"chat_template": 7})"),
      fileWith("templates without a default", "", "tokenizer_config.json",
               R"({"chat_template": [7, {"name": "a"}, {"name": "b", "template": 1}, {"template": "x"}]})"),
      fileWith("templates with a default", "", "tokenizer_config.json",
               R"({"chat_template": [{"name": "a", "template": "x"}, {"name": "default", "template": "y"}]})"),
      fileWith("the only template", "", "tokenizer_config.json", R"({"chat_template": [{"template": "x"}]})"),
      spoilt("a broken tokenizer_config.json", "tokenizer_config.json",
             [](const fs::path& m) { writeText(m / "tokenizer_config.json", "{"); }),
      spoilt("a broken special_tokens_map.json", "special_tokens_map.json",
             [](const fs::path& m) { writeText(m / "special_tokens_map.json", "[]"); }),
      spoilt("a template of its own file", "", [](const fs::path& m) { writeText(m / "chat_template.jinja", "x"); }),
      spoilt("a broken chat_template.json", "chat_template.json",
             [](const fs::path& m) {
               writeText(m / "tokenizer_config.json", "{}");
               writeText(m / "chat_template.json", "{");
             }),
      spoilt("a template that is a folder", "chat_template.jinja",
             [](const fs::path& m) { fs::create_directory(m / "chat_template.jinja"); }),
      spoilt("a tokenizer that is a folder", "tokenizer.json",
             [](const fs::path& m) {
               fs::remove(m / "tokenizer.json");
               fs::create_directory(m / "tokenizer.json");
             }),
      spoilt("a config.json of more than 4 MiB", "more than the 4194304 allowed",
             [](const fs::path& m) { fs::resize_file(m / "config.json", (4 << 20) + 1); }),
      spoilt("no config.json", "config.json", [](const fs::path& m) { fs::remove(m / "config.json"); }),
      spoilt("a config.json that is a list", "not a JSON object",
             [](const fs::path& m) { writeText(m / "config.json", "[]"); }),
      spoilt("no weights", "holds neither", withoutWeights),
      spoilt("an index of more than 64 MiB", "more than the 67108864 allowed",
             [=](const fs::path& m) {
               withoutWeights(m);
               writeText(m / index, "{");
               fs::resize_file(m / index, (64 << 20) + 1);
             }),
      spoilt("an index that is cut off", index,
             [=](const fs::path& m) {
               withoutWeights(m);
               writeText(m / index, "{\"weight_map\":");
             }),
      spoilt("an index of nothing", "weight_map",
             [=](const fs::path& m) {
               withoutWeights(m);
               writeText(m / index, "{}");
             }),
      spoilt("an index of 4,097 files", "more than 4096 files",
             [=](const fs::path& m) {
               withoutWeights(m);
               writeText(m / index, manyShards);
             }),
      spoilt("a tensor in two files", "is in another file too",
             [=](const fs::path& m) {
               fs::copy(m / "model.safetensors", m / "a.safetensors");
               fs::rename(m / "model.safetensors", m / "b.safetensors");
               writeText(m / index, R"({"weight_map": {"lm_head.weight": "a.safetensors",
                                                       "model.norm.weight": "b.safetensors"}})");
             }),
      spoilt("a shard that is cut off", "model.safetensors",
             [](const fs::path& m) { fs::resize_file(m / "model.safetensors", 100); }),
      spoilt("no head", "lm_head.weight is missing",
             [](const fs::path& m) {
               std::fstream file(m / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
               std::string start(4096, '\0');
               file.read(start.data(), std::streamsize(start.size()));
               file.clear();
               file.seekp(std::streamoff(start.find("lm_head.weight")));
               file << "lm_hand";
             }),
      changed("names of no layer", "",
              [](TinyFolder& f) {
                for (const char* name : {"model.layers.x.mlp.up_proj.weight", "model.layers.1", "model.layers.0.odd",
                                         "model.layers.0.mlp.up_proj.scale", "odd", "odd.weight"}) {
                  f.weights.floats(name, {1}, {0});
                }
              }),
  };
}

}  // namespace lemma::test
