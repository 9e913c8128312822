// Replays tests/transcripts/*.txt (format: engine/text/README.md) through PartSplitter, cut in every way.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/text/part_splitter.h"

namespace lemma {
namespace {

struct Transcript {
  bool startsInThink = false;
  const ThinkFormat* opened = nullptr;
  bool endTagOnly = false;
  std::vector<std::string> tokens;
  std::vector<PartDelta> parts;
  std::string text() const {
    std::string all;
    for (const std::string& t : tokens) all += t;
    return all;
  }
};

// Splits at '|' and undoes the escapes.
std::vector<std::string> unescape(const std::string& line) {
  std::vector<std::string> out(1);
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '|') {
      out.emplace_back();
    } else if (line[i] == '\\' && i + 1 < line.size()) {
      ++i;
      out.back() += line[i] == 'n' ? '\n' : line[i] == 't' ? '\t' : line[i] == 'r' ? '\r' : line[i];
    } else {
      out.back() += line[i];
    }
  }
  return out;
}

Transcript read(const std::filesystem::path& path) {
  Transcript t;
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(": ");
    EXPECT_NE(colon, line.npos) << path << ": " << line;
    const std::string key = line.substr(0, colon);
    const std::vector<std::string> value = unescape(line.substr(colon + 2));
    if (key == "start") {
      EXPECT_EQ(value[0], "think") << path;
      t.startsInThink = true;
    } else if (key == "opened") {
      t.startsInThink = true;
      for (const ThinkFormat& f : thinkTags()) {
        if (f.open == value[0]) t.opened = &f;
      }
      EXPECT_NE(t.opened, nullptr) << path << ": " << value[0];
    } else if (key == "tokens") {
      t.tokens.insert(t.tokens.end(), value.begin(), value.end());
    } else if (key == "think" || key == "answer") {
      t.parts.push_back({key == "think" ? PartKind::think : PartKind::answer, value[0], 0});
    } else if (key == "end-tag-only") {
      t.endTagOnly = true;
    } else {
      ADD_FAILURE() << path << ": unknown key " << key;
    }
  }
  return t;
}

void append(std::vector<PartDelta>& all, std::span<const PartDelta> more) {
  for (const PartDelta& d : more) {
    EXPECT_FALSE(d.text.empty());
    if (!all.empty() && all.back().kind == d.kind) {
      all.back().text += d.text;
    } else {
      all.push_back(d);
    }
  }
}

std::vector<PartDelta> replay(const Transcript& t, const std::vector<std::string>& pieces) {
  PartSplitter splitter(t.startsInThink, thinkTags(), t.opened);
  std::vector<PartDelta> all;
  for (const std::string& piece : pieces) append(all, splitter.push(piece));
  append(all, splitter.flush());
  EXPECT_EQ(splitter.endTagOnly(), t.endTagOnly);
  EXPECT_TRUE(splitter.flush().empty());
  return all;
}

std::string show(const std::vector<PartDelta>& parts) {
  std::string s;
  for (const PartDelta& p : parts) s += (p.kind == PartKind::think ? "think: {" : "answer: {") + p.text + "}\n";
  return s;
}

TEST(Transcripts, everyCutGivesTheSameParts) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(LEMMA_TESTS_DIR) + "/transcripts")) {
    if (entry.path().extension() != ".txt") continue;
    ++files;
    SCOPED_TRACE(entry.path().filename().string());
    const Transcript t = read(entry.path());
    const std::string text = t.text();
    const std::string want = show(t.parts);
    EXPECT_EQ(show(replay(t, t.tokens)), want) << "as written";
    EXPECT_EQ(show(replay(t, {text})), want) << "at once";
    std::vector<std::string> bytes;
    for (const char c : text) bytes.emplace_back(1, c);
    EXPECT_EQ(show(replay(t, bytes)), want) << "byte by byte";
    for (const size_t size : {3u, 7u}) {
      std::vector<std::string> chunks;
      for (size_t at = 0; at < text.size(); at += size) chunks.push_back(text.substr(at, size));
      EXPECT_EQ(show(replay(t, chunks)), want) << size << " bytes at a time";
    }
    const size_t step = std::max<size_t>(1, text.size() / 60);
    for (size_t a = 0; a <= text.size(); ++a) {
      ASSERT_EQ(show(replay(t, {text.substr(0, a), text.substr(a)})), want) << "cut at " << a;
      for (size_t b = a; b <= text.size(); b += step) {
        ASSERT_EQ(show(replay(t, {text.substr(0, a), text.substr(a, b - a), text.substr(b)})), want)
            << "cut at " << a << " and " << b;
      }
    }
  }
  EXPECT_GE(files, 30);
}

}  // namespace
}  // namespace lemma
