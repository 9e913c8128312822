// Files that parse as GGUF but are no model that runs: each is refused in one sentence that names the key or tensor.
#include <fstream>

#include "engine/model_file/model_file.h"
#include "tests/model/hostile_model.h"
#include "tests/model/run_model.h"
#include "tests/model/tiny_model.h"

namespace lemma::test {
namespace {

const Hostile kHostile[] = {
    {"no architecture", [](TinyModel& m) { m.text.erase("general.architecture"); }, Err::notFound,
     "general.architecture"},
    {"foreign architecture", [](TinyModel& m) { m.text["general.architecture"] = "gpt17"; }, Err::unsupported, "gpt17"},
    {"architecture of control bytes", [](TinyModel& m) { m.text["general.architecture"] = "\x1b[2J\n"; },
     Err::unsupported, "architecture"},
    {"no layers key", [](TinyModel& m) { m.whole.erase("llama.block_count"); }, Err::notFound, "llama.block_count"},
    {"zero layers", [](TinyModel& m) { m.whole["llama.block_count"] = 0; }, Err::badValue, "llama.block_count"},
    {"too many layers", [](TinyModel& m) { m.whole["llama.block_count"] = 513; }, Err::badValue, "llama.block_count"},
    {"layers of 2^63", [](TinyModel& m) { m.whole["llama.block_count"] = 1ull << 63; }, Err::badValue,
     "llama.block_count"},
    {"a layer more than there is", [](TinyModel& m) { m.whole["llama.block_count"] = 3; }, Err::notFound, "blk.2."},
    {"layers as text",
     [](TinyModel& m) {
       m.whole.erase("llama.block_count");
       m.text["llama.block_count"] = "2";
     },
     Err::badValue, "llama.block_count"},
    {"zero width", [](TinyModel& m) { m.whole["llama.embedding_length"] = 0; }, Err::badValue,
     "llama.embedding_length"},
    {"huge width", [](TinyModel& m) { m.whole["llama.embedding_length"] = 1ull << 40; }, Err::badValue,
     "llama.embedding_length"},
    {"other width", [](TinyModel& m) { m.whole["llama.embedding_length"] = 128; }, Err::badValue, "token_embd.weight"},
    {"zero heads", [](TinyModel& m) { m.whole["llama.attention.head_count"] = 0; }, Err::badValue,
     "llama.attention.head_count"},
    {"zero kv heads", [](TinyModel& m) { m.whole["llama.attention.head_count_kv"] = 0; }, Err::badValue,
     "llama.attention.head_count_kv"},
    {"heads that do not share",
     [](TinyModel& m) {
       m.whole["llama.attention.head_count"] = 3;
       m.whole["llama.attention.head_count_kv"] = 2;
     },
     Err::badValue, "llama.attention.head_count_kv"},
    {"more heads than width",
     [](TinyModel& m) {
       m.whole["llama.attention.head_count"] = 1000;
       m.whole["llama.attention.head_count_kv"] = 1000;
     },
     Err::badValue, "llama.attention.key_length"},
    {"zero head", [](TinyModel& m) { m.whole["llama.attention.key_length"] = 0; }, Err::badValue,
     "llama.attention.key_length"},
    {"huge head", [](TinyModel& m) { m.whole["llama.attention.key_length"] = 1u << 20; }, Err::badValue,
     "llama.attention.key_length"},
    {"other head", [](TinyModel& m) { m.whole["llama.attention.key_length"] = 48; }, Err::badValue, "attn_q.weight"},
    {"other value head", [](TinyModel& m) { m.whole["llama.attention.value_length"] = 48; }, Err::badValue,
     "attn_v.weight"},
    {"no context", [](TinyModel& m) { m.whole["llama.context_length"] = 0; }, Err::badValue, "llama.context_length"},
    {"huge context", [](TinyModel& m) { m.whole["llama.context_length"] = 1ull << 32; }, Err::badValue,
     "llama.context_length"},
    {"odd rope", [](TinyModel& m) { m.whole["llama.rope.dimension_count"] = 7; }, Err::badValue,
     "llama.rope.dimension_count"},
    {"rope beyond the head", [](TinyModel& m) { m.whole["llama.rope.dimension_count"] = 64; }, Err::badValue,
     "llama.rope.dimension_count"},
    {"rope base not a number", [](TinyModel& m) { m.real["llama.rope.freq_base"] = NAN; }, Err::badValue,
     "llama.rope.freq_base"},
    {"rope base below zero", [](TinyModel& m) { m.real["llama.rope.freq_base"] = -1; }, Err::badValue,
     "llama.rope.freq_base"},
    {"foreign scaling", [](TinyModel& m) { m.text["llama.rope.scaling.type"] = "fractal"; }, Err::unsupported,
     "llama.rope.scaling.type"},
    {"linear scaling without a factor", [](TinyModel& m) { m.text["llama.rope.scaling.type"] = "linear"; },
     Err::notFound, "llama.rope.scaling.factor"},
    {"linear scaling by zero",
     [](TinyModel& m) {
       m.text["llama.rope.scaling.type"] = "linear";
       m.real["llama.rope.scaling.factor"] = 0;
     },
     Err::badValue, "llama.rope.scaling.factor"},
    {"positions in halves by a number", [](TinyModel& m) { m.whole["llama.rope.half_split"] = 1; }, Err::badValue,
     "llama.rope.half_split"},
    {"a scaling by a number", [](TinyModel& m) { m.whole["llama.rope.scaling.type"] = 1; }, Err::badValue,
     "llama.rope.scaling.type"},
    {"cosines times a billion", [](TinyModel& m) { m.real["llama.rope.scaling.attn_factor"] = 1e9f; }, Err::badValue,
     "llama.rope.scaling.attn_factor"},
    {"YaRN by a base of 1",
     [](TinyModel& m) {
       m.text["llama.rope.scaling.type"] = "yarn";
       m.real["llama.rope.scaling.factor"] = 4;
       m.real["llama.rope.freq_base"] = 1;
     },
     Err::badValue, "llama.rope.freq_base"},
    {"the first of two wrong texts",
     [](TinyModel& m) {
       m.whole.erase("llama.block_count");
       m.whole["llama.rope.scaling.type"] = m.whole["llama.rope.half_split"] = 1;
       m.real.erase("llama.attention.layer_norm_rms_epsilon");
     },
     Err::notFound, "llama.block_count"},
    {"the first of two wrong numbers",
     [](TinyModel& m) {
       m.whole["llama.block_count"] = 0;
       m.whole.erase("llama.embedding_length");
     },
     Err::badValue, "llama.block_count"},
    {"no eps", [](TinyModel& m) { m.real.erase("llama.attention.layer_norm_rms_epsilon"); }, Err::notFound,
     "layer_norm_rms_epsilon"},
    {"eps not a number", [](TinyModel& m) { m.real["llama.attention.layer_norm_rms_epsilon"] = NAN; }, Err::badValue,
     "layer_norm_rms_epsilon"},
    {"eps below zero", [](TinyModel& m) { m.real["llama.attention.layer_norm_rms_epsilon"] = -1; }, Err::badValue,
     "layer_norm_rms_epsilon"},
    {"experts", [](TinyModel& m) { m.whole["llama.expert_count"] = 8; }, Err::unsupported, "llama.expert_count"},
    {"one of several files", [](TinyModel& m) { m.whole["split.count"] = 4; }, Err::badValue, "first of 4 files"},
    {"no embedding", [](TinyModel& m) { m.tensors.erase("token_embd.weight"); }, Err::notFound, "token_embd.weight"},
    {"no norm", [](TinyModel& m) { m.tensors.erase("blk.1.ffn_norm.weight"); }, Err::notFound, "blk.1.ffn_norm.weight"},
    {"no weight", [](TinyModel& m) { m.tensors.erase("blk.0.ffn_down.weight"); }, Err::notFound,
     "blk.0.ffn_down.weight"},
    {"a turned weight",
     [](TinyModel& m) {
       m.tensors["blk.0.ffn_down.weight"].ne = {64, 96};
     },
     Err::badValue, "blk.0.ffn_down.weight"},
    {"a weight of three dims",
     [](TinyModel& m) {
       m.tensors["blk.0.ffn_up.weight"].ne = {64, 96, 2};
     },
     Err::badValue, "blk.0.ffn_up.weight"},
    {"a short norm", [](TinyModel& m) { m.tensors["output_norm.weight"].ne = {32}; }, Err::badValue,
     "output_norm.weight"},
    {"a wrong bias",
     [](TinyModel& m) {
       m.tensors["blk.0.attn_q.bias"] = {Type::F32, {63}};
     },
     Err::badValue, "blk.0.attn_q.bias"},
    {"an integer weight",
     [](TinyModel& m) {
       m.tensors["blk.1.attn_q.weight"] = {Type::I8, {64, 64}};
     },
     Err::unsupported, "blk.1.attn_q.weight"},
    {"an output of another width",
     [](TinyModel& m) {
       m.tensors["output.weight"] = {Type::F32, {64, 95}};
     },
     Err::badValue, "output.weight"},
    {"rope factors of another length",
     [](TinyModel& m) {
       m.tensors["rope_freqs.weight"] = {Type::F32, {15}};
     },
     Err::badValue, "rope_freqs.weight"},
};

const Hostile kHostileQwen2[] = {
    {"no bias of q", [](TinyModel& m) { m.tensors.erase("blk.0.attn_q.bias"); }, Err::notFound, "blk.0.attn_q.bias"},
    {"no bias of k", [](TinyModel& m) { m.tensors.erase("blk.1.attn_k.bias"); }, Err::notFound, "blk.1.attn_k.bias"},
    {"no bias of v", [](TinyModel& m) { m.tensors.erase("blk.1.attn_v.bias"); }, Err::notFound, "blk.1.attn_v.bias"},
    {"a bias of q for k",
     [](TinyModel& m) {
       m.tensors["blk.0.attn_k.bias"] = {Type::F32, {64}};
     },
     Err::badValue, "blk.0.attn_k.bias"},
    {"a bias of two dims",
     [](TinyModel& m) {
       m.tensors["blk.0.attn_v.bias"] = {Type::F32, {32, 2}};
     },
     Err::badValue, "blk.0.attn_v.bias"},
    {"keys of another architecture",
     [](TinyModel& m) { m.whole["llama.block_count"] = m.whole.extract("qwen2.block_count").mapped(); }, Err::notFound,
     "qwen2.block_count"},
    {"experts", [](TinyModel& m) { m.whole["qwen2.expert_count"] = 8; }, Err::unsupported, "qwen2.expert_count"},
};

const Hostile kHostileQwen3[] = {
    {"no norm of q", [](TinyModel& m) { m.tensors.erase("blk.0.attn_q_norm.weight"); }, Err::notFound,
     "blk.0.attn_q_norm.weight"},
    {"no norm of k", [](TinyModel& m) { m.tensors.erase("blk.1.attn_k_norm.weight"); }, Err::notFound,
     "blk.1.attn_k_norm.weight"},
    {"a norm of all heads together",
     [](TinyModel& m) {
       m.tensors["blk.0.attn_q_norm.weight"] = {Type::F32, {128}};
     },
     Err::badValue, "blk.0.attn_q_norm.weight"},
    {"a norm of half a head",
     [](TinyModel& m) {
       m.tensors["blk.1.attn_k_norm.weight"] = {Type::F32, {32}};
     },
     Err::badValue, "blk.1.attn_k_norm.weight"},
    {"an integer norm",
     [](TinyModel& m) {
       m.tensors["blk.1.attn_k_norm.weight"] = {Type::I8, {64}};
     },
     Err::unsupported, "blk.1.attn_k_norm.weight"},
    {"heads of embedding / heads", [](TinyModel& m) { m.whole.erase("qwen3.attention.key_length"); }, Err::badValue,
     "blk.0.attn_q.weight"},
    {"an odd head", [](TinyModel& m) { m.whole["qwen3.attention.key_length"] = 63; }, Err::badValue,
     "qwen3.rope.dimension_count"},
    {"a head of 2^63", [](TinyModel& m) { m.whole["qwen3.attention.key_length"] = 1ull << 63; }, Err::badValue,
     "qwen3.attention.key_length"},
    {"YaRN without a factor", [](TinyModel& m) { m.text["qwen3.rope.scaling.type"] = "yarn"; }, Err::notFound,
     "qwen3.rope.scaling.factor"},
    {"YaRN by a factor that is no number",
     [](TinyModel& m) {
       m.text["qwen3.rope.scaling.type"] = "yarn";
       m.real["qwen3.rope.scaling.factor"] = NAN;
     },
     Err::badValue, "qwen3.rope.scaling.factor"},
    {"YaRN from no context",
     [](TinyModel& m) {
       m.text["qwen3.rope.scaling.type"] = "yarn";
       m.real["qwen3.rope.scaling.factor"] = 4;
       m.whole["qwen3.rope.scaling.original_context_length"] = 0;
     },
     Err::badValue, "qwen3.rope.scaling.original_context_length"},
    {"YaRN with its bounds turned round",
     [](TinyModel& m) {
       m.text["qwen3.rope.scaling.type"] = "yarn";
       m.real["qwen3.rope.scaling.factor"] = 4;
       m.real["qwen3.rope.scaling.yarn_beta_slow"] = 64;
     },
     Err::badValue, "qwen3.rope.scaling.yarn_beta_fast"},
    {"YaRN over a base of one",
     [](TinyModel& m) {
       m.text["qwen3.rope.scaling.type"] = "yarn";
       m.real["qwen3.rope.scaling.factor"] = 4;
       m.real["qwen3.rope.freq_base"] = 1;
     },
     Err::badValue, "qwen3.rope.freq_base"},
    {"YaRN that extrapolates by half",
     [](TinyModel& m) {
       m.text["qwen3.rope.scaling.type"] = "yarn";
       m.real["qwen3.rope.scaling.factor"] = 4;
       m.real["qwen3.rope.scaling.yarn_ext_factor"] = 0.5;
     },
     Err::unsupported, "qwen3.rope.scaling.yarn_ext_factor"},
    {"values of another head", [](TinyModel& m) { m.whole["qwen3.attention.value_length"] = 32; }, Err::badValue,
     "blk.0.attn_v.weight"},
};

const Hostile kHostilePhi3[] = {
    {"q, k and v not there", [](TinyModel& m) { m.tensors.erase("blk.0.attn_qkv.weight"); }, Err::notFound,
     "blk.0.attn_qkv.weight"},
    {"q, k and v of another height",
     [](TinyModel& m) {
       m.tensors["blk.1.attn_qkv.weight"].ne = {64, 127};
     },
     Err::badValue, "blk.1.attn_qkv.weight"},
    {"a bias in blocks",
     [](TinyModel& m) {
       m.tensors["blk.0.attn_qkv.bias"] = {Type::Q8_0, {128}};
     },
     Err::unsupported, "blk.0.attn_qkv.bias"},
    {"up without its gate",
     [](TinyModel& m) {
       m.tensors["blk.0.ffn_up.weight"].ne = {64, 96};
     },
     Err::badValue, "blk.0.ffn_up.weight"},
    {"a window of 2^40", [](TinyModel& m) { m.whole["phi3.attention.sliding_window"] = 1ull << 40; }, Err::badValue,
     "phi3.attention.sliding_window"},
    {"LongRoPE without factors", [](TinyModel& m) { m.text["phi3.rope.scaling.type"] = "longrope"; }, Err::notFound,
     "rope_factors_short.weight"},
    {"long factors without short ones",
     [](TinyModel& m) {
       m.tensors["rope_factors_long.weight"] = {Type::F32, {16}};
     },
     Err::notFound, "rope_factors_short.weight"},
    {"short factors where long ones are asked for",
     [](TinyModel& m) {
       m.tensors["rope_factors_short.weight"] = {Type::F32, {16}};
       m.whole["phi3.rope.scaling.original_context_length"] = 128;
     },
     Err::notFound, "rope_factors_long.weight"},
    {"factors of another length",
     [](TinyModel& m) {
       m.tensors["rope_factors_short.weight"] = {Type::F32, {15}};
     },
     Err::badValue, "rope_factors_short.weight"},
    {"an original context of none", [](TinyModel& m) { m.whole["phi3.rope.scaling.original_context_length"] = 0; },
     Err::badValue, "phi3.rope.scaling.original_context_length"},
    {"an attention factor that is no number", [](TinyModel& m) { m.real["phi3.rope.scaling.attn_factor"] = NAN; },
     Err::badValue, "phi3.rope.scaling.attn_factor"},
};

const Hostile kHostileGemma3[] = {
    {"no norm behind attention", [](TinyModel& m) { m.tensors.erase("blk.0.post_attention_norm.weight"); },
     Err::notFound, "blk.0.post_attention_norm.weight"},
    {"no norm behind the feed-forward block", [](TinyModel& m) { m.tensors.erase("blk.1.post_ffw_norm.weight"); },
     Err::notFound, "blk.1.post_ffw_norm.weight"},
    {"a short norm behind the feed-forward block",
     [](TinyModel& m) { m.tensors["blk.1.post_ffw_norm.weight"].ne = {63}; }, Err::badValue,
     "blk.1.post_ffw_norm.weight"},
    {"no norm of q", [](TinyModel& m) { m.tensors.erase("blk.0.attn_q_norm.weight"); }, Err::notFound,
     "blk.0.attn_q_norm.weight"},
    {"a window as text",
     [](TinyModel& m) {
       m.whole.erase("gemma3.attention.sliding_window");
       m.text["gemma3.attention.sliding_window"] = "16";
     },
     Err::badValue, "gemma3.attention.sliding_window"},
    {"every none-th layer", [](TinyModel& m) { m.whole["gemma3.attention.sliding_window_pattern"] = 0; }, Err::badValue,
     "gemma3.attention.sliding_window_pattern"},
    {"a base of the windows that is no number", [](TinyModel& m) { m.real["gemma3.rope.freq_base_swa"] = NAN; },
     Err::badValue, "gemma3.rope.freq_base_swa"},
    {"attention scaled to nothing", [](TinyModel& m) { m.real["gemma3.attention.scale"] = 0; }, Err::badValue,
     "gemma3.attention.scale"},
    {"bounded logits", [](TinyModel& m) { m.real["gemma3.final_logit_softcapping"] = 30; }, Err::unsupported,
     "gemma3.final_logit_softcapping"},
};

TEST(HostileModel, isRefusedInOneSentence) {
  expectRefused("llama", kHostile);
  expectRefused("qwen2", kHostileQwen2);
  expectRefused("qwen3", kHostileQwen3);
  expectRefused("phi3", kHostilePhi3);
  expectRefused("gemma3", kHostileGemma3);
}

// A scale that is no number loads, since nobody reads every weight before the first answer; what is computed names it.
TEST(HostileModel, numbersThatAreNotFiniteNameTheirTensor) {
  for (const char* backend : {"reference", "cpu"}) {
    SCOPED_TRACE(backend);
    const TemporaryFile file;
    ASSERT_TRUE(TinyModel().writer().write(file.path()));
    {
      const auto opened = openModel(file.path());
      ASSERT_TRUE(opened) << opened.error().what;
      std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
      bytes.seekp(std::streamoff(opened->header.tensor("blk.1.ffn_gate.weight")->offset));
      bytes.write("\xff\xff", 2);  // the half that scales its first block
    }
    const auto model = Model::load({.path = file.path(), .threads = 1, .backend = backend});
    ASSERT_TRUE(model) << model.error().what;
    const SeqId seq = (*model)->newSequence();
    const CancelFlag go(false);
    for (int time = 0; time < 2; ++time) {  // the step that failed left nothing in the cache
      Batch batch;
      for (int i = 0; i < 3; ++i) batch.add(Token(i), i, seq, true);
      const auto logits = (*model)->forward(batch, go);
      ASSERT_FALSE(logits);
      EXPECT_EQ(logits.error().code, Err::badValue);
      EXPECT_NE(logits.error().what.find("blk.1.ffn_gate.weight"), std::string::npos) << logits.error().what;
    }
  }
}

TEST(HostileModel, theModelItselfRuns) {
  for (const char* architecture :
       {"llama", "qwen2", "qwen3", "phi3", "gemma3", "qwen2moe", "qwen3moe", "glm4moe", "gpt-oss"}) {
    SCOPED_TRACE(architecture);
    TemporaryFile file;
    ASSERT_TRUE(TinyModel(architecture).writer().write(file.path()));
    const auto model = Model::load({.path = file.path(), .kvType = "f32", .backend = "reference"});
    ASSERT_TRUE(model) << model.error().what;
    EXPECT_EQ((*model)->tokenizer(), nullptr);
    EXPECT_EQ((*model)->info().contextSize, 256);
    const auto logits = logitsOf(**model, {1, 2, 3}, 8);
    EXPECT_EQ(logits.size(), 3u * TinyModel::kVocabulary);
    EXPECT_TRUE(std::ranges::all_of(logits, [](float x) { return std::isfinite(x); }));
  }
}

TEST(HostileModel, ropeFactorsThatAreNotAboveZero) {
  for (const float bad : {0.0f, -1.0f, NAN, INFINITY}) {
    TinyModel tiny;
    std::vector<float> factors(16, 1.0f);
    factors[7] = bad;
    TemporaryFile file;
    ASSERT_TRUE(tiny.writer().tensor("rope_freqs.weight", {16}, factors).write(file.path()));
    const auto model = Model::load({.path = file.path(), .kvType = "f32", .backend = "reference"});
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, Err::badValue);
    EXPECT_NE(model.error().what.find("rope_freqs.weight"), std::string::npos);
  }
}

struct BadOptions {
  const char* name;
  LoadOptions options;
  Err code;
  const char* names;
};

TEST(HostileModel, optionsThatCannotBe) {
  const BadOptions cases[] = {
      {"backend", {.backend = "abacus"}, Err::notFound, "abacus"},
      {"cache type", {.kvType = "q1", .backend = "reference"}, Err::badValue, "q1"},
      {"no rows", {.batch = 0, .backend = "reference"}, Err::badValue, "batch"},
      {"too many rows", {.batch = 1 << 20, .backend = "reference"}, Err::badValue, "batch"},
      {"context below zero", {.context = -5, .backend = "reference"}, Err::badValue, "context"},
  };
  TemporaryFile file;
  ASSERT_TRUE(TinyModel().writer().write(file.path()));
  for (const BadOptions& c : cases) {
    SCOPED_TRACE(c.name);
    LoadOptions options = c.options;
    options.path = file.path();
    const auto model = Model::load(options);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, c.code) << model.error().what;
    EXPECT_NE(model.error().what.find(c.names), std::string::npos) << model.error().what;
  }
}

TEST(HostileModel, aCacheBeyondTheMachineIsRefusedBeforeItIsReserved) {
  TinyModel tiny;
  tiny.whole["llama.context_length"] = 1 << 24;
  tiny.whole["llama.block_count"] = 60;
  for (auto layer = 2; layer < 60; ++layer) {
    for (const auto& [name, t] : TinyModel().tensors) {
      if (name.starts_with("blk.0.")) tiny.tensors["blk." + std::to_string(layer) + name.substr(5)] = t;
    }
  }
  TemporaryFile file;
  ASSERT_TRUE(tiny.writer().write(file.path()));
  const auto model = Model::load({.path = file.path(), .context = 1 << 24, .kvType = "f32", .backend = "reference"});
  if (model) GTEST_SKIP() << "this machine has the memory";
  EXPECT_EQ(model.error().code, Err::outOfMemory) << model.error().what;
  EXPECT_NE(model.error().what.find("context"), std::string::npos) << model.error().what;
}

TEST(HostileModel, aCacheTypeThatDoesNotFitTheHeads) {
  TinyModel tiny;
  tiny.whole["llama.attention.key_length"] = 16;
  tiny.whole["llama.attention.value_length"] = 16;
  for (int i = 0; i < TinyModel::kLayers; ++i) {
    const std::string b = "blk." + std::to_string(i) + ".";
    tiny.tensors[b + "attn_q.weight"].ne = {64, 32};
    tiny.tensors[b + "attn_k.weight"].ne = tiny.tensors[b + "attn_v.weight"].ne = {64, 16};
    tiny.tensors[b + "attn_output.weight"].ne = {32, 64};
  }
  TemporaryFile file;
  ASSERT_TRUE(tiny.writer().write(file.path()));
  EXPECT_TRUE(Model::load({.path = file.path(), .kvType = "f16", .backend = "reference"}));
  const auto model = Model::load({.path = file.path(), .kvType = "q8_0", .backend = "reference"});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Err::unsupported);
  EXPECT_NE(model.error().what.find("Q8_0"), std::string::npos) << model.error().what;
}

TEST(HostileBatch, isRefusedAndLeavesTheModelUsable) {
  TemporaryFile file;
  ASSERT_TRUE(TinyModel().writer().write(file.path()));
  auto loaded =
      Model::load({.path = file.path(), .context = 128, .batch = 32, .kvType = "f32", .backend = "reference"});
  ASSERT_TRUE(loaded) << loaded.error().what;
  Model& model = **loaded;
  const SeqId seq = model.newSequence();
  const CancelFlag never(false);
  const auto expectError = [&](const Batch& batch, Err code) {
    const auto r = model.forward(batch, never);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, code) << r.error().what;
    EXPECT_EQ(model.length(seq), 0);
  };
  Batch batch;
  expectError(batch, Err::badValue);  // empty
  batch.add(Token(TinyModel::kVocabulary), 0, seq, true);
  expectError(batch, Err::badValue);
  batch.clear();
  batch.add(Token(-1), 0, seq, true);
  expectError(batch, Err::badValue);
  batch.clear();
  batch.add(Token(1), 1, seq, true);  // a gap
  expectError(batch, Err::badValue);
  batch.clear();
  batch.add(Token(1), 0, SeqId{42}, true);
  expectError(batch, Err::badValue);
  batch.clear();
  for (int i = 0; i < 33; ++i) batch.add(Token(1), i, seq, false);
  expectError(batch, Err::badValue);
  batch.clear();
  batch.add(Token(1), 0, seq, true);
  batch.pos.clear();
  expectError(batch, Err::badValue);

  // To the last position, and not one further.
  for (int at = 0; at < 128; at += 32) {
    batch.clear();
    for (int i = at; i < at + 32; ++i) batch.add(Token(i % 90), i, seq, false);
    ASSERT_TRUE(model.forward(batch, never));
  }
  batch.clear();
  batch.add(Token(1), 128, seq, true);
  const auto full = model.forward(batch, never);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Err::contextFull);
  EXPECT_EQ(model.length(seq), 128);
  model.truncate(seq, 100);
  batch.clear();
  batch.add(Token(1), 100, seq, true);
  EXPECT_TRUE(model.forward(batch, never));
}

// Random damage in metadata, tensor table and weights: loads or is refused in a sentence, and what loads computes.
TEST(HostileModel, mutatedCopiesNeverCrash) {
  const std::vector<std::byte> right = TinyModel().writer().bytes();
  std::mt19937 random(3);
  int loaded = 0, refused = 0;
  TemporaryFile file;
  for (int i = 0; i < 400; ++i) {
    std::vector<std::byte> bytes = right;
    const size_t reach = i % 4 == 0 ? bytes.size() : 2600;  // mostly within the header
    for (uint32_t n = 1 + random() % 4; n > 0; --n) bytes[random() % reach] = std::byte(random() % 256);
    std::ofstream(file.path(), std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    const auto model =
        Model::load({.path = file.path(), .context = 256, .batch = 8, .kvType = "f32", .backend = "reference"});
    if (!model) {
      ASSERT_FALSE(model.error().what.empty());
      ++refused;
      continue;
    }
    Batch batch;
    const SeqId seq = (*model)->newSequence();
    for (int r = 0; r < 3; ++r) batch.add(Token(r), r, seq, true);
    const auto logits = (*model)->forward(batch, CancelFlag(false));
    if (!logits) {  // a weight that is no number, which only computing shows
      ASSERT_NE(logits.error().what.find("not finite; the tensor \""), std::string::npos) << logits.error().what;
      ++refused;
      continue;
    }
    ++loaded;
  }
  EXPECT_GT(loaded, 50);
  EXPECT_GT(refused, 50);
}

TEST(VocabularyOnly, computesNothing) {
  TemporaryFile file;
  ASSERT_TRUE(TinyModel().writer().write(file.path()));
  const auto model = Model::load({.path = file.path(), .vocabularyOnly = true});
  ASSERT_TRUE(model);
  Batch batch;
  batch.add(Token(1), 0, (*model)->newSequence(), true);
  const auto r = (*model)->forward(batch, CancelFlag(false));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Err::unsupported);
  EXPECT_TRUE((*model)->devices().empty());
  EXPECT_EQ((*model)->memory().own(), 0u);
}

}  // namespace
}  // namespace lemma::test
