#include "tests/storage/fixture.h"

namespace lemma::storage {

TEST_F(StoreTest, questionAndStreamingAnswerAreThereBeforeGenerationStarts) {
  const auto conversation = ids_.conversation();
  const Sending sending = question("What is 2+2?", conversation, true);
  {
    TAKE(store, open());
    EXPECT_TRUE(store.report().created);
    TAKE(sent, store.send(sending));
    EXPECT_EQ(sent.question.parts, sending.parts);
    EXPECT_EQ(sent.answer.state, MessageState::streaming);
    EXPECT_EQ(sent.answer.parent, sending.question);
    EXPECT_EQ(sent.conversation.currentLeaf, sending.answer);
  }
  TAKE(store, open());
  EXPECT_EQ(store.report().interrupted, 1);
  TAKE(thread, store.load(conversation));
  ASSERT_EQ(thread.messages.size(), 2u);
  EXPECT_EQ(thread.messages[0].role, Role::user);
  EXPECT_EQ(thread.messages[0].state, MessageState::complete);
  EXPECT_EQ(thread.messages[0].parts[0].text, "What is 2+2?");
  EXPECT_EQ(thread.messages[1].role, Role::assistant);
  EXPECT_EQ(thread.messages[1].state, MessageState::interrupted);
  TAKE(snapshot, snapshotFromJson(thread.messages[1].snapshot));
  EXPECT_EQ(snapshot, someSnapshot());
}

TEST_F(StoreTest, draftsGrowTypedPartsAndSealKeepsThem) {
  TAKE(store, open());
  const auto conversation = ids_.conversation();
  const Sending s = question("q", conversation, true);
  ASSERT_OK(store.send(s));
  const DraftDelta first[] = {{PartKind::think, "let me ", 2, 100}, {PartKind::think, "see", 1, 200}};
  const DraftDelta second[] = {{PartKind::think, "...", 1, 300}, {PartKind::answer, "It is ", 2, 400}};
  const DraftDelta third[] = {{PartKind::answer, std::string("4\0.", 3), 1, 500}};
  ASSERT_OK(store.appendDraft(s.answer, first));
  ASSERT_OK(store.appendDraft(s.answer, second));
  ASSERT_OK(store.appendDraft(s.answer, third));
  const std::vector<Part> want = {
      {PartKind::think, "text/markdown", "let me see...", "", 4, 100, 300},
      {PartKind::answer, "text/markdown", std::string("It is 4\0.", 9), "", 3, 400, 500},
  };
  TAKE(streaming, store.load(conversation));
  EXPECT_EQ(streaming.messages[1].state, MessageState::streaming);
  EXPECT_EQ(streaming.messages[1].parts, want);

  AnswerStats stats;
  stats.promptTokens = 12;
  stats.thinkTokens = 4;
  stats.seed = 0xFFFFFFFFFFFFFFFFull;
  stats.genTps = 103.5;
  ASSERT_OK(store.seal({.message = s.answer, .state = MessageState::complete, .stopReason = "end", .stats = stats}));
  TAKE(sealed, store.load(conversation));
  EXPECT_EQ(sealed.messages[1].state, MessageState::complete);
  EXPECT_EQ(sealed.messages[1].parts, want);
  EXPECT_EQ(sealed.messages[1].stats, stats);
  EXPECT_EQ(sealed.messages[1].stopReason, "end");
  EXPECT_EQ(sealed.messages[1].finishedAt, now_);
}

TEST_F(StoreTest, finishedTextNeverChanges) {
  TAKE(store, open());
  const Sending s = question("q", ids_.conversation(), true);
  turn(store, s, "done");
  const DraftDelta more[] = {{PartKind::answer, "more", 1, 0}};
  EXPECT_EQ(store.appendDraft(s.answer, more).error().code, Err::badValue);
  EXPECT_EQ(store.seal({.message = s.answer}).error().code, Err::badValue);
  EXPECT_EQ(store.resume(s.answer, {}).error().code, Err::badValue);
  // Not even past the API: the database itself refuses.
  TAKE(raw, Db::open(path(), OpenMode::readWrite));
  EXPECT_EQ(raw.exec("UPDATE part SET text = 'other'").error().code, Err::badValue);
}

TEST_F(StoreTest, continueGoesOnInTheSameMessage) {
  const auto conversation = ids_.conversation();
  const Sending s = question("q", conversation, true);
  {
    TAKE(store, open());
    ASSERT_OK(store.send(s));
    const DraftDelta d[] = {{PartKind::think, "t", 1, 1}, {PartKind::answer, "one ", 1, 2}};
    ASSERT_OK(store.appendDraft(s.answer, d));
  }
  TAKE(store, open());  // as after a crash
  ASSERT_OK(store.resume(s.answer, someSnapshot()));
  const DraftDelta d[] = {{PartKind::answer, "two", 1, 3}};
  ASSERT_OK(store.appendDraft(s.answer, d));
  TAKE(live, store.load(conversation));
  EXPECT_EQ(live.messages[1].state, MessageState::streaming);
  EXPECT_EQ(live.messages[1].parts.at(1).text, "one two");
  const Part error{.kind = PartKind::error, .mime = "text/plain", .text = "The model file vanished."};
  ASSERT_OK(store.seal({.message = s.answer, .state = MessageState::failed, .stopReason = "error", .extra = {error}}));
  TAKE(failed, store.load(conversation));
  ASSERT_EQ(failed.messages[1].parts.size(), 3u);
  EXPECT_EQ(failed.messages[1].parts[2], error);
  // An error, too, can be gone on from; it no longer ends the text then.
  ASSERT_OK(store.resume(s.answer, someSnapshot()));
  const DraftDelta e[] = {{PartKind::answer, " three", 1, 4}};
  ASSERT_OK(store.appendDraft(s.answer, e));
  ASSERT_OK(store.seal({.message = s.answer, .state = MessageState::stopped}));
  TAKE(end, store.load(conversation));
  ASSERT_EQ(end.messages[1].parts.size(), 2u);
  EXPECT_EQ(end.messages[1].parts[1].text, "one two three");
  EXPECT_EQ(end.messages[1].state, MessageState::stopped);
}

TEST_F(StoreTest, branchesAreNewRowsAndCanBeShown) {
  TAKE(store, open());
  const auto conversation = ids_.conversation();
  const Sending first = question("q1", conversation, true);
  turn(store, first, "a1");
  const Sending second = question("q2", conversation);
  turn(store, second, "a2");

  const auto again = ids_.message();
  TAKE(regenerated, store.regenerate(second.answer, again, someSnapshot()));
  ASSERT_EQ(regenerated.messages.size(), 4u);
  EXPECT_EQ(regenerated.messages[3].id, again);
  EXPECT_EQ(regenerated.messages[3].state, MessageState::streaming);
  EXPECT_EQ(regenerated.messages[3].siblings, (std::vector{second.answer, again}));
  ASSERT_OK(store.seal({.message = again}));

  Sending edited = question("q1, better", conversation);
  edited.editOf = first.question;
  TAKE(sent, store.send(edited));
  EXPECT_EQ(sent.question.parent, std::nullopt);
  EXPECT_EQ(sent.question.siblings, (std::vector{first.question, edited.question}));
  ASSERT_OK(store.seal({.message = edited.answer}));
  TAKE(branch, store.load(conversation));
  ASSERT_EQ(branch.messages.size(), 2u);
  EXPECT_EQ(branch.messages[0].parts[0].text, "q1, better");

  TAKE(old, store.showBranch(first.question));  // its newest leaf: the regenerated answer
  ASSERT_EQ(old.messages.size(), 4u);
  EXPECT_EQ(old.messages[3].id, again);
  TAKE(older, store.showBranch(second.answer));
  EXPECT_EQ(older.messages[3].id, second.answer);
  EXPECT_EQ(older.messages[3].parts.at(1).text, "a2");
  TAKE(kept, store.load(conversation));
  EXPECT_EQ(kept, older);
}

TEST_F(StoreTest, aQuestionCanBeAnsweredAgain) {
  TAKE(store, open());
  const auto conversation = ids_.conversation();
  const Sending s = question("q", conversation, true);
  turn(store, s, "a");
  TAKE(without, store.removeMessage(s.answer));
  ASSERT_EQ(without.messages.size(), 1u);
  const auto again = ids_.message();
  TAKE(thread, store.regenerate(s.question, again, someSnapshot()));
  ASSERT_EQ(thread.messages.size(), 2u);
  EXPECT_EQ(thread.messages[1].id, again);
  EXPECT_EQ(thread.messages[1].siblings, std::vector{again});
}

TEST_F(StoreTest, removedMessagesComeBack) {
  TAKE(store, open());
  const auto conversation = ids_.conversation();
  const Sending first = question("q1", conversation, true), second = question("q2", conversation);
  turn(store, first, "a1");
  turn(store, second, "a2");
  TAKE(before, store.load(conversation));
  TAKE(without, store.removeMessage(second.question));
  ASSERT_EQ(without.messages.size(), 2u);
  EXPECT_EQ(without.conversation.currentLeaf, first.answer);
  TAKE(after, store.restoreMessage(second.question));
  EXPECT_EQ(after, before);
  TAKE(nothing, store.removeMessage(first.question));
  EXPECT_TRUE(nothing.messages.empty());
  EXPECT_EQ(nothing.conversation.currentLeaf, std::nullopt);
  TAKE(back, store.restoreMessage(first.question));
  EXPECT_EQ(back.messages.size(), 4u);
}

TEST_F(StoreTest, listIsNewestFirstAndDeletingIsUndone) {
  TAKE(store, open());
  const auto a = ids_.conversation(), b = ids_.conversation(), c = ids_.conversation();
  for (auto id : {a, b, c}) {
    now_ += 1000;
    ASSERT_OK(store.create(id, id.str()));
  }
  now_ += 1000;
  const Sending s = question("q", a);
  turn(store, s, "x");  // a is the newest now
  const auto order = [&store] {
    std::vector<ConversationId> out;
    auto list = store.conversations();
    EXPECT_TRUE(list) << list.error().what;
    if (list)
      for (const auto& conversation : *list) out.push_back(conversation.id);
    return out;
  };
  EXPECT_EQ(order(), (std::vector{a, c, b}));
  now_ += 1000;
  ASSERT_OK(store.rename(b, "renamed", true));  // naming is not news
  ASSERT_OK(store.remove(c));
  EXPECT_EQ(order(), (std::vector{a, b}));
  TAKE(bin, store.bin());
  ASSERT_EQ(bin.size(), 1u);
  EXPECT_EQ(bin[0].deletedAt, now_);
  ASSERT_OK(store.restore(c));
  EXPECT_EQ(order(), (std::vector{a, c, b}));
  EXPECT_EQ(store.remove(ids_.conversation()).error().code, Err::notFound);
  EXPECT_EQ(store.restore(ids_.conversation()).error().code, Err::notFound);
}

TEST_F(StoreTest, aPersonsTitleIsKept) {
  TAKE(store, open());
  const auto id = ids_.conversation();
  ASSERT_OK(store.create(id, ""));
  ASSERT_OK(store.rename(id, "made", false));
  ASSERT_OK(store.rename(id, "given", true));
  ASSERT_OK(store.rename(id, "made again", false));
  TAKE(thread, store.load(id));
  EXPECT_EQ(thread.conversation.title, "given");
  EXPECT_TRUE(thread.conversation.titleByPerson);
}

TEST_F(StoreTest, theBinIsEmptiedAfterThirtyDaysOnly) {
  TAKE(store, open());
  const auto old = ids_.conversation(), young = ids_.conversation(), kept = ids_.conversation();
  for (auto id : {old, young, kept}) turn(store, question("q", id, true), "a");
  const Sending extra = question("more", kept);
  turn(store, extra, "a");
  ASSERT_OK(store.setSetting(Store::Scope::conversation, old.str(), "temperature", SettingValue(0.1)));
  ASSERT_OK(store.remove(old));
  ASSERT_OK(store.removeMessage(extra.question));
  now_ += Store::kBinAge;
  ASSERT_OK(store.remove(young));
  TAKE(none, store.purgeBin(Store::kBinAge));
  EXPECT_EQ(none, 0);
  now_ += 1;
  TAKE(purged, store.purgeBin(Store::kBinAge));
  EXPECT_EQ(purged, 3);  // one conversation, the removed question and its answer
  EXPECT_EQ(store.load(old).error().code, Err::notFound);
  EXPECT_TRUE(store.load(young));
  TAKE(left, store.load(kept));
  EXPECT_EQ(left.messages.size(), 2u);
  EXPECT_EQ(store.restoreMessage(extra.question).error().code, Err::notFound);
  TAKE(settings, store.settings(Store::Scope::conversation, old.str()));
  EXPECT_TRUE(settings.empty());
  EXPECT_TRUE(store.check());
}

TEST_F(StoreTest, detailsMustBeJson) {
  TAKE(store, open());
  Sending s = question("q", ids_.conversation(), true);
  s.parts[0].json = "{broken";
  EXPECT_EQ(store.send(s).error().code, Err::badValue);
  EXPECT_EQ(store.rememberModel({.id = "m", .json = "{broken"}, "/m").error().code, Err::badValue);
  s.parts[0].json = R"({"file":"a.txt"})";
  TAKE(sent, store.send(s));
  EXPECT_EQ(sent.question.parts, s.parts);
}

TEST_F(StoreTest, unknownIdsAreErrorsWithTheIdInThem) {
  TAKE(store, open());
  const auto message = ids_.message();
  const auto conversation = ids_.conversation();
  const auto missing = [](const auto& result, const std::string& id) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Err::notFound);
    EXPECT_NE(result.error().what.find(id), std::string::npos) << result.error().what;
  };
  missing(store.load(conversation), conversation.str());
  missing(store.send(question("q", conversation)), conversation.str());
  missing(store.rename(conversation, "x", true), conversation.str());
  missing(store.regenerate(message, ids_.message(), {}), message.str());
  missing(store.resume(message, {}), message.str());
  missing(store.seal({.message = message}), message.str());
  missing(store.showBranch(message), message.str());
  missing(store.removeMessage(message), message.str());
  TAKE(list, store.conversations());
  EXPECT_TRUE(list.empty());
}

TEST_F(StoreTest, aFailedSendLeavesNothingBehind) {
  TAKE(store, open());
  const auto conversation = ids_.conversation();
  Sending s = question("q", conversation, true);
  s.answer = s.question;  // the second row collides with the first
  EXPECT_EQ(store.send(s).error().code, Err::badValue);
  EXPECT_EQ(store.load(conversation).error().code, Err::notFound);
  turn(store, question("q", conversation, true), "a");
}

TEST_F(StoreTest, settingsAreStoredByScope) {
  TAKE(store, open());
  using S = Store::Scope;
  ASSERT_OK(store.setSetting(S::person, "", "temperature", SettingValue(0.3)));
  ASSERT_OK(store.setSetting(S::model, "m1", "temperature", SettingValue(0.4)));
  ASSERT_OK(store.setSetting(S::model, "m1", "top_k", SettingValue(int64_t{5})));
  ASSERT_OK(store.setSetting(S::model, "m1", "top_k", SettingValue(int64_t{6})));
  TAKE(person, store.settings(S::person, ""));
  TAKE(model, store.settings(S::model, "m1"));
  TAKE(other, store.settings(S::model, "m2"));
  EXPECT_EQ(person, (SettingMap{{"temperature", 0.3}}));
  EXPECT_EQ(model, (SettingMap{{"temperature", 0.4}, {"top_k", int64_t{6}}}));
  EXPECT_TRUE(other.empty());
  ASSERT_OK(store.setSetting(S::model, "m1", "temperature", std::nullopt));
  TAKE(cleared, store.settings(S::model, "m1"));
  EXPECT_EQ(cleared, (SettingMap{{"top_k", int64_t{6}}}));

  EXPECT_EQ(store.setSetting(S::person, "", "temperature", SettingValue(9.0)).error().code, Err::badValue);
  EXPECT_EQ(store.setSetting(S::person, "", "no_such", SettingValue(9.0)).error().code, Err::badValue);
  EXPECT_EQ(store.setSetting(S::person, "m1", "top_k", std::nullopt).error().code, Err::badValue);
  EXPECT_EQ(store.setSetting(S::model, "", "top_k", std::nullopt).error().code, Err::badValue);
}

TEST_F(StoreTest, aModelIsKnownByContentAndItsPlacesAreAList) {
  TAKE(store, open());
  const std::string here = folder_ / "here.gguf", there = folder_ / "there.gguf";
  writeFile(here, "12345");
  writeFile(there, "12345");
  ModelRecord model{.id = "abc", .name = "Tiny", .architecture = "llama", .bytes = 5, .json = R"({"layers":2})"};
  ASSERT_OK(store.rememberModel(model, here));
  now_ += 10;
  ASSERT_OK(store.rememberModel(model, there));
  TAKE(found, store.findModel("abc"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "Tiny");
  EXPECT_EQ(found->json, model.json);
  EXPECT_EQ(found->places, (std::vector<ModelPlace>{{there, now_, true}, {here, now_ - 10, true}}));

  std::filesystem::remove(there);
  writeFile(here, "another model");
  TAKE(moved, store.checkPlaces("abc"));
  ASSERT_TRUE(moved);
  EXPECT_FALSE(moved->places[0].present);  // gone
  EXPECT_FALSE(moved->places[1].present);  // another size
  TAKE(kept, store.findModel("abc"));
  EXPECT_EQ(kept, moved);

  const std::string newPlace = folder_ / "moved.gguf";
  writeFile(newPlace, "12345");
  now_ += 10;
  ASSERT_OK(store.rememberModel(model, newPlace));  // found again
  TAKE(again, store.checkPlaces("abc"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->places[0], (ModelPlace{newPlace, now_, true}));

  // Another model at the same path: the first one is no longer there.
  ASSERT_OK(store.rememberModel({.id = "def", .name = "Other", .architecture = "llama", .bytes = 13}, newPlace));
  TAKE(replaced, store.findModel("abc"));
  ASSERT_TRUE(replaced);
  EXPECT_FALSE(replaced->places[0].present);
  now_ += 1;
  ASSERT_OK(store.rememberModel(model, here));
  TAKE(all, store.models());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].id, "abc");
  ASSERT_OK(store.forgetModel("abc"));
  TAKE(gone, store.findModel("abc"));
  EXPECT_FALSE(gone);
  EXPECT_TRUE(std::filesystem::exists(here));
}

TEST_F(StoreTest, stateIsVersionedJson) {
  {
    TAKE(store, open());
    TAKE(none, store.state("window"));
    EXPECT_FALSE(none);
    ASSERT_OK(store.setState("window", R"({"version":1,"width":1360})"));
    ASSERT_OK(store.setState("window", R"({"version":1,"width":1000})"));
    for (const char* bad : {"", "[]", "{}", R"({"version":"1"})", "{"})
      EXPECT_EQ(store.setState("window", bad).error().code, Err::badValue) << bad;
  }
  TAKE(store, open());
  TAKE(state, store.state("window"));
  EXPECT_EQ(state, R"({"version":1,"width":1000})");
}

}  // namespace lemma::storage
