// Files of conversations that somebody broke: one sentence each, which begins with the path of the key.
#include "storage/export/bounded_json.h"
#include "tests/export/import.h"
#include "tests/storage/fixture.h"

namespace lemma::storage {
namespace {

constexpr char kId[] = "018f0000-0000-7000-8000-000000000001";
constexpr char kMessage[] = "018f0000-0000-7000-8000-000000000002";
constexpr char kOther[] = "018f0000-0000-7000-8000-000000000003";

// A right file, as values that a row of the table changes.
nlohmann::ordered_json rightFile() {
  const nlohmann::ordered_json part = {{"kind", "text"},        {"mime", "text/plain"}, {"text", "Why?"},
                                       {"details", {{"a", 1}}}, {"tokens", 2},          {"started_at", 1},
                                       {"ended_at", 2}};
  const nlohmann::ordered_json stats = {{"prompt_tokens", 5}, {"seed", 7}, {"ttft_ms", 1.5}};
  const nlohmann::ordered_json first = {{"id", kMessage},       {"parent", nullptr}, {"role", "user"},
                                        {"state", "complete"},  {"created_at", 3},   {"finished_at", 4},
                                        {"stop_reason", "end"}, {"stats", stats},    {"made_with", {{"schema", "x"}}},
                                        {"parts", {part}}};
  nlohmann::ordered_json second = first;
  second["id"] = kOther;
  second["parent"] = kMessage;
  const nlohmann::ordered_json conversation = {{"id", kId},
                                               {"title", "T"},
                                               {"title_by_person", true},
                                               {"created_at", 1},
                                               {"updated_at", 2},
                                               {"current", kOther},
                                               {"settings", {{"temperature", 0.5}, {"of_tomorrow", 1}}},
                                               {"messages", {first, second}},
                                               {"unknown", {1, 2}}};
  return {{"schema", "lemma.conversations/1"}, {"conversations", {conversation}}, {"also_unknown", "x"}};
}

struct Change {
  const char* at;     // a JSON pointer
  const char* value;  // JSON; nothing: the key is taken away
  const char* says;
};

constexpr Change kChanges[] = {
    {"", "[]", "The file must be a JSON object."},
    {"/schema", nullptr, "schema: is missing."},
    {"/schema", "5", "schema: must be a text."},
    {"/schema", R"("lemma.answer/1")", "schema: must be lemma.conversations/1."},
    {"/schema", R"("lemma.conversations/2")",
     "schema: lemma.conversations/2 is of another Lemma than this one, which reads lemma.conversations/1; try it with "
     "a "
     "newer Lemma."},
    {"/conversations", nullptr, "conversations: is missing."},
    {"/conversations", "{}", "conversations: must be a list."},
    {"/conversations/0", "7", "conversations[0]: must be an object."},
    {"/conversations/1", "null", "conversations[1]: must be an object."},
    {"/conversations/0/id", nullptr, "conversations[0].id: is missing."},
    {"/conversations/0/id", "1", "conversations[0].id: must be a UUID."},
    {"/conversations/0/id", R"("018f0000-0000-7000-8000-00000000000g")", "conversations[0].id: must be a UUID."},
    {"/conversations/0/id", R"("018f000000007000800000000000000001")", "conversations[0].id: must be a UUID."},
    {"/conversations/0/title", nullptr, "conversations[0].title: is missing."},
    {"/conversations/0/title", "[]", "conversations[0].title: must be a text."},
    {"/conversations/0/title_by_person", "1", "conversations[0].title_by_person: must be true or false."},
    {"/conversations/0/created_at", nullptr, "conversations[0].created_at: is missing."},
    {"/conversations/0/created_at", "-1",
     "conversations[0].created_at: must be a whole number from 0 to 253402300799999."},
    {"/conversations/0/updated_at", "1.5",
     "conversations[0].updated_at: must be a whole number from 0 to 253402300799999."},
    {"/conversations/0/updated_at", "18446744073709551615",
     "conversations[0].updated_at: must be a whole number from 0 to 253402300799999."},
    {"/conversations/0/current", R"("x")", "conversations[0].current: must be a UUID."},
    {"/conversations/0/current", R"("018f0000-0000-7000-8000-000000000009")",
     "conversations[0].current: there is no message 018f0000-0000-7000-8000-000000000009."},
    {"/conversations/0/settings", "[]", "conversations[0].settings: must be an object."},
    {"/conversations/0/settings/temperature", "9",
     "conversations[0].settings.temperature: The setting temperature must lie between 0 and 2."},
    {"/conversations/0/settings/temperature", "[9]",
     "conversations[0].settings.temperature: must be a number or a text."},
    {"/conversations/0/settings/think", R"("a lot")",
     "conversations[0].settings.think: The setting think must be off, low, medium, high, max or a number of tokens."},
    {"/conversations/0/messages", nullptr, "conversations[0].messages: is missing."},
    {"/conversations/0/messages", R"("")", "conversations[0].messages: must be a list."},
    {"/conversations/0/messages/1", "[]", "conversations[0].messages[1]: must be an object."},
    {"/conversations/0/messages/0/id", nullptr, "conversations[0].messages[0].id: is missing."},
    {"/conversations/0/messages/1/id", R"("018f0000-0000-7000-8000-000000000002")",
     "conversations[0].messages[1].id: 018f0000-0000-7000-8000-000000000002 stands there twice."},
    {"/conversations/0/messages/1/parent", "0", "conversations[0].messages[1].parent: must be a UUID."},
    {"/conversations/0/messages/1/parent", R"("018f0000-0000-7000-8000-000000000009")",
     "conversations[0].messages[1].parent: there is no message 018f0000-0000-7000-8000-000000000009."},
    {"/conversations/0/messages/1/parent", R"("018f0000-0000-7000-8000-000000000003")",
     "conversations[0].messages[1].parent: the messages follow one another in a ring."},
    {"/conversations/0/messages/0/parent", R"("018f0000-0000-7000-8000-000000000003")",
     "conversations[0].messages[0].parent: the messages follow one another in a ring."},
    {"/conversations/0/messages/0/role", nullptr, "conversations[0].messages[0].role: is missing."},
    {"/conversations/0/messages/0/role", R"("owner")",
     "conversations[0].messages[0].role: must be one of system, user, assistant, tool."},
    {"/conversations/0/messages/0/state", "true", "conversations[0].messages[0].state: must be a text."},
    {"/conversations/0/messages/0/state", R"("streaming")",
     "conversations[0].messages[0].state: nothing streams in a file."},
    {"/conversations/0/messages/0/state", R"("done")",
     "conversations[0].messages[0].state: must be one of streaming, complete, stopped, interrupted, failed."},
    {"/conversations/0/messages/0/created_at", R"("now")",
     "conversations[0].messages[0].created_at: must be a whole number from 0 to 253402300799999."},
    {"/conversations/0/messages/0/finished_at", "253402300800000",
     "conversations[0].messages[0].finished_at: must be a whole number from 0 to 253402300799999."},
    {"/conversations/0/messages/0/stop_reason", "[]", "conversations[0].messages[0].stop_reason: must be a text."},
    {"/conversations/0/messages/0/stats", "3", "conversations[0].messages[0].stats: must be an object."},
    {"/conversations/0/messages/0/stats/prompt_tokens", "9007199254740993",
     "conversations[0].messages[0].stats.prompt_tokens: must be a whole number from 0 to 9007199254740992."},
    {"/conversations/0/messages/0/stats/seed", "-7",
     "conversations[0].messages[0].stats.seed: must be a whole number of 64 bits."},
    {"/conversations/0/messages/0/stats/ttft_ms", "1e300",
     "conversations[0].messages[0].stats.ttft_ms: must be a number of at most 1e15."},
    {"/conversations/0/messages/0/stats/ttft_ms", "{}",
     "conversations[0].messages[0].stats.ttft_ms: must be a number of at most 1e15."},
    {"/conversations/0/messages/0/made_with", "1", "conversations[0].messages[0].made_with: must be a text."},
    {"/conversations/0/messages/0/made_with", R"("{")",
     "conversations[0].messages[0].made_with: must be an object, a list, or a text that holds JSON."},
    {"/conversations/0/messages/0/parts", nullptr, "conversations[0].messages[0].parts: is missing."},
    {"/conversations/0/messages/0/parts/0", R"("Why?")", "conversations[0].messages[0].parts[0]: must be an object."},
    {"/conversations/0/messages/0/parts/0/kind", R"("video")",
     "conversations[0].messages[0].parts[0].kind: must be one of text, think, answer, attachment, tool, error."},
    {"/conversations/0/messages/0/parts/0/mime", nullptr, "conversations[0].messages[0].parts[0].mime: is missing."},
    {"/conversations/0/messages/0/parts/0/text", "null", "conversations[0].messages[0].parts[0].text: is missing."},
    {"/conversations/0/messages/0/parts/0/text", "1", "conversations[0].messages[0].parts[0].text: must be a text."},
    {"/conversations/0/messages/0/parts/0/details", R"("")",
     "conversations[0].messages[0].parts[0].details: must be an object, a list, or a text that holds JSON."},
    {"/conversations/0/messages/0/parts/0/tokens", "-1",
     "conversations[0].messages[0].parts[0].tokens: must be a whole number from 0 to 9007199254740992."},
    {"/conversations/0/messages/0/parts/0/ended_at", "{}",
     "conversations[0].messages[0].parts[0].ended_at: must be a whole number from 0 to 253402300799999."},
};

std::string sentenceOf(std::string_view bytes) {
  const auto read = conversationsFromFile(bytes);
  return read ? "" : read.error().what;
}

TEST(HostileExport, theRightFileIsReadAndKeysOfTomorrowArePassedOver) {
  TAKE(trees, conversationsFromFile(rightFile().dump()));
  ASSERT_EQ(trees.size(), 1u);
  EXPECT_EQ(trees[0].messages.size(), 2u);
  EXPECT_EQ(trees[0].settings.size(), 1u);
  TAKE(sorted, conversationsFromFile(nlohmann::json::parse(rightFile().dump()).dump(2)));
  EXPECT_EQ(sorted, trees) << "the order of keys is nobody's business";
  TAKE(marked, conversationsFromFile("\xef\xbb\xbf" + rightFile().dump()));
  EXPECT_EQ(marked, trees);
}

// README.md marks with a `?` what may be missing: null says the same, and nothing else of the file changes.
TEST(HostileExport, whatMayBeMissingMayBeNull) {
  struct Optional {
    const char* at;
    void (*forget)(ConversationTree&);
  };
  static constexpr Optional kOptional[] = {
      {"/conversations/0/title_by_person", [](ConversationTree& t) { t.conversation.titleByPerson = false; }},
      {"/conversations/0/current", [](ConversationTree& t) { t.conversation.currentLeaf.reset(); }},
      {"/conversations/0/settings", [](ConversationTree& t) { t.settings.clear(); }},
      {"/conversations/0/settings/temperature", [](ConversationTree& t) { t.settings.erase("temperature"); }},
      {"/conversations/0/messages/0/parent", [](ConversationTree&) {}},
      {"/conversations/0/messages/0/finished_at", [](ConversationTree& t) { t.messages[0].finishedAt.reset(); }},
      {"/conversations/0/messages/0/stop_reason", [](ConversationTree& t) { t.messages[0].stopReason.clear(); }},
      {"/conversations/0/messages/0/stats", [](ConversationTree& t) { t.messages[0].stats = {}; }},
      {"/conversations/0/messages/0/stats/prompt_tokens",
       [](ConversationTree& t) { t.messages[0].stats.promptTokens.reset(); }},
      {"/conversations/0/messages/0/stats/seed", [](ConversationTree& t) { t.messages[0].stats.seed.reset(); }},
      {"/conversations/0/messages/0/stats/ttft_ms", [](ConversationTree& t) { t.messages[0].stats.ttftMs.reset(); }},
      {"/conversations/0/messages/0/made_with", [](ConversationTree& t) { t.messages[0].snapshot.clear(); }},
      {"/conversations/0/messages/0/parts/0/details", [](ConversationTree& t) { t.messages[0].parts[0].json.clear(); }},
      {"/conversations/0/messages/0/parts/0/tokens",
       [](ConversationTree& t) { t.messages[0].parts[0].tokens.reset(); }},
      {"/conversations/0/messages/0/parts/0/started_at",
       [](ConversationTree& t) { t.messages[0].parts[0].startedAt.reset(); }},
      {"/conversations/0/messages/0/parts/0/ended_at",
       [](ConversationTree& t) { t.messages[0].parts[0].endedAt.reset(); }},
  };
  TAKE(whole, conversationsFromFile(rightFile().dump()));
  for (const Optional& optional : kOptional) {
    std::vector<ConversationTree> expected = whole;
    optional.forget(expected[0]);
    const nlohmann::ordered_json::json_pointer at(optional.at);
    auto file = rightFile();
    file[at] = nullptr;
    const auto null = conversationsFromFile(file.dump());
    ASSERT_TRUE(null) << optional.at << ' ' << null.error().what;
    EXPECT_EQ(*null, expected) << optional.at;
    file[at.parent_pointer()].erase(at.back());
    const auto missing = conversationsFromFile(file.dump());
    ASSERT_TRUE(missing) << optional.at << ' ' << missing.error().what;
    EXPECT_EQ(*missing, expected) << optional.at;
  }
}

TEST(HostileExport, everyChangeHasItsSentence) {
  static_assert(std::size(kChanges) > 50);
  for (const Change& change : kChanges) {
    auto file = rightFile();
    const nlohmann::ordered_json::json_pointer at(change.at);
    if (change.value)
      file[at] = nlohmann::ordered_json::parse(change.value);
    else
      file[at.parent_pointer()].erase(at.back());
    const auto read = conversationsFromFile(file.dump());
    ASSERT_FALSE(read) << change.at << ' ' << change.says;
    EXPECT_EQ(read.error().what, change.says) << change.at;
  }
}

TEST(HostileExport, bytesThatAreNoJson) {
  EXPECT_EQ(sentenceOf(""), "The file is not JSON in UTF-8 at byte 1.");
  EXPECT_EQ(sentenceOf("hello"), "The file is not JSON in UTF-8 at byte 1.");
  EXPECT_EQ(sentenceOf("{} {}"), "The file is not JSON in UTF-8 at byte 4.");
  EXPECT_EQ(sentenceOf(std::string("\0\0", 2)), "The file is not JSON in UTF-8 at byte 1.");
  EXPECT_EQ(sentenceOf("{\"conversations\":[{\"title\":\"\xc3\x28\"}]}"),
            "The file is not JSON in UTF-8 at byte 30, in conversations[0].title.");
  EXPECT_EQ(sentenceOf(R"({"conversations":[{"title":"\ud800"}]})"),
            "The file is not JSON in UTF-8 at byte 35, in conversations[0].title.");
  EXPECT_EQ(sentenceOf(R"({"conversations":[{"messages":[1,{"a":NaN}]}]})"),
            "The file is not JSON in UTF-8 at byte 39, in conversations[0].messages[1].a.");
  EXPECT_EQ(sentenceOf(R"({"a":1e999})"), "The file is not JSON in UTF-8 at byte 10, in a.");
}

TEST(HostileExport, everyPrefixIsRefused) {
  const std::string file = rightFile().dump();
  for (size_t length = 0; length < file.size(); ++length)
    EXPECT_FALSE(conversationsFromFile(file.substr(0, length))) << length;
}

TEST(HostileExport, limitsComeBeforeMemory) {
  EXPECT_EQ(sentenceOf(std::string(200'000, '[')),
            "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]["
            "0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]"
            "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: lies "
            "deeper than 64 levels.");
  std::string keys = "{\"a\":{";
  for (int i = 0; i < 300; ++i) keys += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_EQ(sentenceOf(keys), "a.k255: has more than 256 keys.");
  EXPECT_EQ(sentenceOf("{\"" + std::string(257, 'k') + "\":1}"), "The file: has a key longer than 256 bytes.");
  EXPECT_EQ(sentenceOf(R"({"a":{"b":1,"c":2,"b":3}})"), "a.b: stands there twice.");
  EXPECT_EQ(sentenceOf(std::string((256u << 20) + 1, ' ')), "The file is larger than 256 MiB.");

  const auto tooMany = parseBounded("[1,2,3,4]", {.values = 4});
  ASSERT_FALSE(tooMany);
  EXPECT_EQ(tooMany.error().what, "[3]: the file has more than 4 values.");
  EXPECT_EQ(parseBounded("[[]]", {.values = 1}).error().code, Err::tooLarge);
  EXPECT_EQ(parseBounded("1", {.values = 0}).error().what, "The file: the file has more than 0 values.");
  EXPECT_EQ(parseBounded(R"(["abc"])", {.text = 2}).error().what, "[0]: longer than 2 bytes.");

  auto file = rightFile();
  auto& conversation = file["conversations"][0];
  conversation["title"] = std::string(4097, 't');
  EXPECT_EQ(sentenceOf(file.dump()), "conversations[0].title: is longer than 4096 bytes.");
  file = rightFile();
  file["conversations"][0]["messages"][1]["stop_reason"] = std::string(257, 'r');
  EXPECT_EQ(sentenceOf(file.dump()), "conversations[0].messages[1].stop_reason: is longer than 256 bytes.");
  file = rightFile();
  file["conversations"][0]["messages"][1]["parts"][0]["mime"] = std::string(257, 'm');
  EXPECT_EQ(sentenceOf(file.dump()), "conversations[0].messages[1].parts[0].mime: is longer than 256 bytes.");
  file = rightFile();
  file["schema"] = "lemma.conversations/" + std::string(257, '1');
  EXPECT_EQ(sentenceOf(file.dump()), "schema: is longer than 256 bytes.");
  file = rightFile();
  file["conversations"][0]["messages"] = std::vector<int>(1'000'001);
  EXPECT_EQ(sentenceOf(file.dump()), "conversations[0].messages: has more than 1000000 elements.");
  file = rightFile();
  file["conversations"] = std::vector<int>(100'001);
  EXPECT_EQ(sentenceOf(file.dump()), "conversations: has more than 100000 elements.");
  file = rightFile();
  file["conversations"][0]["messages"][0]["parts"] = std::vector<int>(10'001);
  EXPECT_EQ(sentenceOf(file.dump()), "conversations[0].messages[0].parts: has more than 10000 elements.");
  file = rightFile();
  file["conversations"].push_back(file["conversations"][0]);
  EXPECT_EQ(sentenceOf(file.dump()), std::string("conversations[1].id: ") + kId + " stands there twice.");
  file["conversations"][1]["id"] = kOther;
  EXPECT_EQ(sentenceOf(file.dump()),
            std::string("conversations[1].messages[0].id: ") + kMessage + " stands there twice.");
}

class HostileImport : public StoreTest {};

TEST_F(HostileImport, aBrokenFileChangesNothing) {
  TAKE(store, open());
  auto file = rightFile();
  file["conversations"].push_back(7);
  const auto report = importConversations(store, file.dump());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().what, "conversations[1]: must be an object.");
  TAKE(list, store.conversations());
  EXPECT_TRUE(list.empty());
}

}  // namespace
}  // namespace lemma::storage
