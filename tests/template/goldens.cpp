// Templates against jinja2 as transformers sets it up. Class: bitwise. A case is {template, input, expected | error};
// an error asks for a refusal, not for the same words.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/template/chat_template.h"

namespace lemma {
namespace {
using Json = nlohmann::ordered_json;
constexpr ClockTime kNow{2026, 10, 1, 12, 34, 56};

std::string readFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

std::vector<Json> readLines(const std::string& path) {
  std::vector<Json> out;
  std::ifstream in(path, std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) out.push_back(Json::parse(line));
  }
  return out;
}

// One case; also checks that prompt() gives the same text.
void check(const std::string& source, const Json& input, const Json& c) {
  const auto compiled = ChatTemplate::compile(source);
  const Result<std::string> got = compiled ? compiled->render(input, kNow) : tl::unexpected(compiled.error());
  if (c.contains("error")) {
    EXPECT_FALSE(got.has_value()) << "rendered: " << *got;
    if (!got) {
      EXPECT_NE(got.error().what.find("line"), std::string::npos) << got.error().what;
    }
    return;
  }
  ASSERT_TRUE(got.has_value()) << got.error().what;
  EXPECT_EQ(*got, c["expected"].get<std::string>());
  const auto prompt = compiled->prompt(input, kNow);
  ASSERT_TRUE(prompt.has_value());
  EXPECT_EQ(prompt->text(), *got);
}

int checkContextFile(const std::string& path) {
  const std::vector<Json> lines = readLines(path);
  for (size_t i = 1; i < lines.size(); ++i) {
    const Json& c = lines[i];
    SCOPED_TRACE(c["id"].get<std::string>() + ": " + c["template"].get<std::string>());
    check(c["template"], lines[0]["context"], c);
  }
  return int(lines.size()) - 1;
}

TEST(Jinja, ownCases) {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(LEMMA_TESTS_DIR) + "/template/cases")) {
    if (entry.path().extension() == ".jsonl") cases += checkContextFile(entry.path());
  }
  EXPECT_GE(cases, 300);
}

const std::string kShared = std::string(LEMMA_TESTS_DIR) + "/../../shared/goldens/templates/";

TEST(Jinja, referenceCases) {
  if (!std::filesystem::exists(kShared + "jinja_cases.jsonl"))
    GTEST_SKIP() << "no reference data beside the repository";
  EXPECT_GE(checkContextFile(kShared + "jinja_cases.jsonl"), 100);
}

TEST(ChatTemplate, publicTemplates) {
  if (!std::filesystem::exists(kShared + "rendered.jsonl")) GTEST_SKIP() << "no reference data beside the repository";
  int cases = 0;
  for (const Json& c : readLines(kShared + "rendered.jsonl")) {
    SCOPED_TRACE(c["id"].get<std::string>());
    check(readFile(kShared + c["template"].get<std::string>()), c["input"], c);
    ++cases;
  }
  EXPECT_GE(cases, 300);
}

}  // namespace
}  // namespace lemma
