#include "engine/hf_folder/config_translation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace lemma {

ConfigTranslation::ConfigTranslation(const nlohmann::json& config, const HfFamily& family)
    : config_(&config), family_(family) {}

uint64_t ConfigTranslation::need(std::string_view configKey) {
  if (!config_.has(configKey)) config_.missing(configKey);
  return config_.whole(configKey).value_or(0);
}

void ConfigTranslation::unfitUnless(bool holds, std::string_view configKey, const std::string& what) {
  if (holds || out_.unfit) return;
  out_.unfit = Error{Err::unsupported,
                     "config.json: the key " + quotedName(configKey) + " " + what + ", which this build does not know"};
}

Result<TranslatedConfig> ConfigTranslation::translate() {
  setWhole("general.architecture", GgufValue::of(std::string_view(family_.architecture)));
  rows(decoderKeys());
  rows(family_.keys);
  if (!family_.ownHeads) heads();
  contextLength();
  rope();
  quantization();
  if (family_.halfSplit) setHalfSplit();
  if (family_.more) family_.more(*this);
  const std::string activation = config_.text("hidden_act").value_or("silu");
  unfitUnless(activation == "silu", "hidden_act", "is " + quotedName(activation));
  out_.tied = config_.flag("tie_word_embeddings").value_or(family_.tied);
  LEMMA_CHECK(config_.result());
  return std::move(out_);
}

void ConfigTranslation::setWhole(std::string key, GgufValue value) {
  const auto it = std::ranges::find(out_.kv, key, &std::pair<std::string, GgufValue>::first);
  if (it != out_.kv.end()) {
    it->second = std::move(value);
  } else {
    out_.kv.emplace_back(std::move(key), std::move(value));
  }
}

void ConfigTranslation::rows(std::span<const KeyRow> rows) {
  for (const KeyRow& row : rows) {
    if (row.need == Need::required && !config_.has(row.config)) config_.missing(row.config);
    switch (row.kind) {
      case Kind::whole:
        if (const auto v = config_.whole(row.config)) set(row.gguf, *v);
        break;
      case Kind::real:
        if (const auto v = config_.real(row.config)) set(row.gguf, GgufValue::of(*v));
        break;
      case Kind::flag:
        if (const auto v = config_.flag(row.config)) set(row.gguf, GgufValue::of(*v));
        break;
    }
  }
}

void ConfigTranslation::heads() {
  if (const auto kv = config_.whole("num_key_value_heads")) set("attention.head_count_kv", *kv);
  const uint64_t dim = headDim();
  set("attention.key_length", dim);
  set("attention.value_length", dim);
  const double part = config_.real("partial_rotary_factor").value_or(1);
  unfitUnless(part > 0 && part <= 1, "partial_rotary_factor", "is not a share of 1");
  set("rope.dimension_count", part > 0 && part < 1 ? uint64_t(double(dim) * part) : dim);
}

uint64_t ConfigTranslation::headDim() {
  if (config_.has("head_dim")) return config_.whole("head_dim").value_or(0);
  return need("hidden_size") / std::max<uint64_t>(1, need("num_attention_heads"));
}

// Up to the width of a sliding window attention over everything is the same, so the model is given that much.
void ConfigTranslation::contextLength() {
  uint64_t context = need("max_position_embeddings");
  const auto window = config_.whole("sliding_window");
  const bool used = config_.flag("use_sliding_window").value_or(family_.windowed);
  if (window && used) context = std::min(context, *window);
  set("context_length", context);
}

void ConfigTranslation::rope() {
  const bool joined = config_.has("rope_parameters");  // newer files keep the base there too
  const std::string_view name = joined ? "rope_parameters" : "rope_scaling";
  ConfigReader r(config_.object(name), std::string(name) + ".");
  const auto theta = config_.has("rope_theta") ? config_.real("rope_theta") : r.real("rope_theta");
  if (theta) set("rope.freq_base", GgufValue::of(*theta));
  unfitUnless(!r.has("full_attention"), "rope_parameters", "is not the same for all layers");

  const std::string type = (r.has("rope_type") ? r.text("rope_type") : r.text("type")).value_or("default");
  if (type == "longrope" || type == "su") {
    longRope(r);
  } else if (type != "default") {
    const double factor = r.real("factor").value_or(0);
    if (!(factor >= 1e-3 && factor <= 1e6)) r.missing("factor");
    if (type == "llama3") {
      llama3(r, factor, theta.value_or(10000));
    } else {
      set("rope.scaling.type", GgufValue::of(std::string_view(type)));  // one that is not known is refused by its name
      set("rope.scaling.factor", GgufValue::of(factor));
      if (type == "yarn") yarn(r, factor);
    }
  }
  config_.adopt(r.result());
}

// LongRoPE: two lists of what each frequency is divided by, the first for contexts beyond the original one.
void ConfigTranslation::longRope(ConfigReader& r) {
  constexpr std::string_view kOriginal = "original_max_position_embeddings";
  const uint64_t original = config_.has(kOriginal) ? need(kOriginal)
                            : r.has(kOriginal)     ? r.whole(kOriginal).value_or(0)
                                                   : need("max_position_embeddings");
  set("rope.scaling.type", GgufValue::of(std::string_view("longrope")));
  set("rope.scaling.original_context_length", original);
  for (const auto& [theirs, ours] :
       {std::pair("long_factor", "rope_factors_long.weight"), std::pair("short_factor", "rope_factors_short.weight")}) {
    const auto factors = r.reals(theirs);
    if (factors.empty()) r.missing(theirs);
    out_.numbers.emplace_back(ours, std::vector<float>(factors.begin(), factors.end()));
  }
  auto magnitude = r.real("attention_factor");
  const double stretched = double(need("max_position_embeddings")) / std::max(1.0, double(original));
  if (!magnitude && stretched > 1 && original > 1) {
    magnitude = std::sqrt(1 + std::log(stretched) / std::log(double(original)));
  }
  if (magnitude) set("rope.scaling.attn_factor", GgufValue::of(*magnitude));
}

void ConfigTranslation::yarn(ConfigReader& r, double factor) {
  set("rope.scaling.original_context_length", r.has("original_max_position_embeddings")
                                                  ? r.whole("original_max_position_embeddings").value_or(0)
                                                  : need("max_position_embeddings"));
  set("rope.scaling.yarn_beta_fast", GgufValue::of(r.real("beta_fast").value_or(32)));
  set("rope.scaling.yarn_beta_slow", GgufValue::of(r.real("beta_slow").value_or(1)));
  const bool wholeBounds = r.flag("truncate").value_or(true);
  unfitUnless(wholeBounds == family_.wholeBounds, "rope_scaling.truncate", wholeBounds ? "is true" : "is false");
  const auto magnitudeOf = [&](double mscale) { return 1 + 0.1 * mscale * std::log(std::max(factor, 1.0)); };
  auto magnitude = r.real("attention_factor");
  const auto mscale = r.real("mscale"), allDims = r.real("mscale_all_dim");
  // Others than DeepSeek's take notice only where both are given.
  const bool given = family_.ownHeads ? mscale || allDims : mscale && allDims;
  if (!magnitude && given) magnitude = magnitudeOf(mscale.value_or(1)) / magnitudeOf(allDims.value_or(0));
  double usual = magnitudeOf(1);
  if (family_.ownHeads && allDims.value_or(0) != 0) {
    // DeepSeek: the scores get the square of the second one's factor, and cosines and sines no factor of their own.
    set("rope.scaling.yarn_log_multiplier", GgufValue::of(0.1 * *allDims));
    usual = 1;
  }
  // GGUF's is a factor on the usual one.
  if (magnitude && *magnitude != usual) set("rope.scaling.attn_factor", GgufValue::of(*magnitude / usual));
}

// As Llama 3.1 stretches its positions: what each frequency is divided by (rope_freqs.weight in GGUF).
void ConfigTranslation::llama3(ConfigReader& r, double factor, double base) {
  const double low = r.real("low_freq_factor").value_or(1), high = r.real("high_freq_factor").value_or(4);
  const auto original = double(r.whole("original_max_position_embeddings").value_or(8192));
  const uint64_t dims = headDim();
  constexpr uint64_t kMostDims = 4096;
  if (dims > kMostDims || !(high > low)) return r.refuse(Err::badValue, "high_freq_factor", "cannot be used");
  auto& factors = out_.numbers.emplace_back("rope_freqs.weight", std::vector<float>()).second;
  for (uint64_t i = 0; i < dims / 2; ++i) {
    const double wave = 2 * std::numbers::pi * std::pow(base, double(2 * i) / double(dims));
    const double smooth = std::clamp((original / wave - low) / (high - low), 0.0, 1.0);
    factors.push_back(float(1 / ((1 - smooth) / factor + smooth)));
  }
}

void ConfigTranslation::quantization() {
  const nlohmann::json* object = config_.object("quantization_config");
  if (!object) return;
  ConfigReader q(object, "quantization_config.");
  const std::string method = q.text("quant_method").value_or("");
  if (method == "mxfp4" && family_.pairedExperts) return config_.adopt(q.result());
  const auto block = q.wholes("weight_block_size");  // {outputs, inputs}
  constexpr uint64_t kMostBlock = 1 << 20;
  unfitUnless(method == "fp8", "quantization_config.quant_method", "is " + quotedName(method));
  const bool sized =
      block.size() == 2 && std::ranges::all_of(block, [](uint64_t n) { return n > 0 && n <= kMostBlock; });
  unfitUnless(method != "fp8" || sized, "quantization_config.weight_block_size", "is not two sizes");
  if (method == "fp8" && sized) {
    const std::array<int64_t, 2> sizes{int64_t(block[1]), int64_t(block[0])};
    setWhole(std::string(kWeightBlockSize), GgufValue::of(std::span<const int64_t>(sizes)));
  }
  config_.adopt(q.result());
}

}  // namespace lemma
