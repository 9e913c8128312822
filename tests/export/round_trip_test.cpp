// What is exported comes back as it was: values, bytes, and no conversation twice.
#include "storage/export/transfer.h"
#include "tests/export/import.h"
#include "tests/export/some_trees.h"
#include "tests/storage/fault_vfs.h"
#include "tests/storage/fixture.h"

namespace lemma::storage {
namespace {

const ExportHead kHead{"Lemma 0.1.0", 1'800'000'000'000};

std::string fileOf(const std::vector<ConversationTree>& trees) {
  std::vector<std::string> lines;
  for (const ConversationTree& tree : trees) lines.push_back(toJson(tree));
  return conversationsFile(lines, kHead).value_or("");
}

class ExportTest : public StoreTest {
 protected:
  Result<Store> openOther(const std::string& name) {
    return Store::open(folder_ / name, {.clock = [this] { return now_; }});
  }
  // Versions, an edited question, a thought, an error, a stopped and a failed answer, settings, a title by hand.
  void fillRich(Store& store) {
    const ConversationId first = ids_.conversation(), second = ids_.conversation();
    Sending asked = question("Why?", first, true);
    turn(store, asked, "Because.\n```c\nint x;\n```");
    ASSERT_OK(store.rename(first, "Why \U0001f9e0", true));
    const MessageId again = ids_.message();
    ASSERT_OK(store.regenerate(asked.answer, again, someSnapshot()));
    const DraftDelta delta{PartKind::think, "hm", 1, now_ + 5};
    ASSERT_OK(store.appendDraft(again, std::span(&delta, 1)));
    AnswerStats stats;
    stats.seed = ~uint64_t{0};
    stats.genTps = 12.3456789;
    ASSERT_OK(store.seal({.message = again,
                          .state = MessageState::failed,
                          .stopReason = "error",
                          .stats = stats,
                          .extra = {{.kind = PartKind::error, .text = "It broke.", .json = R"({"code": 7})"}}}));
    Sending edited = question("Why not?", first);
    edited.editOf = asked.question;
    now_ += 1000;
    turn(store, edited, "No reason.");
    turn(store, question("And?", first), "Nothing more.");
    ASSERT_OK(store.setSetting(Store::Scope::conversation, first.str(), "think", SettingValue(std::string("high"))));
    ASSERT_OK(store.setSetting(Store::Scope::conversation, first.str(), "temperature", SettingValue(1.0)));
    ASSERT_OK(store.showBranch(asked.question));
    now_ += 1000;
    turn(store, question("Second", second, true), "Yes.");
    first_ = first;
    second_ = second;
    answer_ = asked.answer;
  }
  ConversationId first_, second_;
  MessageId answer_;
};

TEST_F(ExportTest, aRichStoreComesBackByteForByte) {
  TAKE(store, open());
  ASSERT_NO_FATAL_FAILURE(fillRich(store));
  TAKE(file, exportConversations(store, {}, kHead));
  TAKE(other, openOther("other.db"));
  TAKE(report, importConversations(other, file));
  EXPECT_EQ(report, (ImportReport{.imported = 2}));
  TAKE(again, exportConversations(other, {}, kHead));
  EXPECT_EQ(again, file);
  for (const ConversationId id : {first_, second_}) {
    TAKE(here, store.load(id));
    TAKE(there, other.load(id));
    EXPECT_EQ(here, there) << "what the window shows, versions too";
  }
  EXPECT_NE(file.find("\"state\":\"failed\""), std::string::npos);
  EXPECT_NE(file.find("18446744073709551615"), std::string::npos);
  EXPECT_NE(file.find(R"("details":"{\"code\": 7}")"), std::string::npos) << "with its blank";
  EXPECT_EQ(std::count(file.begin(), file.end(), '\n'), 4) << "a line each";
}

TEST_F(ExportTest, twoThousandDrawnConversationsComeBack) {
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    SomeTrees some(seed);
    const std::vector<ConversationTree> trees = {some.tree(), some.tree()};
    TAKE(back, conversationsFromFile(fileOf(trees)));
    ASSERT_EQ(back, trees) << "seed " << seed;
    ASSERT_EQ(fileOf(back), fileOf(trees)) << "seed " << seed;
  }
}

TEST_F(ExportTest, drawnConversationsComeBackThroughStores) {
  TempFolder memory(true);
  std::vector<ConversationTree> all;
  for (uint32_t round = 0; round < 20; ++round) {
    SomeTrees some(round);
    for (int i = 0; i < 10; ++i) all.push_back(some.tree());
    for (size_t i = all.size() - 10; i < all.size(); ++i) all[i].conversation.updatedAt = Millis(1000 - i);
  }
  TAKE(first, Store::open(memory / "first.db"));
  TAKE(report, first.importTrees(all));
  EXPECT_EQ(report, (ImportReport{.imported = 200}));
  TAKE(file, exportConversations(first, {}, kHead));
  EXPECT_EQ(file, fileOf(all));
  TAKE(second, Store::open(memory / "second.db"));
  TAKE(copied, importConversations(second, file));
  EXPECT_EQ(copied, (ImportReport{.imported = 200}));
  TAKE(again, exportConversations(second, {}, kHead));
  EXPECT_EQ(again, file);
}

TEST_F(ExportTest, nothingIsBroughtInTwice) {
  TAKE(store, open());
  ASSERT_NO_FATAL_FAILURE(fillRich(store));
  TAKE(file, exportConversations(store, {}, kHead));
  TAKE(report, importConversations(store, file));
  EXPECT_EQ(report, (ImportReport{.skipped = 2}));

  // Went on after the export: the file's state comes in beside it, once.
  ASSERT_NO_FATAL_FAILURE(turn(store, question("More", second_), "More."));
  for (const ImportReport& expected : {ImportReport{.skipped = 1, .renamed = 1}, ImportReport{.skipped = 2}}) {
    TAKE(next, importConversations(store, file));
    EXPECT_EQ(next, expected);
  }
  TAKE(list, store.conversations());
  ASSERT_EQ(list.size(), 3u);
  const auto copy =
      std::find_if(list.begin(), list.end(), [&](const Conversation& c) { return c.id != first_ && c.id != second_; });
  TAKE(thread, store.load(copy->id));
  ASSERT_EQ(thread.messages.size(), 2u);
  EXPECT_EQ(thread.messages[0].parts[0].text, "Second");
  EXPECT_EQ(thread.conversation.title, "Second");

  // The copy went on too: now another one is made.
  ASSERT_NO_FATAL_FAILURE(turn(store, question("More still", copy->id), "Yes."));
  TAKE(third, importConversations(store, file));
  EXPECT_EQ(third, (ImportReport{.skipped = 1, .renamed = 1}));
}

TEST_F(ExportTest, newIdsKeepVersionsInTheirOrder) {
  TAKE(store, open());
  ASSERT_NO_FATAL_FAILURE(fillRich(store));
  TAKE(file, exportConversations(store, {}, kHead));
  TAKE(before, store.load(first_));
  ASSERT_OK(store.rename(first_, "Another title", true));
  TAKE(report, importConversations(store, file));
  EXPECT_EQ(report, (ImportReport{.skipped = 1, .renamed = 1}));
  TAKE(list, store.conversations());
  const auto copy =
      std::find_if(list.begin(), list.end(), [&](const Conversation& c) { return c.id != first_ && c.id != second_; });
  ASSERT_NE(copy, list.end());
  EXPECT_EQ(copy->title, "Why \U0001f9e0");
  EXPECT_TRUE(copy->titleByPerson);
  TAKE(after, store.load(copy->id));
  ASSERT_EQ(after.messages.size(), before.messages.size());
  for (size_t i = 0; i < after.messages.size(); ++i) {
    EXPECT_EQ(after.messages[i].parts, before.messages[i].parts);
    ASSERT_EQ(after.messages[i].siblings.size(), before.messages[i].siblings.size());
    for (size_t k = 0; k < after.messages[i].siblings.size(); ++k)
      EXPECT_EQ(after.messages[i].siblings[k] == after.messages[i].id,
                before.messages[i].siblings[k] == before.messages[i].id);
  }
  TAKE(settings, store.settings(Store::Scope::conversation, copy->id.str()));
  EXPECT_EQ(settings.size(), 2u);
}

TEST_F(ExportTest, aMessageOfAnotherConversationKeepsItsPlace) {
  TAKE(store, open());
  ASSERT_NO_FATAL_FAILURE(fillRich(store));
  TAKE(tree, store.tree(second_));
  tree.conversation.id = ids_.conversation();
  for (Message& m : tree.messages) m.conversation = tree.conversation.id;
  TAKE(report, store.importTrees(std::span(&tree, 1)));
  EXPECT_EQ(report, (ImportReport{.renamed = 1}));
  TAKE(thread, store.load(second_));
  EXPECT_EQ(thread.messages.size(), 2u);
}

TEST_F(ExportTest, theBinStaysOutAndGivesBack) {
  TAKE(store, open());
  ASSERT_NO_FATAL_FAILURE(fillRich(store));
  TAKE(whole, exportConversations(store, {}, kHead));
  ASSERT_OK(store.remove(second_));
  TAKE(file, exportConversations(store, {}, kHead));
  EXPECT_EQ(file.find(second_.str()), std::string::npos);
  TAKE(report, importConversations(store, whole));
  EXPECT_EQ(report, (ImportReport{.imported = 1, .skipped = 1}));
  TAKE(again, exportConversations(store, {}, kHead));
  EXPECT_EQ(again, whole);

  // A deleted message goes with all that follows it, and where it was shown something else is.
  TAKE(shown, store.load(first_));
  ASSERT_OK(store.removeMessage(shown.messages.front().id));
  TAKE(tree, store.tree(first_));
  EXPECT_EQ(tree.messages.size(), 4u);
  EXPECT_TRUE(tree.conversation.currentLeaf.has_value());
  for (const Message& m : tree.messages) EXPECT_NE(m.id, answer_);
}

TEST_F(ExportTest, oneConversationAlone) {
  TAKE(store, open());
  ASSERT_NO_FATAL_FAILURE(fillRich(store));
  TAKE(file, exportConversations(store, std::span(&second_, 1), kHead));
  TAKE(trees, conversationsFromFile(file));
  ASSERT_EQ(trees.size(), 1u);
  EXPECT_EQ(trees[0].conversation.id, second_);
  const ConversationId none = ids_.conversation();
  EXPECT_EQ(exportConversations(store, std::span(&none, 1), kHead).error().code, Err::notFound);
  TAKE(empty, openOther("empty.db"));
  TAKE(nothing, exportConversations(empty, {}, kHead));
  TAKE(noTrees, conversationsFromFile(nothing));
  EXPECT_TRUE(noTrees.empty());
}

TEST_F(ExportTest, whatStreamsIsInterruptedInTheFile) {
  TAKE(store, open());
  const ConversationId id = ids_.conversation();
  const Sending sending = question("Q", id, true);
  ASSERT_OK(store.send(sending));
  const DraftDelta deltas[] = {{PartKind::think, "so", 1, now_ + 20}, {PartKind::think, " far", 1, now_ + 40}};
  ASSERT_OK(store.appendDraft(sending.answer, deltas));
  TAKE(file, exportConversations(store, {}, kHead));
  TAKE(trees, conversationsFromFile(file));
  const Message& answer = trees[0].messages[1];
  EXPECT_EQ(answer.state, MessageState::interrupted);
  EXPECT_EQ(answer.finishedAt, now_ + 40);
  EXPECT_EQ(answer.parts[0].text, "so far");
  TAKE(report, importConversations(store, file));
  EXPECT_EQ(report, (ImportReport{.skipped = 1}));
}

// Rows as only damage or another build leaves them can be written and read too.
TEST_F(ExportTest, whateverIsWrittenCanBeRead) {
  ConversationTree tree;
  Conversation& c = tree.conversation;
  c.id = ids_.conversation();
  c.title = std::string(4095, 'x') + "\u00e9";
  c.createdAt = -5;
  c.updatedAt = INT64_MAX;
  tree.settings = {{"of_a_newer_build", true}, {"temperature", 99.0}, {"top_p", 0.5}};
  Message m;
  m.id = ids_.message();
  m.stats.promptTokens = -1;
  m.stats.cachedTokens = INT64_MAX;
  m.stats.ttftMs = std::numeric_limits<double>::infinity();
  m.stats.genTps = std::numeric_limits<double>::quiet_NaN();
  m.stopReason = std::string(1000, 'r');
  m.snapshot = "{no json";
  m.parts = {{.mime = std::string(300, 'm'), .text = "cut \xc3", .json = "\"\xff\""}};
  tree.messages = {m};
  TAKE(back, conversationsFromFile(fileOf({tree})));
  const Conversation& read = back[0].conversation;
  EXPECT_EQ(read.title, std::string(4095, 'x')) << "no half of a character";
  EXPECT_EQ(read.createdAt, 0);
  EXPECT_EQ(read.updatedAt, kLastMoment);
  EXPECT_EQ(back[0].settings, (SettingMap{{"top_p", 0.5}}));
  const Message& got = back[0].messages[0];
  EXPECT_EQ(got.stats, AnswerStats());
  EXPECT_EQ(got.stopReason.size(), kMostWord);
  EXPECT_EQ(got.snapshot, "");
  EXPECT_EQ(got.parts[0].mime.size(), kMostWord);
  EXPECT_EQ(got.parts[0].text, "cut \uFFFD");
  EXPECT_EQ(got.parts[0].json, "");
  EXPECT_EQ(fileOf(back), fileOf({tree}));

  TAKE(store, open());
  for (const ImportReport& expected : {ImportReport{.imported = 1}, ImportReport{.skipped = 1}}) {
    TAKE(report, importConversations(store, fileOf({tree})));
    EXPECT_EQ(report, expected);
  }
}

TEST_F(ExportTest, tooMuchForOneFileIsRefused) {
  const std::vector<std::string> lines(5, std::string(60 << 20, ' '));
  const auto file = conversationsFile(lines, kHead);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Err::tooLarge);
  EXPECT_EQ(
      file.error().what,
      "The conversations are larger than 256 MiB together, which is the most that one file can hold; export fewer "
      "at a time.");
}

TEST_F(ExportTest, aLongChainIsNoMatterOfTheStack) {
  ConversationTree tree;
  tree.conversation.id = ids_.conversation();
  for (int i = 0; i < 20'000; ++i) {
    Message m;
    m.id = ids_.message();
    m.conversation = tree.conversation.id;
    if (i > 0) m.parent = tree.messages.back().id;
    tree.messages.push_back(m);
  }
  tree.conversation.currentLeaf = tree.messages.back().id;
  TAKE(back, conversationsFromFile(fileOf({tree})));
  EXPECT_EQ(back[0], tree);
}

// Whatever call on a file fails, everything of an import is there or nothing is, and the next one does it.
TEST_F(ExportTest, aFailingDiskLeavesAllOrNothing) {
  SomeTrees some(7);
  std::vector<ConversationTree> trees;
  for (int i = 0; i < 5; ++i) trees.push_back(some.tree());
  const std::string file = fileOf(trees);
  int failures = 0;
  for (int at = 0; at < 60; ++at) {
    TempFolder memory(true);
    FaultVfs vfs("export" + std::to_string(at));
    TAKE(store, Store::open(memory / "lemma.db", {.vfs = vfs.name()}));
    int calls = 0;
    vfs.judgeBy([&](FileCall call, const std::string&) {
      if (call != FileCall::write && call != FileCall::sync) return SQLITE_OK;
      return calls++ == at ? (call == FileCall::write ? SQLITE_FULL : SQLITE_IOERR_FSYNC) : SQLITE_OK;
    });
    const auto report = importConversations(store, file);
    if (calls <= at) break;
    vfs.judgeBy({});
    TAKE(list, store.conversations());
    EXPECT_EQ(list.size(), report ? 5u : 0u);
    if (report) continue;
    ++failures;
    EXPECT_FALSE(report.error().what.empty());
    TAKE(again, importConversations(store, file));
    EXPECT_EQ(again, (ImportReport{.imported = 5}));
  }
  EXPECT_GT(failures, 2);
}

}  // namespace
}  // namespace lemma::storage
