// What Markdown becomes: kinds, styles, marks; and what must not become anything, such as HTML.
#include "ui/markdown/blocks.h"

#include <gtest/gtest.h>

#include <functional>

#include "ui/markdown/stream.h"

namespace lemma::markdown {
namespace {

// "[strong+link:text]" for each run, plain text as it is.
std::string marked(const InlineText& text) {
  static constexpr const char* kNames[] = {"strong", "em", "code", "strike", "link", "image"};
  std::string out;
  size_t at = 0;
  for (const Run& run : text.runs) {
    out.append(text.text, at, run.begin - at).append("[");
    bool first = true;
    for (int bit = 0; bit < 6; ++bit) {
      if (!(run.style & (1 << bit))) continue;
      out.append(first ? "" : "+").append(kNames[bit]);
      first = false;
    }
    out.append(":").append(text.text, run.begin, run.end - run.begin).append("]");
    at = run.end;
  }
  return out + text.text.substr(at);
}

struct InlineCase {
  const char* source;
  const char* want;
};

TEST(MarkdownInline, stylesAreRuns) {
  static constexpr InlineCase kCases[] = {
      {"plain", "plain"},
      {"a **b** c", "a [strong:b] c"},
      {"*a **b***", "[em:a ][strong+em:b]"},
      {"`a*b*`", "[code:a*b*]"},
      {"~~a~~", "[strike:a]"},
      {"[a *b*](x)", "[link:a ][em+link:b]"},
      {"![pic](x.png)", "[image:pic]"},
      {"a\nb", "a b"},
      {"a\\\nb", "a\nb"},
      {"&lt;&amp;&#65;&#x42;&nosuch;", "<&AB&nosuch;"},
      {"&#0;&#xD800;&#9999999;", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"&#x1F600;&#X41;&#x20ac;&#xe9;",
       "\xF0\x9F\x98\x80"
       "A\xE2\x82\xAC\xC3\xA9"},
      {"&; &#; &#x; &a; &#xg;", "&; &#; &#x; &a; &#xg;"},
      {"$$a_1 * b_2$$ and $c$", "$$a_1 * b_2$$ and $c$"},
      {"[](x)[a]()", "[link:a]"},
      {"a **", "a **"},
      {"<b>x</b> <script>", "<b>x</b> <script>"},
      {"$a_1 * b_2 * c$", "$a_1 * b_2 * c$"},
      {"**unfinished", "**unfinished"},
      {"\xF0\x9F\x98\x80 **\xC3\xA9**", "\xF0\x9F\x98\x80 [strong:\xC3\xA9]"},
  };
  for (const InlineCase& c : kCases) {
    const auto blocks = parse(c.source);
    ASSERT_EQ(blocks.size(), 1u) << c.source;
    EXPECT_EQ(marked(blocks[0].body), c.want) << c.source;
  }
}

TEST(MarkdownInline, linkTargetsAreKeptAsWritten) {
  const auto blocks = parse("[a](javascript:alert(1)) [b](https://x.org/?a=1&amp;b=2)");
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].body.links, (std::vector<std::string>{"javascript:alert(1)", "https://x.org/?a=1&b=2"}));
}

TEST(MarkdownBlocks, kinds) {
  const auto blocks = parse("# H\n\ntext\n\n```py x\na\n\nb\n```\n\n---\n\n    indented\n");
  ASSERT_EQ(blocks.size(), 5u);
  EXPECT_EQ(blocks[0].kind, BlockKind::heading);
  EXPECT_EQ(blocks[0].level, 1);
  EXPECT_EQ(blocks[1].kind, BlockKind::paragraph);
  EXPECT_EQ(blocks[2].kind, BlockKind::code);
  EXPECT_EQ(blocks[2].language, "py");
  EXPECT_EQ(blocks[2].body.text, "a\n\nb");
  EXPECT_EQ(blocks[3].kind, BlockKind::rule);
  EXPECT_EQ(blocks[4].body.text, "indented");
}

TEST(MarkdownBlocks, htmlBlocksAreText) {
  const auto blocks = parse("<div onclick=\"x\">\n*a*\n</div>\n");
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(marked(blocks[0].body), "<div onclick=\"x\"> [em:a] </div>");
}

TEST(MarkdownBlocks, listsBecomeDepthAndMark) {
  const auto blocks = parse("- a\n- b\n  1. c\n  2. d\n\n     e\n- [x] f\n- [ ] g\n-\n- - h\n");
  struct Want {
    const char* text;
    int depth;
    const char* marker;
    Task task;
  };
  static constexpr Want kWant[] = {
      {"a", 1, "•", Task::none},  {"b", 1, "•", Task::none}, {"c", 2, "1.", Task::none},
      {"d", 2, "2.", Task::none}, {"e", 2, "", Task::none},  {"f", 1, "•", Task::done},
      {"g", 1, "•", Task::open},  {"", 1, "•", Task::none},  {"h", 2, "•", Task::none},
  };
  // An item that begins with a list shows its own mark on a line of its own.
  std::vector<Block> shown = blocks;
  std::erase_if(shown, [](const Block& b) { return b.body.text.empty() && b.listDepth == 2; });
  ASSERT_EQ(shown.size(), std::size(kWant));
  for (size_t i = 0; i < std::size(kWant); ++i) {
    EXPECT_EQ(shown[i].body.text, kWant[i].text) << i;
    EXPECT_EQ(shown[i].listDepth, kWant[i].depth) << i;
    EXPECT_EQ(shown[i].marker, kWant[i].marker) << i;
    EXPECT_EQ(shown[i].task, kWant[i].task) << i;
  }
}

TEST(MarkdownBlocks, orderedListsStartWhereTheySay) {
  const auto blocks = parse("7) a\n8) b\n");
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].marker, "7)");
  EXPECT_EQ(blocks[1].marker, "8)");
}

TEST(MarkdownBlocks, quotesNest) {
  const auto blocks = parse("> a\n>\n> > b\n\nc\n");
  ASSERT_EQ(blocks.size(), 3u);
  EXPECT_EQ(blocks[0].quoteDepth, 1);
  EXPECT_EQ(blocks[1].quoteDepth, 2);
  EXPECT_EQ(blocks[2].quoteDepth, 0);
}

TEST(MarkdownBlocks, tablesKeepTheirShape) {
  const auto blocks = parse("|a|b|\n|:---|---:|\n|1|*2*|\n|3|\n");
  ASSERT_EQ(blocks.size(), 1u);
  const Table& table = blocks[0].table;
  EXPECT_EQ(table.columns, (std::vector<Align>{Align::left, Align::right}));
  ASSERT_EQ(table.rows.size(), 3u);
  for (const auto& row : table.rows) EXPECT_EQ(row.size(), 2u);
  EXPECT_EQ(marked(table.rows[1][1]), "[em:2]");
  EXPECT_EQ(plainText(blocks[0]), "a\tb\n1\t2\n3\t");
}

TEST(MarkdownInline, entitiesInTargetsAndLanguages) {
  const auto blocks = parse("[a](x&amp;&copy;&nosuch;y) ![b](&#0;z)");
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].body.links, (std::vector<std::string>{"x&\xC2\xA9&nosuch;y", "\xEF\xBF\xBDz"}));
  const auto code = parse(std::string_view("```a\0b&eacute; c\nd\n```", 22));
  ASSERT_EQ(code.size(), 1u);
  EXPECT_EQ(code[0].language,
            "a\xEF\xBF\xBD"
            "b\xC3\xA9");
}

// A view is told of a block that differs in anything.
TEST(MarkdownBlocks, areTheSameOnlyInEverything) {
  Block block;
  block.body = {.text = "ab", .runs = {{0, 1, 2, 0}}, .links = {"x"}};
  block.table = {.columns = {Align::left}, .rows = {{{}}}};
  EXPECT_EQ(block, Block(block));
  const std::vector<std::function<void(Block&)>> changes = {[](Block& b) { b.kind = BlockKind::rule; },
                                                            [](Block& b) { b.level = 2; },
                                                            [](Block& b) { b.language = "c"; },
                                                            [](Block& b) { b.body.text = "ac"; },
                                                            [](Block& b) { b.body.runs[0].begin = 1; },
                                                            [](Block& b) { b.body.runs[0].end = 2; },
                                                            [](Block& b) { b.body.runs[0].style = 1; },
                                                            [](Block& b) { b.body.runs[0].link = -1; },
                                                            [](Block& b) { b.body.runs.clear(); },
                                                            [](Block& b) { b.body.links[0] = "y"; },
                                                            [](Block& b) { b.table.columns.clear(); },
                                                            [](Block& b) { b.table.rows.clear(); },
                                                            [](Block& b) { b.table.rows[0].emplace_back(); },
                                                            [](Block& b) { b.listDepth = 1; },
                                                            [](Block& b) { b.quoteDepth = 1; },
                                                            [](Block& b) { b.marker = "1."; },
                                                            [](Block& b) { b.task = Task::done; },
                                                            [](Block& b) { b.tight = !b.tight; }};
  for (size_t i = 0; i < changes.size(); ++i) {
    Block other = block;
    changes[i](other);
    EXPECT_FALSE(block == other) << i;
  }
}

// What is over the limit is shown as it was written, in pieces that hold whole code points.
TEST(MarkdownBlocks, aHugeTextIsCutBetweenCodePoints) {
  std::string source = "x";
  while (source.size() <= kMaxParseBytes) source += "\xE2\x82\xAC";
  std::string joined;
  for (const Block& block : parse(source)) {
    EXPECT_EQ(block.kind, BlockKind::paragraph);
    EXPECT_NE(uint8_t(block.body.text[0]) & 0xC0, 0x80);
    joined += block.body.text;
  }
  EXPECT_EQ(joined, source);
  // Bytes that are no text have no such place.
  const std::string broken(kMaxParseBytes + 1, '\x80');
  joined.clear();
  for (const Block& block : parse(broken)) joined += block.body.text;
  EXPECT_EQ(joined, broken);
  EXPECT_TRUE(parse(std::string(kMaxParseBytes + 1, '\n')).empty());
}

// However a text is cut, it ends as it does in one piece.
TEST(MarkdownStream, listsFencesAndDefinitionsInAnyCut) {
  const std::string sources[] = {"-\n- a\n\n- b\n\nc\n",
                                 "1) a\n\n2) b\n\n1234567890. c\n\n12 d\n",
                                 "+\ta\n*b*\n\n-c\n\n--\n",
                                 "~~~\na\n```\n~~\n~~~~\n\nb\n",
                                 "```a`b\n\nc\n\n```\nd\n`` \n```` \n\ne\n",
                                 "[a]: x\n\n[a] [b]\n\n[b]: y\n",
                                 " \t \n\n   a\n\n\tb\n\nc",
                                 "> a\n\n> b\n\n# c\n\n| a | b |\n|---|---|\n| c |\n\nd\n",
                                 "``\n\n~~\n\n`\n\na\n"};
  for (const std::string& source : sources) {
    for (size_t size = 1; size <= source.size(); ++size) {
      Stream stream;
      for (size_t at = 0; at < source.size(); at += size) stream.append(std::string_view(source).substr(at, size));
      EXPECT_EQ(stream.append(""), stream.blocks().size());
      stream.finish();
      EXPECT_TRUE(stream.blocks() == parse(source)) << source << " by " << size;
    }
  }
}

}  // namespace
}  // namespace lemma::markdown
