// How a model is brought to think before it answers, and how a thought is cut so that an answer still follows.
// Pure text, no owner, any thread. Three kinds: the template opens the thought; the model opens it when its
// answer starts with the tag (R1, Qwen3); a model that was never trained to is led by the scaffold.
#pragma once

#include <string>
#include <string_view>

#include "engine/api/types.h"
#include "engine/text/think_tags.h"

namespace lemma {

enum class ThinkStyle : uint8_t {
  none,       // no thought asked for, nothing to suppress
  opened,     // the rendered prompt ends inside the thought
  prefilled,  // a trained model, but the prompt does not open the thought: the tag is put in front
  led,        // an untrained model: tag and a first sentence are put in front, the answer is asked for afterwards
  emptied,    // a trained model that shall not think: an empty thought is put in front
};

struct Scaffold {
  ThinkStyle style = ThinkStyle::none;
  std::string prefill;      // appended to the rendered prompt; may hold special tokens
  std::string shownPrefix;  // the part of prefill that belongs to the visible thought
  std::string close;        // appended when the thought is cut or ends without its tag
  bool startsInThink = false;
};

// What surrounds an assistant turn in the model's own template, learnt by rendering it: the text between the end
// of an assistant's words and the next user's, and between the user's and the next assistant's.
struct TurnMarks {
  std::string assistantToUser;
  std::string userToAssistant;
};

// `trained`: the model thinks by itself. `opensThink`: the rendered prompt ends inside an open thought.
Scaffold makeScaffold(bool trained, bool opensThink, const ThinkBudget& budget, const ThinkFormat& format,
                      const TurnMarks& marks);

// The format that a template speaks of, else <think>.
const ThinkFormat& thinkFormatOf(std::string_view templateSource);

}  // namespace lemma
