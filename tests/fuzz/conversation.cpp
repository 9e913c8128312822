// Any conversation, as JSON, through templates of every kind: what it says comes out as the person's or not at all, and
// the parts of the prompt are the text that is rendered. The input: a byte that chooses the template, then the JSON.
#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/template/chat_template.h"
#include "engine/template/fallback_template.h"

namespace {

std::vector<lemma::ChatTemplate> makeAll() {
  std::vector<std::string> sources = {
      "{{ messages }}{{ messages | tojson }}{{ messages | length }}",
      "{% for m in messages %}{{ loop.index0 ~ m.role ~ (m.content | string | trim | upper) }}{% endfor %}",
      "{% for m in messages %}{% if m.content is string %}{{ m.content.split('</think>')[-1] | replace('a', 'bb') }}"
      "{% else %}{% for part in m.content %}{{ part.text or part['type'] }}{% endfor %}{% endif %}{% endfor %}"};
  const std::vector<std::string_view> vocabularies[] = {{"<|im_start|>", "<|im_end|>"},
                                                        {"<|start_header_id|>", "<|eot_id|>"},
                                                        {"<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>"},
                                                        {}};
  for (const auto& tokens : vocabularies) {
    const auto has = [&](std::string_view text) { return std::ranges::find(tokens, text) != tokens.end(); };
    sources.emplace_back(lemma::fallbackTemplate(has).source);
  }
  std::vector<lemma::ChatTemplate> all;
  for (const std::string& source : sources) {
    auto compiled = lemma::ChatTemplate::compile(source);
    if (!compiled) __builtin_trap();
    all.push_back(std::move(*compiled));
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto kTemplates = makeAll();
  if (size < 1) return 0;
  const auto* text = reinterpret_cast<const char*>(data) + 1;
  auto messages = nlohmann::ordered_json::parse(text, text + size - 1, nullptr, false);
  if (messages.is_discarded()) return 0;
  const nlohmann::ordered_json input = {
      {"messages", std::move(messages)}, {"bos_token", "<s>"}, {"eos_token", "</s>"}, {"add_generation_prompt", true}};
  const lemma::ClockTime now{2026, 10, 1, 12, 34, 56};
  const auto& chat = kTemplates[data[0] % kTemplates.size()];
  const auto rendered = chat.render(input, now);
  const auto prompt = chat.prompt(input, now);
  if (rendered.has_value() != prompt.has_value()) __builtin_trap();
  if (prompt && prompt->text() != *rendered) __builtin_trap();
  if (!rendered && rendered.error().what.empty()) __builtin_trap();
  return 0;
}
