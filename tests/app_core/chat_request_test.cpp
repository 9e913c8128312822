// What is stored becomes what the engine is asked.
#include "app/core/chat_request.h"

#include <gtest/gtest.h>

#include "app/core/model_name.h"
#include "engine/api/template_refusal.h"

namespace lemma::app {
namespace {

using storage::Message;
using storage::Part;
using storage::PartKind;
using storage::Role;

struct Thread {
  storage::IdGenerator ids;
  storage::Thread thread;
  storage::MessageId add(Role role, std::vector<Part> parts) {
    Message m{.id = ids.message(), .role = role, .parts = std::move(parts)};
    thread.messages.push_back(m);
    return m.id;
  }
};

storage::ResolvedSettings defaults() { return storage::resolve({}); }

TEST(ChatRequest, thoughtsAreLeftOutAndTheAnswerItselfIsNotATurn) {
  Thread t;
  t.add(Role::user, {{.kind = PartKind::text, .text = "One?"}});
  t.add(Role::assistant, {{.kind = PartKind::think, .text = "Hm."}, {.kind = PartKind::answer, .text = "First."}});
  t.add(Role::user, {{.kind = PartKind::text, .text = "Two?"}});
  const auto answer = t.add(Role::assistant, {});
  const ChatRequest r = chatRequest(t.thread, answer, defaults());
  EXPECT_EQ(r.turns, (std::vector<ChatTurn>{{"user", "One?"}, {"assistant", "First."}, {"user", "Two?"}}));
  EXPECT_TRUE(r.continueThink.empty());
  EXPECT_EQ(r.think.tokens, kThinkMedium);
}

TEST(ChatRequest, aQuestionWithoutAnAnswerIsJoinedWithTheNext) {
  Thread t;
  t.add(Role::user, {{.kind = PartKind::text, .text = "One?"}});
  t.add(Role::assistant, {{.kind = PartKind::think, .text = "Stopped here"}});
  t.add(Role::user, {{.kind = PartKind::text, .text = "Two?"}});
  const auto answer = t.add(Role::assistant, {});
  EXPECT_EQ(chatRequest(t.thread, answer, defaults()).turns, (std::vector<ChatTurn>{{"user", "One?\n\nTwo?"}}));
}

TEST(ChatRequest, anAnswerThatHoldsTextGoesOnFromIt) {
  Thread t;
  t.add(Role::user, {{.kind = PartKind::text, .text = "One?"}});
  const auto answer =
      t.add(Role::assistant, {{.kind = PartKind::think, .text = "Hm."}, {.kind = PartKind::answer, .text = "Fir"}});
  const ChatRequest r = chatRequest(t.thread, answer, defaults());
  EXPECT_EQ(r.continueThink, "Hm.");
  EXPECT_EQ(r.continueAnswer, "Fir");
  EXPECT_EQ(r.turns.size(), 1u);
}

TEST(ChatRequest, theBuiltinFormatIsASetting) {
  Thread t;
  t.add(Role::user, {{.kind = PartKind::text, .text = "One?"}});
  const auto answer = t.add(Role::assistant, {});
  EXPECT_FALSE(chatRequest(t.thread, answer, defaults()).builtinTemplate);
  storage::SettingLayers layers;
  layers.message = {{"builtin_template", int64_t{1}}};
  const ChatRequest r = chatRequest(t.thread, answer, storage::resolve(layers));
  EXPECT_TRUE(r.builtinTemplate);
  EXPECT_FALSE(usesOwnTemplate(r));
  EXPECT_FALSE(parseSetting("builtin_template=2"));
}

TEST(ChatRequest, aTemplateThatRefusesIsNoOtherFailure) {
  EXPECT_TRUE(isTemplateRefusal({Err::templateError, "No."}));
  EXPECT_TRUE(isTemplateRefusal({Err::tooLarge, "It never ends."}));
  EXPECT_FALSE(isTemplateRefusal({Err::outOfMemory, "Full."}));
  EXPECT_TRUE(usesOwnTemplate({}));
  EXPECT_FALSE(usesOwnTemplate({.raw = true}));
  EXPECT_FALSE(usesOwnTemplate({.templateOverride = "{{ x }}"}));
}

TEST(ChatRequest, settingsReachTheSampler) {
  storage::SettingLayers layers;
  layers.person = {{"temperature", 0.25}, {"seed", int64_t{7}}, {"system", std::string("Be brief.")}};
  layers.message = {{"think", std::string("off")}};
  Thread t;
  t.add(Role::user, {{.kind = PartKind::text, .text = "One?"}});
  const auto answer = t.add(Role::assistant, {});
  const ChatRequest r = chatRequest(t.thread, answer, storage::resolve(layers));
  EXPECT_FLOAT_EQ(r.sampling.temperature, 0.25f);
  EXPECT_EQ(r.sampling.seed, 7u);
  EXPECT_EQ(r.think.kind, ThinkBudget::Kind::off);
  ASSERT_EQ(r.turns.size(), 2u);
  EXPECT_EQ(r.turns[0], (ChatTurn{"system", "Be brief."}));
}

TEST(ChatRequest, effortByWordAndByNumber) {
  EXPECT_EQ(thinkBudget(std::string("off")).kind, ThinkBudget::Kind::off);
  EXPECT_EQ(thinkBudget(std::string("low")).tokens, 512);
  EXPECT_EQ(thinkBudget(std::string("medium")).tokens, 2048);
  EXPECT_EQ(thinkBudget(std::string("high")).tokens, 8192);
  EXPECT_EQ(thinkBudget(std::string("max")).kind, ThinkBudget::Kind::max);
  EXPECT_EQ(thinkBudget(std::string("300")).tokens, 300);
  EXPECT_EQ(thinkBudget(int64_t{300}).tokens, 300);
}

TEST(ChatRequest, titlesAreCutAtAWordAndNeverInsideACodePoint) {
  EXPECT_EQ(titleFrom("  \n Why is the sky blue?\nAnd more"), "Why is the sky blue?");
  const std::string title = titleFrom(std::string(30, 'a') + " " + std::string(60, 'b'));
  EXPECT_EQ(title, std::string(30, 'a') + "\u2026");
  std::string long_;
  for (int i = 0; i < 40; ++i) long_ += "\u00e9";
  const std::string cut = titleFrom(long_);
  EXPECT_EQ(cut.substr(cut.size() - 3), "\u2026");
  EXPECT_EQ((cut.size() - 3) % 2, 0u) << "whole two-byte letters";
  EXPECT_EQ(titleFrom(" \n "), "");
}

TEST(ModelName, isTheFilesWithoutItsFormat) {
  EXPECT_EQ(modelName("/models/SmolLM2-135M-Instruct.Q4_1.gguf"), "SmolLM2-135M-Instruct");
  EXPECT_EQ(modelName("DeepSeek-R1-Distill-Qwen-1.5B-Q4_K_M.gguf"), "DeepSeek-R1-Distill-Qwen-1.5B");
  EXPECT_EQ(modelName("a/model-f16.gguf"), "model");
  EXPECT_EQ(modelName("Falcon-7B.gguf"), "Falcon-7B");
  EXPECT_EQ(modelName("/m/DeepSeek-R1-Q4_K_M-00001-of-00009.gguf"), "DeepSeek-R1");
  EXPECT_EQ(modelName("/m/DeepSeek-R1/model-00001-of-00163.safetensors"), "DeepSeek-R1");
  EXPECT_EQ(modelName("/m/DeepSeek-R1/config.json"), "DeepSeek-R1");
  EXPECT_EQ(modelName("/m/DeepSeek-R1/"), "DeepSeek-R1");
  EXPECT_EQ(modelName("config.json"), "config.json");
  EXPECT_EQ(modelName(".gguf"), ".gguf");
}

TEST(ParseSetting, takesWhatTheTableAllows) {
  EXPECT_EQ(parseSetting("seed=7").value(), (std::pair<std::string, storage::SettingValue>("seed", int64_t{7})));
  EXPECT_EQ(parseSetting("temperature=0.5").value().second, storage::SettingValue(0.5));
  EXPECT_EQ(parseSetting("think=high").value().second, storage::SettingValue(std::string("high")));
  for (const char* wrong : {"seed", "=7", "nothing=1", "temperature=warm", "temperature=99", "think=perhaps", ""}) {
    const auto r = parseSetting(wrong);
    ASSERT_FALSE(r) << wrong;
    EXPECT_FALSE(r.error().what.empty());
  }
}

TEST(ChatRequest, itSaysWhichConversationItIsOf) {
  Thread t;
  t.thread.conversation.id = t.ids.conversation();
  t.add(Role::user, {{.kind = PartKind::text, .text = "One?"}});
  const auto answer = t.add(Role::assistant, {});
  EXPECT_EQ(chatRequest(t.thread, answer, defaults()).conversation, t.thread.conversation.id.str());
}

TEST(ParkingOptions, aRunOverridesThePersonWhoOverridesTheProgram) {
  constexpr uint64_t kGiB = 1ull << 30;
  EXPECT_EQ(parkingOptions("/there", {}, {}).folder, "/there");
  EXPECT_EQ(parkingOptions("/there", {}, {}).quotaBytes, kParkingQuota);
  EXPECT_EQ(parkingOptions("/there", {{"park", int64_t(9)}}, {}).quotaBytes, 9 * kGiB);
  EXPECT_EQ(parkingOptions("/there", {{"park", int64_t(9)}}, {{"park", int64_t(0)}}).quotaBytes, 0u);
  EXPECT_EQ(parkingOptions("/there", {{"park", int64_t(-1)}}, {}).quotaBytes, kParkingQuota) << "no such amount";
}

}  // namespace
}  // namespace lemma::app
