// Exported conversations, read by the window's own reader.
#include <gtest/gtest.h>

#include <random>

#include "storage/export/markdown.h"
#include "ui/markdown/blocks.h"

namespace lemma::markdown {
namespace {

// Read again by the window's own reader, every heading that the export made is there.
TEST(ExportedMarkdown, noTextRunsOverTheNextHeading) {
  static constexpr const char* kPieces[] = {
      "word ", "\n",       "\n\n",    "```",     "~~~~",  "`",         "``",         "<!--",
      "<pre>", "- item\n", "- ```\n", "  ```\n", "   ",   "> quote\n", "    code\n", "| a | b |\n|---|---|\n",
      "\\",    "***",      "\t",      "[x](",    "---\n", "\r\n",      "1. one\n"};
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    const auto some = [&random] {
      std::string out;
      for (unsigned n = random() % 10; n > 0; --n) out += kPieces[random() % std::size(kPieces)];
      return out;
    };
    storage::Thread thread;
    storage::Message asked, said;
    asked.parts = {{.text = some()}};
    said.role = storage::Role::assistant;
    said.parts = {{.kind = storage::PartKind::think, .mime = "text/markdown", .text = some()},
                  {.kind = storage::PartKind::answer, .mime = "text/markdown", .text = some()}};
    thread.messages = {asked, said, asked};
    const std::string file = storage::toMarkdown(thread);
    int headings = 0;  // the export's; a text may have headings of its own
    for (const auto& block : parse(file)) {
      const bool own = block.body.text == "Question" || block.body.text == "Answer";
      headings +=
          block.kind == BlockKind::heading && block.level == 2 && block.quoteDepth == 0 && block.listDepth == 0 && own;
    }
    ASSERT_EQ(headings, 3) << file;
  }
}

}  // namespace
}  // namespace lemma::markdown
