// Hugging Face folders: safetensors headers, config.json, indexes of shards, tokenizer.json.
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/model.h"
#include "engine/safetensors/safetensors.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/hostile/rows.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_folder.h"

namespace lemma::test {
namespace {

using nlohmann::json;

Row safetensors(std::string name, std::string says, std::string bytes) {
  return {std::move(name), std::move(says), [bytes = std::move(bytes)]() -> Result<void> {
            const auto header = parseSafetensors(std::as_bytes(std::span(bytes)), bytes.size());
            if (!header) return tl::unexpected(header.error());
            return {};
          }};
}
// A tensor "w" of two F32, as the entry says, and so many bytes of data.
Row tensor(std::string name, std::string says, const std::string& entry, size_t data = 8) {
  return safetensors(std::move(name), std::move(says),
                     safetensorsOf("{\"w\":{" + entry + "}}", std::string(data, '\0')));
}

Result<void> load(const TinyFolder& folder, const std::function<void(const std::filesystem::path&)>& spoil = {}) {
  const TemporaryFolder where;
  if (!folder.write(where.path() / "m")) return fail(Err::unreadable, "no folder can be written");
  if (spoil) spoil(where.path() / "m");
  const auto model = Model::load({.path = where / "m", .batch = 16, .kvType = "f32", .backend = "reference"});
  if (!model) return tl::unexpected(model.error());
  if (!(*model)->tokenizer()) return fail(Err::notFound, (*model)->withoutTokenizer());
  return {};
}

// One file of the folder with a JSON merge patch (RFC 7396) applied.
Row patched(std::string name, std::string says, const char* file, std::string patch) {
  return {std::move(name), std::move(says), [file, patch = std::move(patch)] {
            TinyFolder folder;
            folder.json[file].merge_patch(json::parse(patch));
            return load(folder);
          }};
}
Row config(std::string name, std::string says, std::string patch) {
  return patched(std::move(name), std::move(says), "config.json", std::move(patch));
}
// The whole text of a file.
Row text(std::string name, std::string says, const char* file, std::string content) {
  return {std::move(name), std::move(says), [file, content = std::move(content)] {
            TinyFolder folder;
            folder.json.erase(file);
            folder.text[file] = content;
            return load(folder);
          }};
}
// The weights in a shard that an index names.
Row index(std::string name, std::string says, std::string weightMap) {
  return {std::move(name), std::move(says), [weightMap = std::move(weightMap)] {
            TinyFolder folder;
            folder.text["model.safetensors.index.json"] = "{\"weight_map\":" + weightMap + "}";
            return load(folder, [](const std::filesystem::path& where) {
              std::filesystem::rename(where / "model.safetensors", where / "model-00001-of-00001.safetensors");
            });
          }};
}

// tokenizer.json with a merge patch; what is accepted must read text.
Row tokenizer(std::string name, std::string says, std::string patch) {
  return {std::move(name), says, [=]() -> Result<void> {
            json file = json::parse(R"({"added_tokens": [{"id": 3, "content": "<end>", "special": true}],
              "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
              "decoder": {"type": "ByteLevel"},
              "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})");
            file.merge_patch(json::parse(patch));
            const std::string bytes = file.dump();
            const auto t = Tokenizer::fromJson({.tokenizer = bytes});
            if (!t) return tl::unexpected(t.error());
            const std::string long_ = std::string(20'000, 'a') + "!";
            for (const Token id : (*t)->encode(long_, true)) {
              if (int(id) < 0 || int(id) >= (*t)->size()) return fail(Err::internal, "a token outside the vocabulary");
            }
            (*t)->decode((*t)->encode("ab <end>\xff", true), false);
            return {};
          }};
}
Row split(std::string name, std::string says, const std::string& regex) {
  return tokenizer(std::move(name), std::move(says),
                   json({{"pre_tokenizer",
                          {{"type", "Sequence"},
                           {"pretokenizers",
                            {{{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}},
                             {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}}}})
                       .dump());
}

std::string nested(const std::string& open, const std::string& inner, const std::string& close, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += open;
  out += inner;
  for (int i = 0; i < times; ++i) out += close;
  return out;
}

}  // namespace

std::vector<Row> safetensorsRows() {
  std::string entries = "{";
  for (int i = 0; i < 100'000; ++i) entries += "\"" + std::to_string(i) + "\":{},";
  entries.back() = '}';
  const std::string two = R"("dtype":"F32","shape":[2],"data_offsets":)";
  return {
      tensor("right", "", two + "[0,8]"),
      tensor("mlx 3363: a shape of more than its bytes", "\"w\"", R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"),
      tensor("mlx 3363: a shape of less than its bytes", "\"w\"", R"("dtype":"F32","shape":[1],"data_offsets":[0,8])"),
      tensor("mlx 3409: bytes behind the file", "\"w\"", two + "[0,8]", 7),
      tensor("mlx 3409: bytes far behind the file", "\"w\"",
             R"("dtype":"U8","shape":[8],"data_offsets":[1099511627776,1099511627784])"),
      tensor("LiteRT 9254: a product that wraps to zero", "\"w\"",
             R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])", 0),
      tensor("LiteRT 9254: bytes that wrap to eight", "\"w\"",
             R"("dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8])"),
      tensor("audio.cpp 138: an offset below zero", "\"w\"", two + "[-8,0]"),
      tensor("audio.cpp 138: an offset of 2^63", "\"w\"", two + "[9223372036854775808,9223372036854775816]"),
      tensor("audio.cpp 138: offsets turned round", "\"w\"", two + "[8,0]"),
      tensor("imp 1603: an unknown dtype with bytes behind the file", "\"F3\"",
             R"("dtype":"F3","shape":[2],"data_offsets":[0,800])"),
      tensor("half an offset", "\"w\"", two + "[0,7.5]"),
      tensor("a dimension below zero", "\"w\"", R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"),
      tensor("no dtype", "\"w\"", R"("shape":[2],"data_offsets":[0,8])"),
      safetensors("fastllm 712: a header of -1 bytes", "header", std::string(8, '\xff') + "{}"),
      safetensors("fastllm 712: a header of 2^64 - 6 bytes", "header", std::string("\xfa", 1) + std::string(7, '\xff')),
      safetensors("fastllm 712: a header of 2^63 bytes", "header", std::string(7, '\0') + "\x80{}"),
      safetensors("a header of 100 MB and one byte", "100000001", safetensorsOf("{}", "", 100'000'001)),
      safetensors("100 k entries that are empty", "\"0\"", safetensorsOf(entries)),
      safetensors("lists a million deep", "\"w\"", safetensorsOf("{\"w\":" + std::string(1'000'000, '['))),
      safetensors("two tensors in one place", "\"b\"",
                  safetensorsOf("{\"a\":{" + two + "[0,8]},\"b\":{" + two + "[4,12]}}", std::string(12, '\0'))),
      safetensors("a tensor twice", "\"a\"",
                  safetensorsOf("{\"a\":{" + two + "[0,8]},\"a\":{" + two + "[0,8]}}", std::string(8, '\0'))),
  };
}

std::vector<Row> folderRows() {
  const std::string shard = "model-00001-of-00001.safetensors";
  std::vector<Row> rows = {
      config("right", "", "{}"),
      config("no layers", "block_count", R"({"num_hidden_layers": 0})"),
      config("-1 layers", "num_hidden_layers", R"({"num_hidden_layers": -1})"),
      config("half a layer", "num_hidden_layers", R"({"num_hidden_layers": 1.5})"),
      config("2^31 layers", "block_count", R"({"num_hidden_layers": 2147483648})"),
      config("layers in words", "num_hidden_layers", R"({"num_hidden_layers": "2"})"),
      config("no heads", "attention.head_count", R"({"num_attention_heads": 0})"),
      config("no heads of keys", "head_count_kv", R"({"num_key_value_heads": 0})"),
      config("heads of keys that do not divide the heads", "head_count_kv", R"({"num_key_value_heads": 3})"),
      config("heads that do not divide the width", "attention.head_count", R"({"num_attention_heads": 5})"),
      config("no width", "embedding_length", R"({"hidden_size": 0})"),
      config("a width that is a list", "hidden_size", R"({"hidden_size": [32]})"),
      config("a head of no width", "attention.key_length", R"({"head_dim": 0})"),
      config("a context of 2^40", "context_length", R"({"max_position_embeddings": 1099511627776})"),
      config("positions of base 0", "freq_base", R"({"rope_theta": 0})"),
      config("positions scaled by nothing", "factor", R"({"rope_scaling": {"rope_type": "linear", "factor": 0}})"),
      config("positions scaled as nobody does", "\"spiral\"",
             R"({"rope_scaling": {"rope_type": "spiral", "factor": 2}})"),
      config("positions scaled by a list", "rope_scaling", R"({"rope_scaling": [1, 2]})"),
      config("an activation nobody knows", "\"gelu_42\"", R"({"hidden_act": "gelu_42"})"),
      config("a model nobody knows", "\"gpt17\"", R"({"model_type": "gpt17"})"),
      config("no model_type", "model_type", R"({"model_type": null})"),
      config("blocks of no width", "quantization_config",
             R"({"quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [0, 0]}})"),
      config("blocks of words", "quantization_config",
             R"({"quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": "big"}})"),
      config("weights quantised as nobody does", "\"magic\"", R"({"quantization_config": {"quant_method": "magic"}})"),
      config("another width than the tensors", "token_embd.weight", R"({"hidden_size": 64})"),
      config("a layer that has no tensors", "blk.2.", R"({"num_hidden_layers": 3})"),
      text("config.json: lists a million deep", "config.json", "config.json", std::string(1'000'000, '[')),
      text("config.json: 100 levels", "deeper than 64", "config.json", nested("{\"a\":", "1", "}", 100)),
      text("config.json: a key twice", "\"hidden_size\" occurs twice", "config.json",
           R"({"hidden_size": 1, "hidden_size": 2})"),
      text("config.json: no JSON", "config.json", "config.json", "hello"),
      text("generation_config.json: cut off", "generation_config.json", "generation_config.json", "{\"top_k\": "),
      index("an index, right", "", "{\"lm_head.weight\":\"" + shard + "\",\"model.norm.weight\":\"" + shard + "\"}"),
      index("weight_map: a path upwards", "\"../../etc/passwd.safetensors\"",
            R"({"w": "../../etc/passwd.safetensors"})"),
      index("weight_map: a path from the root", "\"/etc/x.safetensors\"", R"({"w": "/etc/x.safetensors"})"),
      index("weight_map: another separator", "not a safetensors file", R"({"w": "..\\x.safetensors"})"),
      index("weight_map: a byte of zero", "not a safetensors file", R"({"w": "x\u0000.safetensors"})"),
      index("weight_map: another kind of file", "\"config.json\"", R"({"w": "config.json"})"),
      index("weight_map: a number", "\"w\"", R"({"w": 7})"),
      index("weight_map: a list", "weight_map", "[]"),
      index("weight_map: a file that is not there", "model-00009-of-00009.safetensors",
            R"({"w": "model-00009-of-00009.safetensors"})"),
      index("weight_map: a tensor that is not there", "\"w\"", "{\"w\":\"" + shard + "\"}"),
  };
  return rows;
}

std::vector<Row> tokenizerRows() {
  const std::string deep = nested("[", "1", "]", 300);
  const std::string manyNormalizers = [] {
    std::string s = R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"})";
    for (int i = 0; i < 200; ++i) s += R"(,{"type": "NFC"})";
    return s + "]}}";
  }();
  const auto normalizer = [](const std::string& n) { return "{\"normalizer\":" + n + "}"; };
  const auto unigram = [](const std::string& rest) {
    return R"({"pre_tokenizer": null, "decoder": null, "model": {"type": "Unigram", "merges": null, )" + rest + "}}";
  };
  const std::string fifty(50'000, 'p');
  return {
      tokenizer("right", "", "{}"),
      split("tokenizers 2060: (a+)+", "", "(a+)+$"),
      split("tokenizers 2060: (a*)*", "may be empty", "(a*)*b"),
      split("tokenizers 2060: (a|aa)+", "", "(a|aa)+$"),
      split("tokenizers 2060: (a|a?)+", "may be empty", "(a|a?)+$"),
      split("tokenizers 2060: (.*a){20}", "", "(.*a){20}"),
      split("tokenizers 2060: looks inside repeats", "", "((?=a+)a)+b"),
      split("a repeat of a repeat", "too", "(a{1000}){1000}"),
      split("groups 5,000 deep", "too", nested("(", "a", ")", 5000)),
      split("a repeat turned round", "tokenizer.json", "a{5,2}"),
      split("an open bracket", "tokenizer.json", "[a"),
      split("a range turned round", "tokenizer.json", "[z-a]"),
      tokenizer("lists 300 deep", "nested too deep", "{\"x\":" + deep + "}"),
      tokenizer("an id of -1", "outside 0 to", R"({"model": {"vocab": {"c": -1}}})"),
      tokenizer("an id of 2^63", "outside 0 to", R"({"model": {"vocab": {"c": 9223372036854775808}}})"),
      tokenizer("an id behind a million holes", "without a token", R"({"model": {"vocab": {"c": 1048576}}})"),
      tokenizer("an id behind a hundred holes", "", R"({"model": {"vocab": {"c": 104}}})"),
      tokenizer("an id twice", "the id 1", R"({"model": {"vocab": {"c": 1}}})"),
      tokenizer("an id of 1.5", "vocab", R"({"model": {"vocab": {"c": 1.5}}})"),
      tokenizer("an added token in another's place", "the id 0", R"({"added_tokens": [{"id": 0, "content": "x"}]})"),
      tokenizer("an added token of 50,000 bytes", "",
                "{\"added_tokens\": [{\"id\": 9, \"content\": \"" + fifty + "\", \"special\": true}]}"),
      tokenizer("a piece of 50,000 bytes", "", "{\"model\": {\"vocab\": {\"" + fifty + "\": 7}}}"),
      tokenizer("tokens of the bytes -1 and 256", "",
                R"({"model": {"byte_fallback": true, "vocab": {"<0x-1>": 4, "<0x100>": 5, "<0xZZ>": 6}}})"),
      tokenizer("a merge of nothing", "merges", R"({"model": {"merges": [["a"]]}})"),
      tokenizer("merges of unknown parts", "", R"({"model": {"merges": ["x y", ["q", "z"]]}})"),
      tokenizer("200 steps of normalizing", "64", manyNormalizers),
      tokenizer("a map of half a trie", "precompiled_charsmap",
                normalizer(R"({"type": "Precompiled", "precompiled_charsmap": "AAAAEAAA"})")),
      tokenizer("a map whose trie is larger", "precompiled_charsmap",
                normalizer(R"({"type": "Precompiled", "precompiled_charsmap": "////fwAAAAA="})")),
      tokenizer("a replacement of nothing", "pattern",
                normalizer(R"({"type": "Replace", "pattern": {"String": ""}, "content": "x"})")),
      tokenizer("a replacement by an expression that matches nothing", "",
                normalizer(R"({"type": "Replace", "pattern": {"Regex": "x*"}, "content": "yy"})")),
      tokenizer("an unknown piece behind the pieces", "unk_id", unigram(R"("unk_id": 99, "vocab": [["<unk>", 0]])")),
      tokenizer("a piece of an infinite score", "", unigram(R"("unk_id": 0, "vocab": [["<unk>", 0], ["a", -1e308]])")),
  };
}

}  // namespace lemma::test
