// A model's chat template: Jinja as transformers runs it, bounded in time and memory, reading nothing but its input.
// compile() once, then render from any number of threads. No exception leaves it: errors are one sentence with a line.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/template/clock.h"
#include "engine/text/think_tags.h"
#include "kernels/api/result.h"

namespace lemma {

using jinja::ClockTime;

// The rendered prompt, byte by byte either the template's or the person's.
struct PromptText {
  struct Part {
    std::string text;
    bool fromUser = false;  // never yields special tokens
    bool operator==(const Part&) const = default;
  };
  std::vector<Part> parts;
  bool opensThink = false;                // it ends inside a thought that the template opened
  const ThinkFormat* openedBy = nullptr;  // then the format; its closing tag ends the thought
  std::string text() const;
};

class ChatTemplate {
 public:
  static Result<ChatTemplate> compile(const std::string& source);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // Every key of `variables` is a variable of the template. `now` is what strftime_now shows; the system's clock else.
  Result<std::string> render(const nlohmann::ordered_json& variables, std::optional<ClockTime> now = {}) const;
  // The same, with the person's data told from the template's: all strings below messages, tools, documents and other
  // lists or mappings are the person's, except roles; strings at the top (bos_token and its like) are the template's.
  Result<PromptText> prompt(const nlohmann::ordered_json& variables, std::optional<ClockTime> now = {}) const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lemma
