// One conversation as Markdown (CommonMark), to be read by people: the branch that is shown, not the others.
// Texts stand in it as they were written, with so much changed that none can run over what follows: an open code fence
// is closed, and `<` that could begin HTML gets a backslash. Lines of a plain text end in two blanks, so they stay
// lines. Thoughts stand as quotes. Pure, any thread.
#pragma once

#include <string>

#include "storage/types.h"

namespace lemma::storage {

// Words for people, in their language.
struct MarkdownWords {
  std::string untitled = "Conversation";
  std::string question = "Question";
  std::string answer = "Answer";
  std::string system = "System prompt";
  std::string tool = "Tool";
  std::string thought = "Thought";
  std::string error = "Error";
  std::string attachment = "Attachment";
  std::string stopped = "Stopped here.";
  std::string interrupted = "Interrupted here.";
};

struct MarkdownOptions {
  bool thoughts = true;
  MarkdownWords words;
};

std::string toMarkdown(const Thread& thread, const MarkdownOptions& options = {});

}  // namespace lemma::storage
