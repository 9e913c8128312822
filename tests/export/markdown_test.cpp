// Markdown for people: whatever the texts hold, the next heading is a heading, and the words are all there.
#include "storage/export/markdown.h"

#include "tests/storage/fixture.h"

namespace lemma::storage {
namespace {

Thread threadOf(const std::string& question, const std::string& thought, const std::string& answer) {
  Thread thread;
  thread.conversation.title = "A *title*";
  Message asked, said;
  asked.parts = {text(question)};
  said.role = Role::assistant;
  said.snapshot = toJson(someSnapshot());
  if (!thought.empty()) said.parts.push_back({.kind = PartKind::think, .mime = "text/markdown", .text = thought});
  said.parts.push_back({.kind = PartKind::answer, .mime = "text/markdown", .text = answer});
  thread.messages = {asked, said, asked};
  return thread;
}

TEST(MarkdownExport, aConversationAsItIsRead) {
  const Thread thread = threadOf("Why?\nReally <b>?", "So:\n```\nx < y", "Because `a<b` and <i>.");
  EXPECT_EQ(
      toMarkdown(thread),
      "# A \\*title\\*\n\n## Question\n\nWhy?  \nReally \\<b>?  \n\n## Answer (Tiny)\n\n> **Thought**\n>\n> So:\n> "
      "```\n> x < y\n\nBecause `a<b` and \\<i>.\n\n## Question\n\nWhy?  \nReally \\<b>?  \n");
  const std::string without = toMarkdown(thread, {.thoughts = false});
  EXPECT_EQ(without.find("Thought"), std::string::npos);
  EXPECT_EQ(without.find("x < y"), std::string::npos);
  EXPECT_NE(without.find("Because"), std::string::npos);
}

TEST(MarkdownExport, everyKindOfMessageAndPart) {
  Thread thread;
  Message m;
  m.role = Role::system;
  m.parts = {text("Be short.")};
  thread.messages.push_back(m);
  m.role = Role::tool;
  m.parts = {{.kind = PartKind::tool, .mime = "application/json", .text = "{}\n````\n"},
             {.kind = PartKind::attachment, .mime = "text/x_c", .text = "int x;"}};
  thread.messages.push_back(m);
  m.role = Role::assistant;
  m.state = MessageState::stopped;
  m.parts = {{.kind = PartKind::error, .text = "It broke."}};
  thread.messages.push_back(m);
  m.state = MessageState::interrupted;
  m.parts = {};
  thread.messages.push_back(m);
  EXPECT_EQ(
      toMarkdown(thread),
      "# Conversation\n\n## System prompt\n\nBe short.  \n\n## Tool\n\n**Tool** application/json\n\n`````\n{}\n````\n"
      "`````\n\n**Attachment** text/x\\_c\n\n```\nint x;\n```\n\n## Answer\n\n> **Error**\n>\n> It broke.  \n\n"
      "*Stopped here.*\n\n## Answer\n\n*Interrupted here.*\n");
}

TEST(MarkdownExport, aNameStaysInItsLine) {
  Thread thread = threadOf("Q", "", "A");
  thread.conversation.title = "One\r\n# two\n```";
  AnswerSnapshot snapshot = someSnapshot();
  snapshot.modelName = "my\nmodel_1";
  thread.messages[1].snapshot = toJson(snapshot);
  EXPECT_EQ(toMarkdown(thread),
            "# One  \\# two \\`\\`\\`\n\n## Question\n\nQ  \n\n## Answer (my model\\_1)\n\nA\n\n## Question\n\nQ  \n");
  thread.conversation.title = " \n ";
  snapshot.modelName.clear();
  thread.messages[1].snapshot = toJson(snapshot);
  EXPECT_EQ(toMarkdown(thread), "# Conversation\n\n## Question\n\nQ  \n\n## Answer\n\nA\n\n## Question\n\nQ  \n");
}

TEST(MarkdownExport, anOpenFenceEndsWithItsText) {
  for (const auto& [answer, ends] : std::vector<std::pair<std::string, std::string>>{
           {"```c\nint x;", "int x;\n```\n\n## "},
           {"~~~~\n```\n~~~", "~~~\n~~~~\n\n## "},
           {"```\nx\n``` no end", "``` no end\n```\n\n## "},
           {"```\nx\n````` \t", "x\n`````\n\n## "},
           {"    ```\nx", ">     ```\n> x\n\n## "},
           {"1. ```py\n   x\n   ```", "> 1. ```py\n>    x\n>    ```\n\n## "},
           {"| a |\n```\nx", "> | a |\n> ```\n> x\n\n## "},
           {"``` a`b\nx", "x\n\n## "},
           {"```\r\nx\r\n\r\n", "x\n```\n\n## "},
       }) {
    const std::string got = toMarkdown(threadOf("Q", "", answer));
    EXPECT_NE(got.find(ends), std::string::npos) << got;
  }
}

TEST(MarkdownExport, htmlIsTextOutsideOfCode) {
  for (const auto& [answer, expected] : std::vector<std::pair<std::string, std::string>>{
           {"<!-- x", "\\<!-- x"},
           {"</details>", "\\</details>"},
           {"a < b <3 <", "a < b <3 <"},
           {"`<b>` ``<i>`` <u>", "`<b>` ``<i>`` \\<u>"},
           {"`<b> ``", "`\\<b> ``"},
           {"\\<b>", "\\<b>"},
           {"```\n<b>\n```", "```\n<b>\n```"},
       }) {
    const std::string got = toMarkdown(threadOf("Q", "", answer));
    EXPECT_NE(got.find("\n\n" + expected + "\n\n## "), std::string::npos) << got;
  }
}

}  // namespace
}  // namespace lemma::storage
