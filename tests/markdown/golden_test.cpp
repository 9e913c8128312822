// The text that CommonMark and GFM say a reader sees, against the text of our blocks; and streaming against parsing.
// Structure is md4c's affair; what is ours is that no text is lost, doubled or turned into something else.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ui/markdown/stream.h"

namespace lemma::markdown {
namespace {

const std::filesystem::path kGoldens = std::filesystem::path(LEMMA_TESTS_DIR) / "../../shared/goldens/markdown";

std::string replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t found = std::min(text.find(what, at), text.size());
    out.append(text.substr(at, found - at));
    if (found < text.size()) out.append(with);
    at = found + what.size();
  }
  return out;
}

// What an HTML page of the golden shows: its text and the alt texts of its images.
std::string visible(const std::string& html) {
  std::string out;
  for (size_t at = 0; at < html.size();) {
    if (html[at] != '<') {
      out += html[at++];
      continue;
    }
    const size_t end = html.find('>', at);
    const std::string tag = html.substr(at, end - at);
    if (const size_t alt = tag.find("alt=\""); tag.starts_with("<img") && alt != tag.npos) {
      out += tag.substr(alt + 5, tag.find('"', alt + 5) - alt - 5);
    }
    at = end == html.npos ? html.size() : end + 1;
  }
  out = replaced(replaced(replaced(out, "&lt;", "<"), "&gt;", ">"), "&quot;", "\"");
  return replaced(out, "&amp;", "&");
}

std::string squeezed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!std::isspace(static_cast<unsigned char>(c))) out += c;
  }
  return out;
}

std::string shown(const std::vector<Block>& blocks) {
  std::string out;
  for (const Block& block : blocks) out.append(plainText(block)).append("\n");
  return out;
}

nlohmann::json examples(const char* file) {
  std::ifstream in(kGoldens / file);
  return in ? nlohmann::json::parse(in) : nlohmann::json::array();
}

// Raw HTML is text for us and markup for the golden; rare entities stay as written.
bool applies(const nlohmann::json& example) {
  const std::string markdown = example["markdown"], html = example["html"];
  const std::string section = example.value("section", "");
  if (section == "HTML blocks" || section == "Raw HTML" || section == "Disallowed Raw HTML (extension)") return false;
  if (section == "Entity and numeric character references") return false;
  if (markdown.find('$') != markdown.npos) return false;
  // A tag of the source that survives into the golden.
  for (size_t at = 0; (at = markdown.find('<', at)) != markdown.npos; ++at) {
    const std::string_view rest = std::string_view(markdown).substr(at + 1, 4);
    if (html.find(std::string("<").append(rest)) != html.npos && !rest.starts_with("http")) return false;
  }
  return true;
}

TEST(MarkdownGolden, readersSeeTheSameText) {
  int seen = 0, same = 0;
  std::string different;
  for (const char* file : {"commonmark_spec.json", "gfm_extensions.json"}) {
    for (const auto& example : examples(file)) {
      if (!applies(example)) continue;
      ++seen;
      const std::string markdown = example["markdown"];
      if (squeezed(shown(parse(markdown))) == squeezed(visible(example["html"]))) {
        ++same;
      } else {
        different.append("\n").append(file).append(" ").append(std::to_string(example.value("example", 0)));
        different.append(": ").append(markdown);
      }
    }
  }
  if (seen == 0) GTEST_SKIP() << "the Markdown goldens are not beside the repository";
  RecordProperty("examples", seen);
  // md4c 0.4.8 knows no footnotes, wants three dashes under a table's head and follows the specification before this.
  EXPECT_GE(same, seen - 7) << same << " of " << seen << " alike; different:" << different;
}

TEST(MarkdownGolden, streamingEndsWhereParsingDoes) {
  int seen = 0;
  for (const char* file : {"commonmark_spec.json", "gfm_extensions.json"}) {
    for (const auto& example : examples(file)) {
      const std::string markdown = example["markdown"];
      ++seen;
      Stream stream;
      for (size_t at = 0; at < markdown.size();) {
        size_t next = at + 1;
        while (next < markdown.size() && (uint8_t(markdown[next]) & 0xC0) == 0x80) ++next;
        const std::vector<Block> before = stream.blocks();
        const size_t changed = stream.append(std::string_view(markdown).substr(at, next - at));
        for (size_t i = 0; i < std::min(changed, before.size()); ++i) {
          ASSERT_LT(i, stream.blocks().size());
          ASSERT_EQ(before[i], stream.blocks()[i]) << "said to be untouched: " << markdown;
        }
        at = next;
      }
      stream.finish();
      EXPECT_EQ(stream.blocks(), parse(markdown)) << markdown;
    }
  }
  if (seen == 0) GTEST_SKIP() << "the Markdown goldens are not beside the repository";
}

// An answer as models write them: settled blocks are never parsed again, so they must be right the first time.
TEST(MarkdownStream, settledBlocksAreFinal) {
  const std::string text =
      "# Title\n\nFirst *paragraph*.\n\n- one\n- two\n\n  still two\n\n- three\n\nAfter the list.\n\n```py\nx = 1\n\ny "
      "= 2\n```\n\n> quote\n> on\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nThe end, with [a link][l].\n\n[l]: "
      "https://x.org\n";
  Stream stream;
  size_t lowest = 0;
  for (size_t at = 0; at < text.size(); at += 3) {
    const size_t changed = stream.append(std::string_view(text).substr(at, 3));
    if (changed < stream.blocks().size()) {
      EXPECT_GE(changed + 6, lowest) << "far behind the end at byte " << at;  // a loose list is redrawn as a whole
      lowest = std::max(lowest, changed);
    }
  }
  const std::vector<Block> streamed = stream.blocks();
  const size_t changed = stream.finish();
  EXPECT_EQ(stream.blocks(), parse(text));
  EXPECT_GE(changed + 1, streamed.size()) << "only the last paragraph may learn of its link at the end";
}

TEST(MarkdownStream, nothingFlashesUpAsAHeading) {
  Stream stream;
  stream.append("Some text\n-");
  ASSERT_EQ(stream.blocks().size(), 1u);
  EXPECT_EQ(stream.blocks()[0].kind, BlockKind::paragraph);
  stream.append(" item\n");
  ASSERT_EQ(stream.blocks().size(), 2u);
  EXPECT_EQ(stream.blocks()[1].marker, "•");
}

TEST(MarkdownStream, aLongAnswerIsSettledInPieces) {
  std::string text;
  while (text.size() < 3 * kMaxParseBytes) text += "A paragraph with **strong** words.\n\n";
  Stream stream;
  stream.append(text);
  stream.finish();
  ASSERT_GT(stream.blocks().size(), 1000u);
  for (const Block& block : stream.blocks()) ASSERT_EQ(block.body.runs.size(), 1u);
}

}  // namespace
}  // namespace lemma::markdown
