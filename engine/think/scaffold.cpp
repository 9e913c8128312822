#include "engine/think/scaffold.h"

namespace lemma {

namespace {

// The words that lead an untrained model. They are part of the model's prompt, not of the interface, so they
// stay in English whatever language the window speaks; the model answers in the language of the question.
constexpr std::string_view kFirstThought = "Let me think step by step.\n";
constexpr std::string_view kAskForAnswer = "Now give me the answer to my question, using what you thought.";

}  // namespace

Scaffold makeScaffold(bool trained, bool opensThink, const ThinkBudget& budget, const ThinkFormat& format,
                      const TurnMarks& marks) {
  const bool wanted =
      budget.kind == ThinkBudget::Kind::max || (budget.kind == ThinkBudget::Kind::tokens && budget.tokens > 0);
  const std::string open(format.open), close(format.close);
  // Tags stand on lines of their own; formats that frame the answer too have no blank space around their tokens.
  const bool framed = !format.answerLead.empty();
  const std::string closing = framed ? close + std::string(format.answerLead) : "\n" + close + "\n\n";
  Scaffold s;
  s.close = closing;
  if (opensThink) {
    s.style = wanted ? ThinkStyle::opened : ThinkStyle::emptied;
    s.startsInThink = wanted;
    if (!wanted) s.prefill = closing;
  } else if (trained) {
    s.style = wanted ? ThinkStyle::prefilled : ThinkStyle::emptied;
    s.startsInThink = wanted;
    s.prefill = open + (framed ? "" : "\n") + (wanted ? "" : closing);
  } else if (wanted) {
    s.style = ThinkStyle::led;
    s.startsInThink = true;
    s.prefill = open + "\n" + std::string(kFirstThought);
    s.shownPrefix = kFirstThought;
    s.close = "\n" + close + marks.assistantToUser + std::string(kAskForAnswer) + marks.userToAssistant;
  }
  return s;
}

const ThinkFormat& thinkFormatOf(std::string_view templateSource) {
  const ThinkTags all = thinkTags();
  for (const ThinkFormat& f : all) {
    if (templateSource.find(f.open) != std::string_view::npos) return f;
  }
  return all.front();
}

}  // namespace lemma
