// How a thought is opened and closed for the model, and that what frames an answer never shows.
#include "engine/think/scaffold.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/gguf/gguf.h"
#include "engine/schedule/answer_stream.h"
#include "tests/support/tiny_vocabulary.h"

namespace lemma {
namespace {

const ThinkFormat& formatOf(std::string_view open) {
  for (const ThinkFormat& f : thinkTags()) {
    if (f.open == open) return f;
  }
  ADD_FAILURE() << "no format opens with " << open;
  return thinkTags().front();
}

constexpr ThinkBudget kOff{.kind = ThinkBudget::Kind::off}, kMax{.kind = ThinkBudget::Kind::max};
constexpr std::string_view kAnalysis = "<|channel|>analysis<|message|>";
constexpr std::string_view kToFinal = "<|end|><|start|>assistant<|channel|>final<|message|>";

TEST(Scaffold, tagsStandOnLinesOfTheirOwn) {
  const ThinkFormat& tags = formatOf("<think>");
  EXPECT_EQ(makeScaffold(true, false, kMax, tags, {}).prefill, "<think>\n");
  EXPECT_EQ(makeScaffold(true, false, kMax, tags, {}).close, "\n</think>\n\n");
  EXPECT_EQ(makeScaffold(true, false, kOff, tags, {}).prefill, "<think>\n\n</think>\n\n");
  EXPECT_EQ(makeScaffold(true, true, kOff, tags, {}).prefill, "\n</think>\n\n");
  EXPECT_EQ(makeScaffold(true, true, kMax, tags, {}).prefill, "");
  EXPECT_EQ(makeScaffold(false, false, kOff, tags, {}).prefill, "");
}

TEST(Scaffold, framedFormatsLeadOnToTheAnswer) {
  const ThinkFormat& channels = formatOf(kAnalysis);
  EXPECT_EQ(makeScaffold(true, false, kMax, channels, {}).prefill, kAnalysis);
  EXPECT_EQ(makeScaffold(true, false, kMax, channels, {}).close, kToFinal);
  EXPECT_EQ(makeScaffold(true, false, kOff, channels, {}).prefill, std::string(kAnalysis) + std::string(kToFinal));
  EXPECT_EQ(makeScaffold(true, true, kOff, channels, {}).prefill, kToFinal);
}

// gpt-oss: every one of these is a control token, one of them an end of generation.
TEST(AnswerStream, framesOfControlTokensDoNotShow) {
  test::TinyVocabulary v;
  for (const char* token : {"<|start|>", "<|end|>", "<|channel|>", "<|message|>", "<|return|>"}) v.add(token, 3);
  const auto bytes = v.writer().bytes();
  const auto made = Tokenizer::fromGguf(*parseGguf(bytes, bytes.size()));
  ASSERT_TRUE(made) << made.error().what;
  const Tokenizer& t = **made;
  BuiltPrompt prompt;
  prompt.format = &formatOf(kAnalysis);
  const std::vector<Token> close = t.encode(kToFinal, true);
  std::string think, answer;
  AnswerStream stream(t, prompt, close, {.thinkTokens = 1000, .answerTokens = 1000, .contextTokens = 1000}, {},
                      [&](const StreamEvent& e) {
                        if (const auto* d = std::get_if<PartDelta>(&e))
                          (d->kind == PartKind::think ? think : answer) += d->text;
                      });
  stream.begin();
  const auto say = [&](std::string_view text) {
    AnswerStream::Next next;
    for (const Token token : t.encode(text, true)) next = stream.accept(token);
    return next;
  };
  const AnswerStream::Next closed = say("<|channel|>analysis<|message|>a sum<|end|>");
  EXPECT_TRUE(std::ranges::equal(closed.feed, close)) << "the model is led to its answer";
  say("four");
  EXPECT_TRUE(say("<|return|>").finished);
  stream.flush();
  EXPECT_EQ(think, "a sum");
  EXPECT_EQ(answer, "four");
}

}  // namespace
}  // namespace lemma
