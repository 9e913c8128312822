#include "engine/template/fallback_template.h"

#include <array>
#include <iterator>

namespace lemma {
namespace {

struct Row {
  std::array<std::string_view, 2> tokens;  // that a vocabulary must hold; empty = none
  FallbackTemplate format;
};

constexpr Row kRows[] = {
    {{"<|im_start|>", "<|im_end|>"},
     {"ChatML",
      "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"}},
    {{"<|start_header_id|>", "<|eot_id|>"},
     {"Llama 3's format",
      "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
      "{{ m['content'] }}<|eot_id|>{% endfor %}"
      "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"}},
    {{"<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>"},
     {"DeepSeek R1's format",
      "{{ bos_token }}{% for m in messages %}"
      "{% if m['role'] == 'assistant' %}<\uff5cAssistant\uff5c>{{ m['content'].split('</think>')[-1] }}{{ eos_token }}"
      "{% elif m['role'] == 'user' %}<\uff5cUser\uff5c>{{ m['content'] }}"
      "{% else %}{{ m['content'] }}{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}<\uff5cAssistant\uff5c>{% endif %}"}},
    {{},
     {"plain lines",
      "{% for m in messages %}{{ m['role'] | capitalize }}: {{ m['content'] }}\n\n{% endfor %}"
      "{% if add_generation_prompt %}Assistant:{% endif %}"}},
};

}  // namespace

const FallbackTemplate& fallbackTemplate(const std::function<bool(std::string_view)>& isToken) {
  for (const Row& row : kRows) {
    bool fits = true;
    for (const std::string_view token : row.tokens) fits &= token.empty() || isToken(token);
    if (fits) return row.format;
  }
  return std::end(kRows)[-1].format;
}

}  // namespace lemma
