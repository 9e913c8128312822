// Reference ids of other implementations: reading them, and comparing a tokenizer with them. Test code only.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "engine/gguf/gguf.h"
#include "engine/tokenizer/charsmap.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/goldens.h"

namespace lemma::test {

namespace fs = std::filesystem;
using nlohmann::json;

inline fs::path tokenizerGoldens() { return goldens() / "tokenizers"; }

// What `xz -dc` makes of a file; empty where xz is missing.
inline std::vector<std::byte> unpacked(const fs::path& path) {
  std::vector<std::byte> out;
  FILE* pipe = ::popen(("xz -dc '" + path.string() + "' 2>/dev/null").c_str(), "r");
  if (!pipe) return out;
  std::byte buffer[1 << 16];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.insert(out.end(), buffer, buffer + n);
  ::pclose(pipe);
  return out;
}

inline std::vector<json> lines(const fs::path& path) {
  std::vector<json> out;
  std::istringstream in(readText(path));
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) out.push_back(json::parse(line));
  }
  return out;
}

// Forms of tokenizer.json that a script of tests/goldens wrote, with what transformers makes of them.
inline std::vector<json> keptForms(const std::string& file) {
  return lines(fs::path(LEMMA_TESTS_DIR) / "goldens" / file);
}

inline std::map<int, std::string> strings() {
  std::map<int, std::string> out;
  for (const json& line : lines(tokenizerGoldens() / "strings.jsonl")) out[line["id"]] = line["text"];
  return out;
}

inline std::vector<int> numbers(const std::vector<Token>& tokens) {
  std::vector<int> out;
  for (const Token t : tokens) out.push_back(int(t));
  return out;
}

inline std::vector<Token> tokens(const json& ids) {
  std::vector<Token> out;
  for (const json& id : ids) out.push_back(Token(id.get<int>()));
  return out;
}

// Every string of a reference file, with special tokens parsed and not.
inline void expectReference(const Tokenizer& tokenizer, const fs::path& reference) {
  const auto text = strings();
  const auto expected = lines(reference);
  ASSERT_GE(expected.size(), 150u);
  for (const json& line : expected) {
    const std::string& input = text.at(line["id"]);
    EXPECT_EQ(json(numbers(tokenizer.encode(input, true))), line["ids"]) << line["id"] << ": " << input;
    const json& plain = line.contains("ids_no_special") ? line["ids_no_special"] : line["ids"];
    EXPECT_EQ(json(numbers(tokenizer.encode(input, false))), plain) << line["id"] << " plain: " << input;
  }
}

// A line of sentencepiece.jsonl as GGUF metadata.
inline GgufWriter sentencePieceGguf(const json& model) {
  std::vector<std::string> pieces;
  std::vector<float> scores;
  std::vector<int32_t> types;
  for (const json& p : model["pieces"]) {
    pieces.push_back(p[0]);
    scores.push_back(p[1]);
    types.push_back(p[2]);
  }
  GgufWriter out;
  out.str("tokenizer.ggml.model", model["name"].get<std::string>().starts_with("t5") ? "t5" : "llama")
      .strings("tokenizer.ggml.tokens", pieces)
      .f32s("tokenizer.ggml.scores", scores)
      .i32s("tokenizer.ggml.token_type", types)
      .boolean("tokenizer.ggml.remove_extra_whitespaces", model["remove_extra"]);
  const std::string map = decodeBase64(model["charsmap"].get<std::string>()).value();
  if (!map.empty()) out.u8s("tokenizer.ggml.precompiled_charsmap", {map.begin(), map.end()});
  return out;
}

}  // namespace lemma::test
