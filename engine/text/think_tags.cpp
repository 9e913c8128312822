#include "engine/text/think_tags.h"

namespace lemma {
namespace {
using R = ThinkFormat::Reopens;
constexpr ThinkFormat kFormats[] = {
    {"<think>", "</think>", R::atLine},  // DeepSeek R1, Qwen, SmolLM3 and most others
    {"<thinking>", "</thinking>"},
    {"<thought>", "</thought>"},  // EXAONE
    {"<reason>", "</reason>"},
    {"<reasoning>", "</reasoning>"},  // reka-flash
    {"<seed:think>", "</seed:think>", R::atLine},
    {"[THINK]", "[/THINK]"},                                 // Magistral
    {"\u25C1think\u25B7", "\u25C1/think\u25B7", R::atLine},  // Kimi
    {"<|begin_of_thought|>",
     "<|end_of_thought|>",
     R::anywhere,
     true,  // Sky-T1, OpenThinker
     {"<|begin_of_solution|>", "<|end_of_solution|>"}},
    {"<|START_THINKING|>",
     "<|END_THINKING|>",
     R::anywhere,
     true,
     {"<|START_RESPONSE|>", "<|END_RESPONSE|>"},
     "<|START_RESPONSE|>"},  // Command
    {"<|channel|>analysis<|message|>",
     "<|end|>",
     R::anywhere,
     false,  // gpt-oss; commentary is said to the person
     {"<|start|>assistant", "<|channel|>final<|message|>", "<|channel|>commentary<|message|>", "<|end|>", "<|return|>"},
     "<|start|>assistant<|channel|>final<|message|>",
     true},
    {"<|think|>",
     "<|end|>",
     R::anywhere,
     false,
     {"<|begin|>assistant", "<|content|>", "<|end|>"},
     "<|begin|>assistant<|content|>"},                 // Solar
    {"<|channel>thought", "<channel|>", R::anywhere},  // Gemma
};
}  // namespace

ThinkTags thinkTags() { return kFormats; }

const ThinkFormat* openThought(std::string_view text, ThinkTags tags) {
  const ThinkFormat* found = nullptr;
  size_t at = 0;
  for (const ThinkFormat& f : tags) {
    const size_t open = text.rfind(f.open);
    if (open == text.npos || (found && open < at)) continue;
    if (text.find(f.close, open + f.open.size()) != text.npos) continue;
    found = &f;
    at = open;
  }
  return found;
}

}  // namespace lemma
