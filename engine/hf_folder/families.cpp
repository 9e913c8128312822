// The families of Hugging Face models that are known, as rows.
#include <algorithm>
#include <cctype>
#include <cmath>

#include "engine/hf_folder/config_translation.h"
#include "engine/hf_folder/family.h"

namespace lemma {
namespace {

constexpr KeyRow kDecoderKeys[] = {
    {"num_hidden_layers", "block_count", Kind::whole, Need::required},
    {"hidden_size", "embedding_length", Kind::whole, Need::required},
    {"intermediate_size", "feed_forward_length", Kind::whole, Need::required},
    {"num_attention_heads", "attention.head_count", Kind::whole, Need::required},
    {"rms_norm_eps", "attention.layer_norm_rms_epsilon", Kind::real, Need::required},
    {"vocab_size", "vocab_size"},
};

constexpr NameRow kDecoderNames[] = {
    {"input_layernorm", "attn_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.gate", "ffn_gate_inp"},
    {"mlp.experts.*.gate_proj", "ffn_gate_exps.*"},
    {"mlp.experts.*.up_proj", "ffn_up_exps.*"},
    {"mlp.experts.*.down_proj", "ffn_down_exps.*"},
    {"mlp.gate.e_score_correction_bias", "exp_probs_b.bias"},
    {"mlp.shared_experts.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_experts.up_proj", "ffn_up_shexp"},
    {"mlp.shared_experts.down_proj", "ffn_down_shexp"},
    {"embed_tokens", "nextn.embed_tokens"},
    {"enorm", "nextn.enorm"},
    {"hnorm", "nextn.hnorm"},
    {"eh_proj", "nextn.eh_proj"},
    {"shared_head.head", "nextn.shared_head_head"},
    {"shared_head.norm", "nextn.shared_head_norm"},
};

// ---- Qwen's mixtures of experts

constexpr KeyRow kQwenMoeKeys[] = {
    {"num_experts", "expert_count", Kind::whole, Need::required},
    {"num_experts_per_tok", "expert_used_count", Kind::whole, Need::required},
    {"moe_intermediate_size", "expert_feed_forward_length", Kind::whole, Need::required},
    {"shared_expert_intermediate_size", "expert_shared_feed_forward_length"},
    {"norm_topk_prob", "expert_weights_norm", Kind::flag},
};

constexpr NameRow kQwenMoeNames[] = {
    {"mlp.shared_expert.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_expert.up_proj", "ffn_up_shexp"},
    {"mlp.shared_expert.down_proj", "ffn_down_shexp"},
    {"mlp.shared_expert_gate", "ffn_gate_inp_shexp"},
};

void qwenMoe(ConfigTranslation& t) {
  t.unfitUnless(t.config().whole("decoder_sparse_step").value_or(1) == 1, "decoder_sparse_step", "is not 1");
  t.unfitUnless(t.config().wholes("mlp_only_layers").empty(), "mlp_only_layers", "names layers without experts");
  if (!t.config().has("norm_topk_prob")) t.set("expert_weights_norm", GgufValue::of(false));  // GGUF's default varies
}

// ---- DeepSeek V2, V3 and R1

constexpr KeyRow kDeepseekKeys[] = {
    {"q_lora_rank", "attention.q_lora_rank"},
    {"kv_lora_rank", "attention.kv_lora_rank", Kind::whole, Need::required},
    {"first_k_dense_replace", "leading_dense_block_count", Kind::whole, Need::required},
    {"n_routed_experts", "expert_count", Kind::whole, Need::required},
    {"n_shared_experts", "expert_shared_count"},
    {"num_experts_per_tok", "expert_used_count", Kind::whole, Need::required},
    {"moe_intermediate_size", "expert_feed_forward_length", Kind::whole, Need::required},
    {"routed_scaling_factor", "expert_weights_scale", Kind::real},
    {"norm_topk_prob", "expert_weights_norm", Kind::flag},
    {"qk_rope_head_dim", "rope.dimension_count", Kind::whole, Need::required},
    {"num_nextn_predict_layers", "nextn_predict_layers"},
};

constexpr NameRow kDeepseekNames[] = {
    {"self_attn.q_a_proj", "attn_q_a"},
    {"self_attn.q_a_layernorm", "attn_q_a_norm"},
    {"self_attn.q_b_proj", "attn_q_b"},
    {"self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"},
    {"self_attn.kv_a_layernorm", "attn_kv_a_norm"},
    {"self_attn.kv_b_proj", "attn_kv_b"},
};

// What a config.json does not say is what the family's own configuration class has; transformers' class for V3 has no
// such keys, as V3 knows no other way.
struct DeepseekChoice {
  const char *scoring, *method;
};

void deepseek(ConfigTranslation& t, const DeepseekChoice& unsaid) {
  // The projection of keys and values is one matrix, so the heads are those of the form before absorption.
  const uint64_t nope = t.need("qk_nope_head_dim"), rope = t.need("qk_rope_head_dim");
  t.set("attention.head_count_kv", t.need("num_attention_heads"));
  // GGUF counts the layers that draft among the others.
  t.set("block_count", t.need("num_hidden_layers") + t.config().whole("num_nextn_predict_layers").value_or(0));
  t.set("attention.key_length", nope + rope);
  t.set("attention.value_length", t.need("v_head_dim"));

  const std::string scoring = t.config().text("scoring_func").value_or(unsaid.scoring);
  t.unfitUnless(scoring == "softmax" || scoring == "sigmoid", "scoring_func", "is " + quotedName(scoring));
  t.set("expert_gating_func", uint64_t(scoring == "sigmoid" ? 2 : 1));
  const std::string method = t.config().text("topk_method").value_or(unsaid.method);
  t.unfitUnless(method == "greedy" || method == "group_limited_greedy" || method == "noaux_tc", "topk_method",
                "is " + quotedName(method));
  const bool grouped = method != "greedy";
  t.set("expert_group_count", grouped ? t.config().whole("n_group").value_or(1) : 1);
  t.set("expert_group_used_count", grouped ? t.config().whole("topk_group").value_or(1) : 1);
  t.unfitUnless(t.config().whole("moe_layer_freq").value_or(1) == 1, "moe_layer_freq", "is not 1");
  if (!t.config().flag("rope_interleave").value_or(true)) t.setHalfSplit();
}

// ---- GLM-4.5 and 4.6

constexpr KeyRow kGlm4MoeKeys[] = {
    {"first_k_dense_replace", "leading_dense_block_count", Kind::whole, Need::required},
    {"n_routed_experts", "expert_count", Kind::whole, Need::required},
    {"n_shared_experts", "expert_shared_count"},
    {"num_experts_per_tok", "expert_used_count", Kind::whole, Need::required},
    {"moe_intermediate_size", "expert_feed_forward_length", Kind::whole, Need::required},
    {"routed_scaling_factor", "expert_weights_scale", Kind::real},
    {"n_group", "expert_group_count"},
    {"topk_group", "expert_group_used_count"},
    {"num_nextn_predict_layers", "nextn_predict_layers"},
};

constexpr NameRow kGlm4MoeNames[] = {
    {"post_attention_layernorm", "post_attention_norm"},
};

void glm4Moe(ConfigTranslation& t) {
  t.set("block_count", t.need("num_hidden_layers") + t.config().whole("num_nextn_predict_layers").value_or(0));
  t.set("expert_gating_func", uint64_t(2));
  t.set("expert_weights_norm", GgufValue::of(t.config().flag("norm_topk_prob").value_or(true)));
}

// ---- Phi-3 and Phi-4

constexpr NameRow kPhi3Names[] = {
    {"self_attn.qkv_proj", "attn_qkv"},
    {"mlp.gate_up_proj", "ffn_up"},
};

void phi3(ConfigTranslation& t) {
  if (const auto window = t.config().whole("sliding_window")) t.set("attention.sliding_window", *window);
}

// ---- models with a window in all but each n-th layer

// Newer files list the kind of each layer: the first that sees everything ends the period.
void windowPeriod(ConfigTranslation& t) {
  const auto kinds = t.config().texts("layer_types");
  if (kinds.empty()) return;
  const auto period = uint64_t(std::ranges::find(kinds, "full_attention") - kinds.begin()) + 1;
  for (size_t i = 0; i < kinds.size(); ++i) {
    t.unfitUnless(kinds[i] == ((i + 1) % period == 0 ? "full_attention" : "sliding_attention"), "layer_types",
                  "has no period");
  }
  t.set("attention.sliding_window_pattern", period);
}

// ---- the text models of Gemma 3

constexpr KeyRow kGemma3Keys[] = {
    {"sliding_window", "attention.sliding_window"},
    {"sliding_window_pattern", "attention.sliding_window_pattern"},
    {"rope_local_base_freq", "rope.freq_base_swa", Kind::real},
    {"final_logit_softcapping", "final_logit_softcapping", Kind::real},
};

constexpr NameRow kGemma3Names[] = {
    {"post_attention_layernorm", "post_attention_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
};

// Published files leave out what is as in the model of 4B.
constexpr std::string_view kGemma3Defaults = R"({"vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216,
  "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "rms_norm_eps": 1e-6,
  "max_position_embeddings": 131072, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "sliding_window": 4096,
  "query_pre_attn_scalar": 256, "hidden_activation": "gelu_pytorch_tanh"})";

void gemma3(ConfigTranslation& t) {
  const double scalar = t.config().real("query_pre_attn_scalar").value_or(256);
  t.unfitUnless(scalar > 0, "query_pre_attn_scalar", "is not above 0");
  if (scalar > 0) t.set("attention.scale", GgufValue::of(1 / std::sqrt(scalar)));
  const std::string activation = t.config().text("hidden_activation").value_or("gelu_pytorch_tanh");
  t.unfitUnless(activation == "gelu_pytorch_tanh", "hidden_activation", "is " + quotedName(activation));
  t.unfitUnless(!t.config().has("attn_logit_softcapping"), "attn_logit_softcapping", "bounds scores");
  windowPeriod(t);
}

// ---- gpt-oss

constexpr KeyRow kGptOssKeys[] = {
    {"num_local_experts", "expert_count", Kind::whole, Need::required},
    {"num_experts_per_tok", "expert_used_count", Kind::whole, Need::required},
    {"intermediate_size", "expert_feed_forward_length", Kind::whole, Need::required},
    {"sliding_window", "attention.sliding_window", Kind::whole, Need::required},
};

constexpr NameRow kGptOssNames[] = {
    {"post_attention_layernorm", "post_attention_norm"},
    {"self_attn.sinks", "attn_sinks.weight"},
    {"mlp.router", "ffn_gate_inp"},
    {"mlp.experts.gate_up_proj", "ffn_gate_up_exps.weight"},
    {"mlp.experts.gate_up_proj_blocks", "ffn_gate_up_exps.blocks"},
    {"mlp.experts.gate_up_proj_scales", "ffn_gate_up_exps.scales"},
    {"mlp.experts.gate_up_proj_bias", "ffn_gate_up_exps.bias"},
    {"mlp.experts.down_proj", "ffn_down_exps.weight"},
    {"mlp.experts.down_proj_blocks", "ffn_down_exps.blocks"},
    {"mlp.experts.down_proj_scales", "ffn_down_exps.scales"},
    {"mlp.experts.down_proj_bias", "ffn_down_exps.bias"},
};

void gptOss(ConfigTranslation& t) {
  t.set("attention.sliding_window_pattern", uint64_t(2));
  windowPeriod(t);
  t.unfitUnless(t.config().real("swiglu_limit").value_or(7) == 7, "swiglu_limit", "is not 7");
}

constexpr HfFamily kFamilies[] = {
    {.modelType = "llama", .architecture = "llama", .halfSplit = true},
    {.modelType = "mistral", .architecture = "llama", .halfSplit = true, .windowed = true},
    {.modelType = "qwen2", .architecture = "qwen2"},
    {.modelType = "qwen3", .architecture = "qwen3"},
    {.modelType = "qwen2_moe",
     .architecture = "qwen2moe",
     .keys = kQwenMoeKeys,
     .layer = kQwenMoeNames,
     .more = qwenMoe},
    {.modelType = "qwen3_moe",
     .architecture = "qwen3moe",
     .keys = kQwenMoeKeys,
     .layer = kQwenMoeNames,
     .more = qwenMoe},
    {.modelType = "glm4_moe", .architecture = "glm4moe", .keys = kGlm4MoeKeys, .layer = kGlm4MoeNames, .more = glm4Moe},
    {.modelType = "phi3", .architecture = "phi3", .layer = kPhi3Names, .more = phi3},
    {.modelType = "gemma3_text",
     .architecture = "gemma3",
     .keys = kGemma3Keys,
     .layer = kGemma3Names,
     .tied = true,
     .normsLessOne = true,
     .defaults = kGemma3Defaults,
     .more = gemma3},
    {.modelType = "gemma3",
     .architecture = "gemma3",
     .keys = kGemma3Keys,
     .layer = kGemma3Names,
     .tied = true,
     .normsLessOne = true,
     .seesToo = true,
     .defaults = kGemma3Defaults,
     .more = gemma3},
    {.modelType = "gpt_oss",
     .architecture = "gpt-oss",
     .keys = kGptOssKeys,
     .layer = kGptOssNames,
     .pairedExperts = true,
     .wholeBounds = false,
     .more = gptOss},
    {.modelType = "deepseek_v2",
     .architecture = "deepseek2",
     .keys = kDeepseekKeys,
     .layer = kDeepseekNames,
     .ownHeads = true,
     .more =
         [](ConfigTranslation& t) {
           deepseek(t, {"softmax", "greedy"});
         }},
    {.modelType = "deepseek_v3",
     .architecture = "deepseek2",
     .keys = kDeepseekKeys,
     .layer = kDeepseekNames,
     .ownHeads = true,
     .more =
         [](ConfigTranslation& t) {
           deepseek(t, {"sigmoid", "noaux_tc"});
         }},
};

// ---- names

// Where `text` follows `pattern`, whose * is a number: that number, empty where there is none.
std::optional<std::string_view> matches(std::string_view pattern, std::string_view text) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text ? std::optional<std::string_view>("") : std::nullopt;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  if (text.size() <= before.size() + after.size() || !text.starts_with(before) || !text.ends_with(after)) {
    return std::nullopt;
  }
  const auto number = text.substr(before.size(), text.size() - before.size() - after.size());
  const bool digits = std::ranges::all_of(number, [](unsigned char c) { return std::isdigit(c); });
  return digits ? std::optional(number) : std::nullopt;
}

std::optional<std::string> renamed(std::span<const NameRow> rows, std::string_view text) {
  for (const NameRow& row : rows) {
    const auto number = matches(row.hf, text);
    if (!number) continue;
    std::string name(row.gguf);
    if (const size_t star = name.find('*'); star != std::string::npos) name.replace(star, 1, *number);
    return name;
  }
  return std::nullopt;
}

constexpr NameRow kOutside[] = {
    {"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"}, {"lm_head", "output"}};
constexpr std::string_view kLayers = "model.layers.";

std::optional<std::string> withEnding(std::span<const NameRow> rows, std::string_view text) {
  if (auto whole = renamed(rows, text)) return whole;
  const size_t dot = text.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view ending = text.substr(dot);
  if (ending != ".weight" && ending != ".bias" && ending != ".weight_scale_inv") return std::nullopt;
  auto module = renamed(rows, text.substr(0, dot));
  if (module) *module += ending;
  return module;
}

}  // namespace

const HfFamily* hfFamily(std::string_view modelType) {
  const auto* found = std::ranges::find(kFamilies, modelType, &HfFamily::modelType);
  return found == std::end(kFamilies) ? nullptr : found;
}

std::span<const KeyRow> decoderKeys() { return kDecoderKeys; }

std::string ggufName(const HfFamily& family, std::string_view hfName) {
  if (!hfName.starts_with(kLayers)) return withEnding(kOutside, hfName).value_or(std::string(hfName));
  const std::string_view rest = hfName.substr(kLayers.size());
  const size_t dot = rest.find('.');
  if (dot == std::string_view::npos || !matches("*", rest.substr(0, dot))) return std::string(hfName);
  auto name = withEnding(family.layer, rest.substr(dot + 1));
  if (!name) name = withEnding(kDecoderNames, rest.substr(dot + 1));
  return name ? "blk." + std::string(rest.substr(0, dot)) + "." + *name : std::string(hfName);
}

}  // namespace lemma
