// Markdown as a list of typed blocks, ready to be drawn one by one. No Qt, no HTML: raw HTML is text like any other.
// Owner: ui. Pure functions over UTF-8; the input is foreign, so size, nesting and output are limited (kMax...).
// Inline styles are a flat list of runs: nested emphasis is the union of two style bits, which is all that drawing
// needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lemma::markdown {

inline constexpr size_t kMaxParseBytes =
    256 * 1024;  // a longer text is shown plain; Stream cuts it at block borders first
inline constexpr size_t kMaxAutolinkBytes = 16 * 1024;  // bare addresses in longer stretches are no links
inline constexpr size_t kMaxBlocks = 20'000;            // of one stretch; above, the stretch is shown as plain text
inline constexpr size_t kMaxCells = 4'000;              // of all tables of one stretch; above, as plain text
inline constexpr size_t kMaxEvents = 400'000;           // parser callbacks of one stretch; above, as plain text
inline constexpr int kMaxDepth = 16;                    // deeper lists and quotes are drawn at this depth

enum class BlockKind : uint8_t { paragraph, heading, code, table, rule };
enum class Align : uint8_t { none, left, centre, right };
enum class Task : uint8_t { none, open, done };

enum Style : uint8_t { kStrong = 1, kEmphasis = 2, kCode = 4, kStrike = 8, kLink = 16, kImage = 32 };

// A stretch of InlineText::text, in bytes; always whole code points. Runs are ordered and do not overlap; what no
// run covers is plain.
struct Run {
  uint32_t begin = 0, end = 0;
  uint8_t style = 0;  // Style bits
  int link = -1;      // index into InlineText::links
  bool operator==(const Run&) const = default;
};

struct InlineText {
  std::string text;  // hard line breaks are '\n', soft ones a space
  std::vector<Run> runs;
  std::vector<std::string> links;  // targets as written, not checked
  bool operator==(const InlineText&) const = default;
};

struct Table {
  std::vector<Align> columns;
  std::vector<std::vector<InlineText>> rows;  // the first is the head; every row has columns.size() cells
  bool operator==(const Table&) const = default;
};

struct Block {
  BlockKind kind = BlockKind::paragraph;
  InlineText body;       // paragraph, heading; code: body.text, verbatim
  int level = 0;         // heading: 1..6
  std::string language;  // code: first word of the fence's info string
  Table table;
  int listDepth = 0, quoteDepth = 0;
  std::string marker;  // first block of a list item: "•" or "3."
  Task task = Task::none;
  bool tight = false;  // inside a list without blank lines
  bool operator==(const Block&) const = default;
};

// The blocks of a text. Never fails: what is over a limit comes out as plain paragraphs.
std::vector<Block> parse(std::string_view text);

// The text of a block without any marks, for the clipboard and for screen readers. Cells are parted by tabs.
std::string plainText(const Block& block);

}  // namespace lemma::markdown
