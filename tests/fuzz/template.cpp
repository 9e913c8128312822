// Compiles and renders any bytes as a template: it ends, in bounds, with a text or a sentence.
#include <cstdint>

#include "engine/template/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto kInput = nlohmann::ordered_json::parse(
      R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": null, "tool_calls": [{"id": 1}]}],
          "tools": [{"name": "f", "parameters": {"x": 1.5}}], "bos_token": "<s>", "add_generation_prompt": true})");
  const auto t = lemma::ChatTemplate::compile(std::string(reinterpret_cast<const char*>(data), size));
  if (t) (void)t->prompt(kInput, lemma::ClockTime{2026, 10, 1, 12, 34, 56});
  return 0;
}
