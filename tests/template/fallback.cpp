// The formats for models without a usable template of their own.
#include <gtest/gtest.h>

#include <set>

#include "engine/template/chat_template.h"
#include "engine/template/fallback_template.h"

namespace lemma {
namespace {

using Json = nlohmann::ordered_json;

const FallbackTemplate& formatOf(const std::set<std::string_view>& tokens) {
  return fallbackTemplate([&](std::string_view text) { return tokens.contains(text); });
}

std::string rendered(const FallbackTemplate& format) {
  const auto t = ChatTemplate::compile(std::string(format.source));
  if (!t) return t.error().what;
  const Json messages = {{{"role", "system"}, {"content", "Be brief."}},
                         {{"role", "user"}, {"content", "2+2?"}},
                         {{"role", "assistant"}, {"content", "<think>hm</think>4"}},
                         {{"role", "user"}, {"content", "3+3?"}}};
  const auto text =
      t->render({{"messages", messages}, {"add_generation_prompt", true}, {"bos_token", "<B>"}, {"eos_token", "<E>"}});
  return text ? *text : text.error().what;
}

TEST(FallbackTemplate, chatMl) {
  const FallbackTemplate format = formatOf({"<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|eot_id|>"});
  EXPECT_EQ(format.name, "ChatML");
  EXPECT_EQ(rendered(format),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2+2?<|im_end|>\n"
            "<|im_start|>assistant\n<think>hm</think>4<|im_end|>\n<|im_start|>user\n3+3?<|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST(FallbackTemplate, llama3) {
  EXPECT_EQ(rendered(formatOf({"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"})),
            "<B><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\n2+2?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n<think>hm</think>4<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\n3+3?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(FallbackTemplate, deepSeekR1) {
  EXPECT_EQ(
      rendered(formatOf({"<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>"})),
      "<B>Be brief.<\uff5cUser\uff5c>2+2?<\uff5cAssistant\uff5c>4<E><\uff5cUser\uff5c>3+3?<\uff5cAssistant\uff5c>");
}

TEST(FallbackTemplate, plainLines) {
  for (const auto& tokens : {std::set<std::string_view>{}, {"<|im_start|>"}, {"<|eot_id|>"}, {"<\uff5cUser\uff5c>"}}) {
    const FallbackTemplate format = formatOf(tokens);
    EXPECT_EQ(format.name, "plain lines");
    EXPECT_EQ(rendered(format),
              "System: Be brief.\n\nUser: 2+2?\n\nAssistant: <think>hm</think>4\n\nUser: 3+3?\n\nAssistant:");
  }
}

}  // namespace
}  // namespace lemma
