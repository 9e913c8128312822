#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "engine/text/part_splitter.h"
#include "engine/text/stop_matcher.h"
#include "engine/text/utf8_stream.h"

namespace lemma {
namespace {

std::string wholeUtf8(std::string_view bytes) {
  Utf8Stream s;
  std::string out(s.push(bytes));
  return out + s.flush();
}

TEST(Utf8Stream, wholeCodePointsOnly) {
  Utf8Stream s;
  EXPECT_EQ(s.push("a\xF0\x9F"), "a");
  EXPECT_EQ(s.push("\xA4"), "");
  EXPECT_EQ(s.push("\x94z"), "\xF0\x9F\xA4\x94z");
  EXPECT_EQ(s.flush(), "");
  EXPECT_EQ(s.push("\xC3"), "");
  EXPECT_EQ(s.flush(), "\xEF\xBF\xBD");
  EXPECT_EQ(s.flush(), "");
}

// The rows are Unicode's own cases (15.0, section 3.9): how many U+FFFD, and what is kept.
TEST(Utf8Stream, illFormed) {
  const std::string r = "\xEF\xBF\xBD";
  const struct {
    std::string_view in;
    std::string want;
  } cases[] = {
      {"\x80", r},
      {"\xC0\xAF", r + r},
      {"\xC1\x81", r + r},
      {"\xE0\x80\xAF", r + r + r},
      {"\xED\xA0\x80", r + r + r},
      {"\xF4\x90\x80\x80", r + r + r + r},
      {"\xF5\x80", r + r},
      {"\xFF\xFE", r + r},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", r + r + r + r + "A"},
      {"\xC3(", r + "("},
      {"\xF0\x9F\x98 ok", r + " ok"},
      {"\xE2\x82\xE2\x82\xAC", r + "\xE2\x82\xAC"},
      {std::string_view("\0x", 2), std::string("\0x", 2)},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(wholeUtf8(c.in), c.want);
    for (size_t cut = 0; cut <= c.in.size(); ++cut) {
      Utf8Stream s;
      std::string out(s.push(c.in.substr(0, cut)));
      out += s.push(c.in.substr(cut));
      EXPECT_EQ(out + s.flush(), c.want) << "cut at " << cut;
    }
  }
}

TEST(Utf8Stream, everyCodePointPassesUnchanged) {
  Utf8Stream s;
  for (uint32_t cp = 1; cp <= 0x10FFFF; cp += cp < 0x3000 ? 1 : 97) {
    if (cp >= 0xD800 && cp <= 0xDFFF) continue;
    std::string u;
    if (cp < 0x80) {
      u = {char(cp)};
    } else if (cp < 0x800) {
      u = {char(0xC0 | cp >> 6), char(0x80 | (cp & 63))};
    } else if (cp < 0x10000) {
      u = {char(0xE0 | cp >> 12), char(0x80 | (cp >> 6 & 63)), char(0x80 | (cp & 63))};
    } else {
      u = {char(0xF0 | cp >> 18), char(0x80 | (cp >> 12 & 63)), char(0x80 | (cp >> 6 & 63)), char(0x80 | (cp & 63))};
    }
    std::string out;
    for (size_t i = 0; i < u.size(); ++i) {
      out += s.push(u.substr(i, 1));
      ASSERT_TRUE(i + 1 == u.size() || out.empty());
    }
    ASSERT_EQ(out, u) << cp;
  }
}

struct Stopped {
  std::string text;
  bool stopped;
  bool operator==(const Stopped&) const = default;
};

Stopped runStops(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopMatcher m(stops);
  Stopped all{"", false};
  for (const std::string& p : pieces) {
    const StopMatcher::Out out = m.push(p);
    all.text += out.text;
    all.stopped = out.stopped;
  }
  if (!all.stopped) all.text += m.flush();
  return all;
}

TEST(StopMatcher, cutsBeforeTheStop) {
  EXPECT_EQ(runStops({"END"}, {"one E", "N", "D two"}), (Stopped{"one ", true}));
  EXPECT_EQ(runStops({"END"}, {"one EN"}), (Stopped{"one EN", false}));
  EXPECT_EQ(runStops({"END"}, {"EEND"}), (Stopped{"E", true}));
  EXPECT_EQ(runStops({"aab"}, {"aaab"}), (Stopped{"a", true}));
  EXPECT_EQ(runStops({"abcd", "bc"}, {"xabcd"}), (Stopped{"xa", true}));    // complete first
  EXPECT_EQ(runStops({"bc", "abc"}, {"xabcd"}), (Stopped{"x", true}));      // longest of those complete at one place
  EXPECT_EQ(runStops({"", "\n\n"}, {"a\n", "\nb"}), (Stopped{"a", true}));  // empty strings never stop
  EXPECT_EQ(runStops({}, {"a"}), (Stopped{"a", false}));
  StopMatcher m({"x"});
  EXPECT_TRUE(m.push("x").stopped);
  EXPECT_EQ(m.push("y"), (StopMatcher::Out{"", true}));
}

TEST(StopMatcher, holdsBackNoMoreThanItMust) {
  StopMatcher m({"\nUser:"});
  EXPECT_EQ(m.push("hello\nUs").text, "hello");
  EXPECT_EQ(m.push("e ").text, "\nUse ");
  EXPECT_EQ(m.push("\n").text, "");
  EXPECT_EQ(m.flush(), "\n");
}

TEST(StopMatcher, anyCutGivesTheSame) {
  std::mt19937 rng(7);
  const auto word = [&](size_t longest) {
    std::string s;
    for (size_t n = rng() % (longest + 1); n > 0; --n) s += char('a' + rng() % 3);
    return s;
  };
  int stopped = 0;
  for (int round = 0; round < 2000; ++round) {
    const std::vector<std::string> stops{word(6), word(6), word(4)};
    const std::string text = word(24);
    const Stopped whole = runStops(stops, {text});
    stopped += whole.stopped;
    if (!whole.stopped) {
      ASSERT_EQ(whole.text, text);
    } else {
      ASSERT_EQ(text.substr(0, whole.text.size()), whole.text);
    }
    std::vector<std::string> pieces;
    for (size_t i = 0; i < text.size();) {
      const size_t n = 1 + rng() % 4;
      pieces.push_back(text.substr(i, n));
      i += n;
    }
    ASSERT_EQ(runStops(stops, pieces), whole) << text;
  }
  EXPECT_GT(stopped, 200);
}

std::vector<PartDelta> list(std::span<const PartDelta> parts) { return {parts.begin(), parts.end()}; }

TEST(PartSplitter, stateFollowsTheStream) {
  PartSplitter s(true);
  EXPECT_TRUE(s.inThink());
  EXPECT_EQ(list(s.push("a")), (std::vector<PartDelta>{{PartKind::think, "a", 0}}));
  EXPECT_FALSE(s.thoughtClosed());
  EXPECT_TRUE(s.push("</think>").empty());
  EXPECT_FALSE(s.inThink());
  EXPECT_TRUE(s.thoughtClosed());
}

TEST(PartSplitter, holdsBackOnlyWhatMayBeATag) {
  PartSplitter s(false);
  EXPECT_EQ(s.push("if a <").size(), 1u);
  EXPECT_EQ(list(s.push(" b <")),
            (std::vector<PartDelta>{{PartKind::answer, " b <", 0}}));                     // no tag counts in mid-line
  EXPECT_EQ(list(s.push("\n<")), (std::vector<PartDelta>{{PartKind::answer, "\n", 0}}));  // here one would
  EXPECT_EQ(list(s.push("t")), (std::vector<PartDelta>{}));
  EXPECT_EQ(list(s.push("d")), (std::vector<PartDelta>{{PartKind::answer, "<td", 0}}));
}

TEST(PartSplitter, resumesAThoughtAndAnAnswer) {
  PartSplitter think(false);
  think.resume(PartKind::think, "First");
  EXPECT_EQ(list(think.push("\n\nthen</think>\n\nso")),
            (std::vector<PartDelta>{{PartKind::think, "\n\nthen", 0}, {PartKind::answer, "so", 0}}));
  PartSplitter answer(false);
  answer.resume(PartKind::answer, "Look:\n```xml\n");
  EXPECT_EQ(list(answer.push("<think>\n```\n<think>b")),
            (std::vector<PartDelta>{{PartKind::answer, "<think>\n```\n", 0}, {PartKind::think, "b", 0}}));
}

TEST(ThinkTags, theOpenThoughtIsTheLastOneNotClosed) {
  EXPECT_EQ(openThought("<|Assistant|>"), nullptr);
  EXPECT_EQ(openThought("<think>\n\n</think>\n\n"), nullptr);
  ASSERT_NE(openThought("x<think>\n"), nullptr);
  EXPECT_EQ(openThought("x<think>\n")->close, "</think>");
  EXPECT_EQ(openThought("<think>a</think><think>\n")->open, "<think>");
  EXPECT_EQ(openThought("<think><|channel>thought\n")->close, "<channel|>");
}

}  // namespace
}  // namespace lemma
