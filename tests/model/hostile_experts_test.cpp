// Mixtures of experts that parse as GGUF but do not run; see hostile_test.cpp.
#include "tests/model/hostile_model.h"

namespace lemma::test {
namespace {

// Of every mixture of experts.
std::vector<Hostile> hostileExperts(const std::string& arch) {
  const auto key = [arch](const char* name) { return arch + "." + name; };
  return {
      {"no count of experts", [=](TinyModel& m) { m.whole.erase(key("expert_count")); }, Err::notFound, "expert_count"},
      {"no experts", [=](TinyModel& m) { m.whole[key("expert_count")] = 0; }, Err::badValue, "expert_count"},
      {"experts of 2^40", [=](TinyModel& m) { m.whole[key("expert_count")] = 1ull << 40; }, Err::badValue,
       "expert_count"},
      {"more experts than there are", [=](TinyModel& m) { m.whole[key("expert_count")] = 5; }, Err::badValue,
       "ffn_gate_inp.weight"},
      {"none of them used", [=](TinyModel& m) { m.whole[key("expert_used_count")] = 0; }, Err::badValue,
       "expert_used_count"},
      {"more of them used than there are", [=](TinyModel& m) { m.whole[key("expert_used_count")] = 5; }, Err::badValue,
       "expert_used_count"},
      {"experts of no width", [=](TinyModel& m) { m.whole[key("expert_feed_forward_length")] = 0; }, Err::badValue,
       "expert_feed_forward_length"},
      {"experts of another width", [=](TinyModel& m) { m.whole[key("expert_feed_forward_length")] = 64; },
       Err::badValue, "ffn_gate_exps.weight"},
      {"a scoring of another kind", [=](TinyModel& m) { m.whole[key("expert_gating_func")] = 9; }, Err::unsupported,
       "expert_gating_func"},
      {"groups that do not divide the experts", [=](TinyModel& m) { m.whole[key("expert_group_count")] = 3; },
       Err::badValue, "expert_group_count"},
      {"groups of one expert, judged by two",
       [=](TinyModel& m) {
         m.whole[key("expert_gating_func")] = 2;
         m.whole[key("expert_group_count")] = 4;
       },
       Err::badValue, "expert_group_count"},
      {"more experts used than the groups have",
       [=](TinyModel& m) {
         m.whole[key("expert_group_count")] = 4;
         m.whole[key("expert_group_used_count")] = 1;
       },
       Err::badValue, "expert_used_count"},
      {"weights that sum to one by a text", [=](TinyModel& m) { m.text[key("expert_weights_norm")] = "yes"; },
       Err::badValue, "expert_weights_norm"},
      {"weights scaled by what is no number", [=](TinyModel& m) { m.real[key("expert_weights_scale")] = NAN; },
       Err::badValue, "expert_weights_scale"},
      {"no router", [](TinyModel& m) { m.tensors.erase("blk.1.ffn_gate_inp.weight"); }, Err::notFound,
       "blk.1.ffn_gate_inp.weight"},
      {"no downs", [](TinyModel& m) { m.tensors.erase("blk.1.ffn_down_exps.weight"); }, Err::notFound,
       "blk.1.ffn_down_exps.weight"},
      {"ups of one expert",
       [](TinyModel& m) {
         m.tensors["blk.1.ffn_up_exps.weight"].ne = {64, 32};
       },
       Err::badValue, "blk.1.ffn_up_exps.weight"},
      {"biases of an expert less",
       [](TinyModel& m) {
         m.tensors["blk.1.ffn_up_exps.bias"] = {Type::F32, {32, 3}};
       },
       Err::badValue, "blk.1.ffn_up_exps.bias"},
      {"integer experts", [](TinyModel& m) { m.tensors["blk.1.ffn_up_exps.weight"].type = Type::I8; }, Err::unsupported,
       "blk.1.ffn_up_exps.weight"},
  };
}

const Hostile kHostileQwen2Moe[] = {
    {"neither a width nor a matrix of the shared expert",
     [](TinyModel& m) {
       m.whole.erase("qwen2moe.expert_shared_feed_forward_length");
       m.tensors.erase("blk.0.ffn_gate_shexp.weight");
     },
     Err::notFound, "qwen2moe.expert_shared_feed_forward_length"},
    {"neither a width nor matrices of experts",
     [](TinyModel& m) {
       m.whole.erase("qwen2moe.expert_feed_forward_length");
       m.tensors.erase("blk.0.ffn_gate_exps.weight");
     },
     Err::notFound, "qwen2moe.expert_feed_forward_length"},
    {"no width, and experts of two widths",
     [](TinyModel& m) {
       m.whole.erase("qwen2moe.expert_feed_forward_length");
       m.tensors["blk.0.ffn_gate_exps.weight"].ne = {64, 64, 4};
     },
     Err::badValue, "blk.0.ffn_up_exps.weight"},
    {"no width, and experts beyond any",
     [](TinyModel& m) {
       m.whole.erase("qwen2moe.expert_feed_forward_length");
       m.tensors["blk.0.ffn_gate_exps.weight"] = {Type::I8, {1, (1 << 20) + 1}};
     },
     Err::tooLarge, "blk.0.ffn_gate_exps.weight"},
    {"no gate of the shared expert", [](TinyModel& m) { m.tensors.erase("blk.0.ffn_gate_inp_shexp.weight"); },
     Err::notFound, "blk.0.ffn_gate_inp_shexp.weight"},
    {"a gate of the shared expert for two",
     [](TinyModel& m) {
       m.tensors["blk.0.ffn_gate_inp_shexp.weight"].ne = {64, 2};
     },
     Err::badValue, "blk.0.ffn_gate_inp_shexp.weight"},
    {"a weighted shared expert with a bias",
     [](TinyModel& m) {
       m.tensors["blk.1.ffn_down_shexp.bias"] = {Type::F32, {64}};
     },
     Err::unsupported, "blk.1.ffn_gate_inp_shexp.weight"},
    {"no bias of q", [](TinyModel& m) { m.tensors.erase("blk.0.attn_q.bias"); }, Err::notFound, "blk.0.attn_q.bias"},
};

const Hostile kHostileGlm4Moe[] = {
    {"only layers that guess", [](TinyModel& m) { m.whole["glm4moe.nextn_predict_layers"] = 2; }, Err::badValue,
     "glm4moe.nextn_predict_layers"},
    {"no dense layer where one should be", [](TinyModel& m) { m.tensors.erase("blk.0.ffn_up.weight"); }, Err::notFound,
     "blk.0.ffn_up.weight"},
    {"a dense layer too many", [](TinyModel& m) { m.whole["glm4moe.leading_dense_block_count"] = 2; }, Err::notFound,
     "blk.1.ffn_gate.weight"},
    {"65 shared experts", [](TinyModel& m) { m.whole["glm4moe.expert_shared_count"] = 65; }, Err::badValue,
     "glm4moe.expert_shared_count"},
    {"shared experts of another width", [](TinyModel& m) { m.whole["glm4moe.expert_shared_count"] = 2; }, Err::badValue,
     "blk.1.ffn_gate_shexp.weight"},
    {"a choice's bias of another length", [](TinyModel& m) { m.tensors["blk.1.exp_probs_b.bias"].ne = {3}; },
     Err::badValue, "blk.1.exp_probs_b.bias"},
    {"a norm of q alone",
     [](TinyModel& m) {
       m.tensors["blk.0.attn_q_norm.weight"] = {Type::F32, {32}};
     },
     Err::notFound, "blk.0.attn_k_norm.weight"},
};

const Hostile kHostileGptOss[] = {
    {"no window", [](TinyModel& m) { m.whole.erase("gpt-oss.attention.sliding_window"); }, Err::notFound,
     "gpt-oss.attention.sliding_window"},
    {"no sinks", [](TinyModel& m) { m.tensors.erase("blk.1.attn_sinks.weight"); }, Err::notFound,
     "blk.1.attn_sinks.weight"},
    {"a sink too many", [](TinyModel& m) { m.tensors["blk.1.attn_sinks.weight"].ne = {3}; }, Err::badValue,
     "blk.1.attn_sinks.weight"},
    {"no bias of v", [](TinyModel& m) { m.tensors.erase("blk.0.attn_v.bias"); }, Err::notFound, "blk.0.attn_v.bias"},
    {"a router's bias of another length", [](TinyModel& m) { m.tensors["blk.0.ffn_gate_inp.bias"].ne = {5}; },
     Err::badValue, "blk.0.ffn_gate_inp.bias"},
};

TEST(HostileExperts, areRefusedInOneSentence) {
  expectRefused("qwen2moe", kHostileQwen2Moe);
  expectRefused("glm4moe", kHostileGlm4Moe);
  expectRefused("gpt-oss", kHostileGptOss);
  for (const char* mixture : {"qwen2moe", "qwen3moe", "glm4moe", "gpt-oss"}) {
    expectRefused(mixture, hostileExperts(mixture));
  }
}

}  // namespace
}  // namespace lemma::test
