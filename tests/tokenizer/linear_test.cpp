// Time grows with the text and no faster, whatever the text and the tokenizer. Steps of the regex engine are counted;
// whole tokenizers are bounded by the processor's time of a text and of one twice as long, with room for a busy
// machine.
#include <gtest/gtest.h>

#include <ctime>
#include <random>
#include <set>
#include <tuple>

#include "engine/gguf/gguf.h"
#include "engine/tokenizer/regex.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/support/tiny_vocabulary.h"
#include "tests/tokenizer/reference.h"

namespace lemma {
namespace {

using nlohmann::json;

std::vector<std::pair<std::string, std::string>> texts(size_t size) {
  const auto repeated = [&](std::string_view unit) {
    std::string out;
    while (out.size() + unit.size() <= size) out += unit;
    return out;
  };
  std::mt19937 random(5);
  std::string noise(size, 0);
  for (char& c : noise) c = char(random());
  return {{"letter", repeated("a")},      {"capital", repeated("A")},
          {"space", repeated(" ")},       {"newline", repeated("\n")},
          {"digit", repeated("1")},       {"sign", repeated("<")},
          {"mark", repeated("\u0301")},   {"emoji", repeated("\U0001f600")},
          {"Han", repeated("\u6f22")},    {"spaces and a letter", repeated(" ") + "x"},
          {"mixed", repeated("aB1 \n'")}, {"half a tag", repeated("<|im_")},
          {"random bytes", noise}};
}

void collect(const json& tree, std::set<std::string>& out) {
  if (tree.is_object() && tree.contains("Regex")) out.insert(tree["Regex"].get<std::string>());
  if (tree.is_structured()) {
    for (const json& inner : tree) collect(inner, out);
  }
}

uint64_t stepsOf(const Regex& regex, const std::string& text) {
  RegexSearch search(regex);
  search.setText(text);
  for (size_t at = 0; at < text.size();) {
    const size_t end = search.matchAt(at);
    at = end == RegexSearch::kNone || end == at ? at + 1 : end;
  }
  return search.steps();
}

TEST(TokenizerIsLinear, stepsOfEveryExpression) {
  std::set<std::string> expressions = {"(a|aa)+$", "(?:a?){20}b", "\\s+(?!\\S)|\\s+", "[^x]*y", "(?:\\p{L}+\\s?)+;"};
  for (const json& form : test::keptForms("tokenizers.jsonl")) collect(form["json"]["pre_tokenizer"], expressions);
  ASSERT_GE(expressions.size(), 12u);
  constexpr size_t kBytes = 1 << 15;
  const auto once = texts(kBytes), twice = texts(2 * kBytes);
  for (const std::string& e : expressions) {
    const auto regex = Regex::compile(e);
    ASSERT_TRUE(regex) << e << ": " << regex.error().what;
    for (size_t i = 0; i < once.size(); ++i) {
      const uint64_t one = stepsOf(*regex, once[i].second), two = stepsOf(*regex, twice[i].second);
      EXPECT_LE(two, one * 2 + one / 4 + 1000) << once[i].first << ": " << e;
      EXPECT_LE(one, 200 * kBytes) << once[i].first << ": " << e;
    }
  }
}

double secondsFor(const Tokenizer& t, const std::string& text) {
  const std::clock_t start = std::clock();  // of this program: the machine may be busy
  const auto ids = t.encode(text, true);
  EXPECT_LE(ids.size(), 4 * text.size());
  return double(std::clock() - start) / CLOCKS_PER_SEC;
}

// What is not linear takes minutes: the square of a quarter of a megabyte is 7 * 10^10.
void expectLinear(const Tokenizer& t, const std::string& name) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr size_t kBytes = 1 << 16;  // slower by far
#else
  constexpr size_t kBytes = 1 << 18;
#endif
  constexpr double kSeconds = 6;
  static const auto kTexts = texts(kBytes);
  double worst = 0;
  std::string slowest;
  for (const auto& [kind, text] : kTexts) {
    const double seconds = secondsFor(t, text);
    EXPECT_LT(seconds, kSeconds) << name << ", " << kind;
    if (seconds > worst) std::tie(worst, slowest) = std::tie(seconds, kind);
  }
  std::printf("%-28s %.2f s for %zu kB at most (%s)\n", name.c_str(), worst, kBytes / 1024, slowest.c_str());
}

TEST(TokenizerIsLinear, everyKindOfTokenizerJson) {
  for (const json& form : test::keptForms("tokenizers.jsonl")) {
    const std::string name = form["name"];
    if (name.find("merged") != name.npos || name.find("isolated") != name.npos) continue;  // one of each kind is enough
    const auto t = Tokenizer::fromJson({.tokenizer = form["json"].dump()});
    ASSERT_TRUE(t) << t.error().what;
    expectLinear(**t, name);
  }
}

TEST(TokenizerIsLinear, everyKindOfGguf) {
  for (const json& model : test::lines(std::filesystem::path(LEMMA_TESTS_DIR) / "goldens" / "sentencepiece.jsonl")) {
    const auto bytes = test::sentencePieceGguf(model).bytes();
    const auto header = parseGguf(bytes, bytes.size());
    ASSERT_TRUE(header) << header.error().what;
    const auto t = Tokenizer::fromGguf(*header);
    ASSERT_TRUE(t) << t.error().what;
    expectLinear(**t, "GGUF " + model["name"].get<std::string>());
  }
  for (const char* pre : {"gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-llm", "deepseek-coder", "deepseek-v3",
                          "tekken", "gpt-4o", "falcon", "qwen35", "kimi-k2"}) {
    test::TinyVocabulary v;
    v.pre = pre;
    const auto bytes = v.writer().bytes();
    const auto t = Tokenizer::fromGguf(*parseGguf(bytes, bytes.size()));
    ASSERT_TRUE(t) << t.error().what;
    expectLinear(**t, "GGUF " + std::string(pre));
  }
}

}  // namespace
}  // namespace lemma
