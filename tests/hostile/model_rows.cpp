// Whole loads of GGUF files: hyper-parameters, tensors and tokenizers that a model may not have.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "engine/model.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/hostile/rows.h"
#include "tests/model/tiny_model.h"
#include "tests/support/tiny_vocabulary.h"

namespace lemma::test {
namespace {

// As a file that nobody else sees.
Result<void> load(const std::vector<std::byte>& bytes) {
  const int handle = memfd_create("model.gguf", MFD_CLOEXEC);
  if (handle < 0 || ::write(handle, bytes.data(), bytes.size()) != ssize_t(bytes.size())) {
    return fail(Err::unreadable, "no memory for a file");
  }
  const std::string path = "/proc/self/fd/" + std::to_string(handle);
  Result<void> result;
  if (const auto model = Model::load({.path = path, .batch = 16, .kvType = "f32", .backend = "reference"}); !model) {
    result = tl::unexpected(model.error());
  }
  close(handle);
  return result;
}

using Change = std::function<void(TinyModel&)>;

// A sentence of a whole load names the file as well; `says` is of the key or tensor.
Row model(std::string name, std::string says, Change change, std::string architecture = "llama") {
  return {std::move(name), std::move(says), [change = std::move(change), architecture]() {
            TinyModel tiny(architecture);
            change(tiny);
            return load(tiny.writer().bytes());
          }};
}

// One whole number.
Row whole(std::string name, const std::string& key, uint64_t value, std::string says = "",
          std::string architecture = "llama") {
  return model(
      std::move(name), says.empty() ? key : std::move(says),
      [=](TinyModel& m) { m.whole[architecture + "." + key] = value; }, architecture);
}
Row real(std::string name, const std::string& key, float value) {
  return model(std::move(name), key, [=](TinyModel& m) { m.real["llama." + key] = value; });
}
// A key of another type than is meant.
Row words(std::string name, const std::string& key) {
  return model(std::move(name), key, [=](TinyModel& m) {
    m.whole.erase("llama." + key);
    m.real.erase("llama." + key);
    m.text["llama." + key] = "many";
  });
}
Row shape(std::string name, const std::string& tensor, std::vector<uint64_t> ne) {
  return model(std::move(name), tensor, [=](TinyModel& m) { m.tensors[tensor].ne = ne; });
}
Row without(const std::string& tensor) {
  return model("without " + tensor, tensor, [=](TinyModel& m) { m.tensors.erase(tensor); });
}

Result<void> readTokenizer(const GgufWriter& writer, bool use) {
  const auto bytes = writer.bytes();
  const auto header = parseGguf(bytes, bytes.size());
  if (!header) return tl::unexpected(header.error());
  const auto t = Tokenizer::fromGguf(*header);
  if (!t) return tl::unexpected(t.error());
  if (!use) return {};
  for (const std::string& text : {std::string("hello <s> \xff\xfe"), std::string(300'000, 'a')}) {
    for (const Token id : (*t)->encode(text, true)) {
      if (int(id) < 0 || int(id) >= (*t)->size()) return fail(Err::internal, "a token outside the vocabulary");
    }
  }
  return {};
}

Row vocabulary(std::string name, std::string says, const std::function<void(TinyVocabulary&)>& change) {
  return {std::move(name), says, [=] {
            TinyVocabulary v;
            change(v);
            return readTokenizer(v.writer(), says.empty());
          }};
}
Row vocabularyKey(std::string name, std::string says, const std::function<void(GgufWriter&)>& add) {
  return {std::move(name), says, [=] {
            GgufWriter writer = TinyVocabulary().writer();
            add(writer);
            return readTokenizer(writer, says.empty());
          }};
}

struct Pieces {
  std::string model = "llama";
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab", "\u2581a"};
  std::vector<float> scores = std::vector<float>(8, -1);
  std::vector<int32_t> types = {2, 3, 3, 1, 1, 1, 1, 1};
  std::vector<uint8_t> map;

  void add(const std::string& text, int32_t type, float score = 0) {
    tokens.push_back(text);
    types.push_back(type);
    scores.push_back(score);
  }
};
Row pieces(std::string name, std::string says, const std::function<void(Pieces&)>& change) {
  return {std::move(name), says, [=] {
            Pieces p;
            change(p);
            GgufWriter writer;
            writer.str("tokenizer.ggml.model", p.model).strings("tokenizer.ggml.tokens", p.tokens);
            writer.f32s("tokenizer.ggml.scores", p.scores).i32s("tokenizer.ggml.token_type", p.types);
            if (!p.map.empty()) writer.u8s("tokenizer.ggml.precompiled_charsmap", p.map);
            return readTokenizer(writer, says.empty());
          }};
}
// A unigram model whose map of characters claims `trieBytes` of trie, has those units, then replacements.
Row charsMap(std::string name, std::string says, uint32_t trieBytes, const std::vector<uint32_t>& units,
             const std::string& replacements = "") {
  return pieces(std::move(name), std::move(says), [=](Pieces& p) {
    p.model = "t5";
    RawBytes map;
    map.u32(trieBytes);
    for (const uint32_t unit : units) map.u32(unit);
    map.raw(replacements);
    for (const std::byte b : map.bytes) p.map.push_back(uint8_t(b));
  });
}

}  // namespace

std::vector<Row> modelRows() {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();
  std::vector<Row> rows = {
      whole("llama.cpp 25821: 513 layers", "block_count", 513),
      whole("llama.cpp 25821: 2^31 layers", "block_count", 1ull << 31),
      whole("llama.cpp 25821: 2^32 - 1 layers", "block_count", ~0u),
      whole("llama.cpp 25821: 2^64 - 1 layers", "block_count", ~0ull),
      whole("CVE-2024-8063: no layers", "block_count", 0),
      words("layers in words", "block_count"),
      whole("a layer that has no tensors", "block_count", 3, "blk.2."),
      whole("llama.cpp 28345: none of the experts used", "expert_used_count", 0, "", "qwen3moe"),
      whole("llama.cpp 28345: more experts used than there are", "expert_used_count", 5, "", "qwen3moe"),
      whole("llama.cpp 28345: 2^31 experts", "expert_count", 1ull << 31, "", "qwen3moe"),
      whole("one expert more than there is", "expert_count", 5, "blk.0.ffn_gate_inp.weight", "qwen3moe"),
      whole("experts without a width", "expert_feed_forward_length", 0, "", "qwen3moe"),
      whole("experts in an architecture without", "expert_count", 8),
      whole("llama.cpp 2247: no heads", "attention.head_count", 0),
      whole("CVE-2025-0317: no heads of keys", "attention.head_count_kv", 0),
      whole("heads of keys that do not divide the heads", "attention.head_count_kv", 3),
      whole("more heads than width", "attention.head_count", 1000, "attention."),
      whole("2^32 - 1 heads", "attention.head_count", ~0u),
      words("heads in words", "attention.head_count"),
      whole("a head of no width", "attention.key_length", 0),
      whole("a head of 2^40", "attention.key_length", 1ull << 40),
      whole("a value of no width", "attention.value_length", 0),
      whole("no width", "embedding_length", 0),
      whole("a width of 2^40", "embedding_length", 1ull << 40),
      whole("another width", "embedding_length", 65, "token_embd.weight"),
      whole("no hidden width", "feed_forward_length", 0),
      whole("another hidden width", "feed_forward_length", 97, "ffn_"),
      whole("no context", "context_length", 0),
      whole("ollama 17042: a context of 2^32", "context_length", 1ull << 32),
      whole("odd dimensions of positions", "rope.dimension_count", 31),
      whole("no dimensions of positions", "rope.dimension_count", 0),
      whole("more dimensions of positions than a head", "rope.dimension_count", 34),
      real("positions of base 0", "rope.freq_base", 0),
      real("positions of a base that is no number", "rope.freq_base", kNan),
      real("positions of an infinite base", "rope.freq_base", kInf),
      real("eps that is no number", "attention.layer_norm_rms_epsilon", kNan),
      real("eps below zero", "attention.layer_norm_rms_epsilon", -1e-5f),
      words("eps in words", "attention.layer_norm_rms_epsilon"),
      model("an architecture of control bytes", "architecture",
            [](TinyModel& m) { m.text["general.architecture"] = "\x1b[31mllama\n"; }),
      model("a split of 2^40 files", "split.count", [](TinyModel& m) { m.whole["split.count"] = 1ull << 40; }),
      model("a split under a name that leads to no other file", "-00001-of-00002.gguf",
            [](TinyModel& m) { m.whole["split.count"] = 2; }),
      model("a split whose number is wrong", "part 8 of a model in 9 files",
            [](TinyModel& m) {
              m.whole["split.count"] = 9;
              m.whole["split.no"] = 7;
            }),
      shape("a turned matrix", "blk.0.ffn_down.weight", {64, 96}),
      shape("a matrix of three dimensions", "blk.1.attn_q.weight", {64, 64, 2}),
      shape("a norm of another width", "blk.1.attn_norm.weight", {32}),
      shape("a table without rows for the tokens", "token_embd.weight", {32, 96}),
      without("token_embd.weight"),
      without("output_norm.weight"),
      without("blk.0.attn_k.weight"),
      without("blk.1.ffn_up.weight"),
      model("a matrix of whole numbers", "blk.0.attn_q.weight",
            [](TinyModel& m) {
              m.tensors["blk.0.attn_q.weight"] = {Type::I32, {64, 64}};
            }),
  };
  return rows;
}

std::vector<Row> vocabularyRows() {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();
  const std::string big(120'000, 'a');
  std::vector<Row> rows = {
      pieces("llama.cpp 25969: a token of the byte -1", "", [](Pieces& p) { p.add("<0x-1>", 6); }),
      pieces("llama.cpp 25969: a token of the byte 256", "", [](Pieces& p) { p.add("<0x100>", 6); }),
      pieces("llama.cpp 25969: a token of no byte", "", [](Pieces& p) { p.add("<0x>", 6); }),
      vocabulary("CVE-2025-49847: a token of 120,000 bytes", "", [=](auto& v) { v.add(big, 1); }),
      vocabulary("CVE-2025-49847: a control token of 120,000 bytes", "", [=](auto& v) { v.add(big, 3); }),
      pieces("sentencepiece 1263: a piece of 120,000 bytes", "", [=](Pieces& p) { p.add(big, 1, -1); }),
      pieces("sentencepiece 1263: the same in a unigram model", "",
             [=](Pieces& p) {
               p.model = "t5";
               p.add(big, 1, -1);
             }),
      charsMap("sentencepiece 1269: a trie larger than the map", "precompiled_charsmap", 4096, {0, 0}),
      charsMap("sentencepiece 1269: a trie of -1 bytes", "precompiled_charsmap", ~0u, {0, 0}),
      charsMap("sentencepiece 1269: a trie of half units", "precompiled_charsmap", 6, {0, 0}),
      charsMap("sentencepiece 1269: units that lead out of the trie", "", 16, {~0u, ~0u, ~0u, ~0u},
               std::string("\0", 1)),
      charsMap("sentencepiece 1269: units that lead to themselves", "", 8, {0, 0x80000000}, std::string("\0", 1)),
      charsMap("sentencepiece 1269: no trie", "precompiled_charsmap", 0, {}),
      vocabulary("types for another number of tokens", "token_type", [](auto& v) { v.types.pop_back(); }),
      vocabulary("a type that is none", "token 7", [](auto& v) { v.types[7] = 99; }),
      vocabulary("a merge of one part", "tokenizer.ggml.merges", [](auto& v) { v.merges[2] = "hell"; }),
      vocabulary("merges of unknown parts", "",
                 [](auto& v) {
                   v.merges = {"qq zz", "\xff \xfe"};
                 }),
      vocabulary("an unknown pre-tokenizer", "\"tomorrow\"", [](auto& v) { v.pre = "tomorrow"; }),
      vocabulary("no tokens", "tokenizer.ggml.tokens",
                 [](auto& v) {
                   v.tokens.clear();
                   v.types.clear();
                 }),
      vocabulary("a thousand tokens of one text", "",
                 [](auto& v) {
                   for (int i = 0; i < 1000; ++i) v.add("same", 3);
                 }),
      pieces("scores that are no numbers", "",
             [=](Pieces& p) { p.scores = {kNan, kInf, -kInf, kNan, kNan, -kInf, kInf, kNan}; }),
      pieces("scores that are no numbers in a unigram model", "",
             [=](Pieces& p) {
               p.model = "t5";
               p.scores = {kNan, kInf, -kInf, kNan, kNan, -kInf, kInf, kNan};
             }),
      pieces("a score too few", "tokenizer.ggml.scores", [](Pieces& p) { p.scores.pop_back(); }),
      vocabularyKey("no whether for add_bos_token", "add_bos_token",
                    [](auto& w) { w.str("tokenizer.ggml.add_bos_token", "yes"); }),
  };
  for (const char* which : {"eot", "eom", "padding", "unknown"}) {
    const std::string key = std::string("tokenizer.ggml.") + which + "_token_id";
    rows.push_back(vocabularyKey("llama.cpp 25508: " + key + " behind the vocabulary", key,
                                 [=](GgufWriter& w) { w.u32(key, 5000); }));
  }
  rows.push_back(vocabulary("llama.cpp 25508: bos_token_id behind the vocabulary", "bos_token_id",
                            [](auto& v) { v.bos = int(v.tokens.size()); }));
  rows.push_back(
      vocabulary("llama.cpp 25508: eos_token_id of 2^31 - 1", "eos_token_id", [](auto& v) { v.eos = INT32_MAX; }));
  return rows;
}

}  // namespace lemma::test
