// Text made to hurt a parser: bounded in time and in what it makes, whole and streamed. Markdown has no errors: what is
// over a limit comes out as plain text.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/process_meter.h"
#include "ui/markdown/stream.h"

namespace lemma::markdown {
namespace {

constexpr size_t kMegabyte = 1'000'000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kLimit = 5;  // seconds of processor time, since the machine may be busy; quadratic time takes more
#else
constexpr double kLimit = 0.25;
#endif

std::string repeat(std::string_view piece, size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += piece;
  return out;
}

struct Case {
  const char* name;
  std::string text;
};

std::vector<Case> cases() {
  std::string deepList, deepQuote, staircase;
  for (int i = 0; i < 500; ++i) {
    deepList += std::string(size_t(i) * 2, ' ') + "- x\n";
    deepQuote += std::string(size_t(i) + 1, '>') + " x\n\n";
  }
  for (int i = 1; i < 700; ++i) staircase += std::string(size_t(i), '`') + "x";
  std::string deepItems;
  for (int i = 0; i < 400; ++i) deepItems += std::string(size_t(i) * 3, ' ') + "1. x\n";
  std::string wide = repeat("|a", 20'000);
  wide.append("\n").append(repeat("|---", 20'000)).append("\n").append(repeat("|x\n", 20'000));
  std::string fence = "```\n";
  fence.append(repeat("code\n", kMegabyte));
  return {
      {"open links", repeat("[a](b", kMegabyte)},
      {"open brackets", repeat("[", kMegabyte)},
      {"brackets, legal size", repeat("[", kMaxParseBytes - 10)},
      {"links, legal size", repeat("[a](b", kMaxParseBytes - 10)},
      {"images", repeat("![", kMaxParseBytes - 10)},
      {"emphasis", repeat("*a **b _c ", kMaxParseBytes - 10)},
      {"closing emphasis", repeat("a** ", kMaxParseBytes - 10)},
      {"quotes in one line", repeat(">", 50'000)},
      {"quote staircase", deepQuote},
      {"list staircase", deepList},
      {"items in one line", repeat("- ", 50'000)},
      {"backtick staircase", staircase},
      {"open fence", fence},
      {"one long line", repeat("word ", kMegabyte)},
      {"one long word", repeat("x", kMegabyte)},
      {"wide table", wide},
      {"entities", repeat("&#x41;&amp;&", kMaxParseBytes - 10)},
      {"html", repeat("<a href='", kMaxParseBytes - 10)},
      {"comments", repeat("<!--", kMaxParseBytes - 10)},
      {"definitions", repeat("[a]: b\n", kMaxParseBytes - 10)},
      {"references", repeat("[a][b]", kMaxParseBytes - 10)},
      {"autolinks", repeat("www.a.b_", kMaxParseBytes - 10)},
      {"dollars", repeat("$a ", kMaxParseBytes - 10)},
      {"not UTF-8", repeat("\xFF\xC0\x80*\xED\xA0\x80* ", kMaxParseBytes - 10)},
      {"zero bytes", std::string(100'000, '\0')},
      {"blank lines", repeat("\n", kMegabyte)},
      {"paragraphs", repeat("a\n\n", kMegabyte)},
      {"closed links", repeat("[a](b)", kMegabyte)},
      {"links in links", repeat("[", 20'000) + "a" + repeat("](b)", 80'000)},
      {"brackets turned round", repeat("](", kMaxParseBytes - 10)},
      {"emphasis open and shut", repeat("*a_ ", kMaxParseBytes - 10)},
      {"emphasis of one sign", std::string(kMaxParseBytes - 10, '*')},
      {"emphasis inside words", repeat("a*b*c", kMaxParseBytes - 10)},
      {"struck", repeat("~~a ~b", kMaxParseBytes - 10)},
      {"open code spans", repeat("`a ``b ", kMaxParseBytes - 10)},
      {"fences in fences", repeat("````\n```\n", kMegabyte)},
      {"fences in quotes", repeat("> ```\n", kMaxParseBytes - 10)},
      {"quotes and items by turns", repeat("> - ", 50'000)},
      {"numbered items", repeat("1. a\n", kMaxParseBytes - 10)},
      {"items deeper and deeper", deepItems},
      {"many small tables", repeat("|a|\n|-|\n|b|\n\n", kMaxParseBytes - 10)},
      {"a table of bars", "|a|b|\n|-|-|\n" + std::string(200'000, '|')},
      {"headings", repeat("# a\n", kMegabyte)},
      {"underlined", repeat("a\n===\n", kMaxParseBytes - 10)},
      {"rules", repeat("***\n", kMaxParseBytes - 10)},
      {"escapes", repeat("\\*", kMaxParseBytes - 10)},
      {"entities without an end", repeat("&amp", kMaxParseBytes - 10)},
      {"numbers of characters", repeat("&#9999999999;", kMaxParseBytes - 10)},
      {"processing instructions", repeat("<?", kMaxParseBytes - 10)},
      {"sections of data", repeat("<![CDATA[", kMaxParseBytes - 10)},
      {"declarations", repeat("<!A ", kMaxParseBytes - 10)},
      {"addresses of mail", repeat("a@b.", kMaxParseBytes - 10)},
      {"a definition of one name", repeat("[a]: <b> 'c'\n", kMegabyte)},
      {"a definition that goes on", "[a]: b '" + repeat("c\n", kMaxParseBytes - 100)},
      {"tabs", repeat("\t- \t", kMaxParseBytes - 10)},
      {"carriage returns", repeat("\r", kMegabyte)},
  };
}

void expectBounded(const std::vector<Block>& blocks, const Case& c) {
  size_t bytes = 0, cells = 0;
  for (const Block& block : blocks) {
    bytes += block.body.text.size();
    cells += block.table.rows.size() * block.table.columns.size();
    EXPECT_LE(block.listDepth, kMaxDepth) << c.name;
    EXPECT_LE(block.quoteDepth, kMaxDepth) << c.name;
    for (const Run& run : block.body.runs) EXPECT_LE(run.end, block.body.text.size()) << c.name;
  }
  EXPECT_LE(cells, kMaxCells + kMaxBlocks) << c.name;
  EXPECT_LE(bytes, 4 * c.text.size() + 100) << c.name;
}

// Neighbours on the machine slow processor time too, so what took too long is tried again, and the least counts.
template <class Work>
void expectWithinLimit(const Case& c, const Work& work) {
  double least = 0;
  for (int tries = 0; tries < 3 && (tries == 0 || least >= kLimit); ++tries) {
    const double start = test::processorSeconds();
    work();
    const double took = test::processorSeconds() - start;
    least = tries == 0 ? took : std::min(least, took);
  }
  EXPECT_LT(least, kLimit) << c.name;
}

TEST(MarkdownHostile, wholeTextsAreBounded) {
  EXPECT_GE(cases().size(), 40u);
  for (const Case& c : cases()) {
    expectWithinLimit(c, [&] { expectBounded(parse(c.text), c); });
  }
}

TEST(MarkdownHostile, streamsAreBounded) {
  for (const Case& c : cases()) {
    expectWithinLimit(c, [&] {
      Stream stream;
      for (size_t at = 0; at < c.text.size(); at += 4096) stream.append(std::string_view(c.text).substr(at, 4096));
      stream.finish();
      expectBounded(stream.blocks(), c);
    });
  }
}

}  // namespace
}  // namespace lemma::markdown
