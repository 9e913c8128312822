#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli/run_program.h"
#include "tests/cli/terminal_session.h"

namespace lemma::cli {
namespace {

const std::string kHeading = "\x1b[2mThinking\r\n", kPlain = "\x1b[0m";

TEST(AskOnATerminal, thoughtIsDimmedUnderAHeading) {
  LEMMA_NEEDS(smolModel(), "the default model");
  TerminalSession session({"ask", "--seed", "7", "--think", "24", "--max-tokens", "16", "What is 2+2?"});
  ASSERT_TRUE(session.waitFor(kHeading)) << session.screen();
  ASSERT_TRUE(session.waitFor(kPlain + "\r\n")) << session.screen();
  EXPECT_GT(session.seen().size(), 20u) << "an empty thought";
  EXPECT_EQ(session.finish(), 0) << session.screen();
  EXPECT_EQ(session.screen().find("<think>"), std::string::npos);
  EXPECT_NE(session.screen().find("tok/s"), std::string::npos);
}

TEST(Chat, turnsRememberEachOther) {
  LEMMA_NEEDS(smolModel(), "the default model");
  TerminalSession session({"chat", "--greedy", "--think", "off", "--max-tokens", "24"});
  ASSERT_TRUE(session.waitFor("> ")) << session.screen();
  EXPECT_NE(session.seen().find("tokens of context"), std::string::npos) << session.seen();
  session.type("My name is Ada.\n");
  ASSERT_TRUE(session.waitFor("tok/s")) << session.screen();
  ASSERT_TRUE(session.waitFor("> ")) << session.screen();
  session.type("What is my name?\n");
  ASSERT_TRUE(session.waitFor("tok/s")) << session.screen();
  EXPECT_NE(session.seen().find("cached"), std::string::npos) << "the first turn was read again: " << session.seen();
  ASSERT_TRUE(session.waitFor("> ")) << session.screen();
  session.type("/new\n");
  ASSERT_TRUE(session.waitFor("A new conversation.")) << session.screen();
  ASSERT_TRUE(session.waitFor("> ")) << session.screen();
  session.type("/quit\n");
  EXPECT_EQ(session.finish(), 0) << session.screen();
}

TEST(Chat, interruptStopsTheAnswerAndTheConversationGoesOn) {
  LEMMA_NEEDS(smolModel(), "the default model");
  TerminalSession session({"chat", "--seed", "5", "--think", "off"});
  ASSERT_TRUE(session.waitFor("> ")) << session.screen();
  session.type("Write a very long story about the sea, in many chapters.\n");
  ASSERT_TRUE(session.waitFor("sea, in many chapters.\r\n")) << session.screen();  // the terminal's echo
  ASSERT_TRUE(session.waitForMore(60)) << session.screen();
  session.type("\x03");
  ASSERT_TRUE(session.waitFor("Stopped; ", std::chrono::seconds(10))) << session.screen();
  ASSERT_TRUE(session.waitFor("> ")) << session.screen();
  session.type("/think off\n");
  ASSERT_TRUE(session.waitFor("> ")) << session.screen();
  session.type("\x04");
  EXPECT_EQ(session.finish(), 0) << session.screen();
}

TEST(Chat, interruptTwiceLeaves) {
  LEMMA_NEEDS(smolModel(), "the default model");
  TerminalSession session({"chat"});
  ASSERT_TRUE(session.waitFor("> ")) << session.screen();
  session.type("\x03");
  ASSERT_TRUE(session.waitFor("Ctrl-C again leaves.")) << session.screen();
  ASSERT_TRUE(session.waitFor("> ")) << session.screen();
  session.type("\x03");
  EXPECT_EQ(session.finish(), 130) << session.screen();
}

TEST(Chat, pipedLines) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const Ran ran =
      runCli({"chat", "--device", "reference", "--kv", "f32", "--greedy", "--think", "off", "--max-tokens", "12"},
             {.input = "What is the capital of France?\n\n/help\nAnd of Italy?"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  const std::string first = "The capital of France is Paris.\n";  // reference class, as in ask
  EXPECT_EQ(ran.out.substr(0, first.size()), first);
  EXPECT_GT(ran.out.size(), first.size());
  EXPECT_EQ(ran.out.find("> "), std::string::npos);
  EXPECT_NE(ran.err.find("/quit"), std::string::npos);
}

}  // namespace
}  // namespace lemma::cli
