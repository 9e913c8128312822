// One answer of a small model, on one thread, for a tool that counts instructions: what two runs of other lengths
// differ by is what the tokens between cost. Usage: instructions-answer TARGET PROMPT ANSWER (an instruction set, two
// counts of tokens); exit 77 where this machine, or the tool, does not know the instruction set.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "kernels/cpu/targets.h"
#include "tests/speculate/answers.h"

namespace lemma::test {
namespace {

constexpr uint64_t kWidth = 256, kHeads = 4, kKvHeads = 2, kHidden = 512;
constexpr int kLayers = 2;

// As writeTinyModel's, but as wide as K-quants want it, and in the formats that files have.
bool writeModel(const std::string& path) {
  const TinyModelParts tiny(TinyModelOptions{});
  GgufWriter w;
  w.str("general.architecture", "llama").u32("llama.block_count", kLayers).u32("llama.context_length", 2048);
  w.u32("llama.embedding_length", kWidth).u32("llama.feed_forward_length", kHidden);
  w.u32("llama.attention.head_count", kHeads).u32("llama.attention.head_count_kv", kKvHeads);
  w.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  w.str("tokenizer.ggml.model", "gpt2").str("tokenizer.ggml.pre", "smollm");
  w.strings("tokenizer.ggml.tokens", tiny.tokens).i32s("tokenizer.ggml.token_type", tiny.types);
  w.strings("tokenizer.ggml.merges", std::vector<std::string>{});
  w.u32("tokenizer.ggml.bos_token_id", 256).u32("tokenizer.ggml.eos_token_id", 257);
  w.boolean("tokenizer.ggml.add_bos_token", false).str("tokenizer.chat_template", tiny.chatTemplate);
  std::mt19937 random(11);
  const auto matrix = [&](const std::string& name, Type type, uint64_t in, uint64_t out) {
    constexpr uint64_t kRows = 16;  // encoding all of them would be most of what is counted
    std::vector<float> values(in * kRows);
    for (float& x : values) x = (float(random() >> 8) * 0x1p-23f - 1) * 0.1f;
    std::vector<std::byte> data(*rowBytes(type, int64_t(in * out)));
    const size_t rows = *rowBytes(type, int64_t(values.size()));
    typeInfo(type)->encode(values.data(), data.data(), int64_t(values.size()));
    for (size_t i = rows; i < data.size(); ++i) data[i] = data[i - rows];
    w.tensor(name, type, {in, out}, std::move(data));
  };
  const auto ones = [&](const std::string& name) { w.tensor(name, {kWidth}, std::vector<float>(kWidth, 1.0f)); };
  matrix("token_embd.weight", Type::Q8_0, kWidth, tiny.tokens.size());
  matrix("output.weight", Type::Q6_K, kWidth, tiny.tokens.size());
  ones("output_norm.weight");
  for (int i = 0; i < kLayers; ++i) {
    const std::string b = "blk." + std::to_string(i) + ".";
    ones(b + "attn_norm.weight");
    ones(b + "ffn_norm.weight");
    matrix(b + "attn_q.weight", Type::Q4_0, kWidth, kWidth);
    matrix(b + "attn_k.weight", Type::Q4_1, kWidth, kWidth * kKvHeads / kHeads);
    matrix(b + "attn_v.weight", Type::Q8_0, kWidth, kWidth * kKvHeads / kHeads);
    matrix(b + "attn_output.weight", Type::Q4_K, kWidth, kWidth);
    matrix(b + "ffn_gate.weight", Type::Q4_K, kWidth, kHidden);
    matrix(b + "ffn_up.weight", Type::Q4_0, kWidth, kHidden);
    matrix(b + "ffn_down.weight", Type::Q6_K, kHidden, kWidth);
  }
  return w.write(path);
}

// Guesses would be checked where the clock says that it pays.
class Silent final : public Proposer {
 public:
  void propose(std::span<const Token>, int, Proposal& out) override { out.tokens.clear(); }
  bool cheap() const override { return true; }
};

int answer(const std::string& target, size_t prompt, int tokens) {
  if (std::ranges::none_of(cpu::runnableTargets(), [&](const cpu::Target& t) { return t.name == target; })) return 77;
  const TemporaryFile file;
  Engine engine;
  LoadOptions options;
  options.path = file.path();
  options.threads = 1;
  options.target = target;
  options.proposer = [] { return std::make_unique<Silent>(); };
  if (!writeModel(file.path()) || !engine.load(options)) return 1;
  ChatRequest r = question(std::string(prompt, 'a'), 0.9f, 1);
  r.sampling.logitBias = {{Token{257}, -1000.0f}};  // it does not end by itself
  r.maxAnswerTokens = tokens;
  const Heard heard = run(engine, std::move(r));
  return heard.finished && heard.finished->answerTokens == tokens ? 0 : 1;
}

}  // namespace
}  // namespace lemma::test

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  return lemma::test::answer(argv[1], size_t(std::atoi(argv[2])), std::atoi(argv[3]));
}
