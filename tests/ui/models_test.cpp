// The item models under Qt's own tester: made empty, filled, streamed into, emptied again.
#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QDateTime>
#include <QSignalSpy>

#include "ui/models/conversation_list_model.h"
#include "ui/models/format.h"
#include "ui/models/message_list_model.h"
#include "ui/models/span_text.h"

namespace lemma::ui {
namespace {

using Tester = QAbstractItemModelTester;
constexpr auto kFatal = Tester::FailureReportingMode::Fatal;

QString text(const QAbstractItemModel& model, int row, int role) { return model.index(row, 0).data(role).toString(); }

QStringList column(const QAbstractItemModel& model, int role) {
  QStringList out;
  for (int row = 0; row < model.rowCount(); ++row) out << text(model, row, role);
  return out;
}

Message question(const QString& id, const QString& content) {
  Message message;
  message.id = id;
  message.parts = {{.kind = PartKind::Answer, .text = content, .details = {}, .tokens = 0, .durationMs = 0}};
  return message;
}

Message streamingAnswer(const QString& id) {
  Message message;
  message.id = id;
  message.role = Role::Assistant;
  message.state = MessageState::Streaming;
  return message;
}

TEST(ConversationListModel, sortsMovesAndSections) {
  const qint64 now = QDateTime(QDate(2026, 10, 15), QTime(12, 0)).toMSecsSinceEpoch();
  constexpr qint64 kDay = 24 * 3600 * 1000LL;
  ConversationListModel model([now] { return now; });
  Tester tester(&model, kFatal);
  EXPECT_EQ(model.rowCount(), 0);
  model.reset(
      {{"c", "C", now - 5 * kDay}, {"a", "A", now - 1000}, {"b", "B", now - kDay}, {"d", "D", now - 90 * kDay}});
  EXPECT_EQ(column(model, ConversationListModel::IdRole), (QStringList{"a", "b", "c", "d"}));
  EXPECT_EQ(column(model, ConversationListModel::SectionRole),
            (QStringList{"Today", "Yesterday", "Last 7 days", "Older"}));
  QSignalSpy resets(&model, &QAbstractItemModel::modelReset);
  model.upsert({"c", "C again", now});
  EXPECT_EQ(column(model, ConversationListModel::TitleRole), (QStringList{"C again", "A", "B", "D"}));
  model.upsert({"e", " \n", now - 2 * kDay});
  EXPECT_EQ(column(model, ConversationListModel::IdRole), (QStringList{"c", "a", "b", "e", "d"}));
  EXPECT_EQ(text(model, 3, ConversationListModel::TitleRole), "New conversation");
  model.upsert({"c", "C", now - 60 * kDay});
  EXPECT_EQ(column(model, ConversationListModel::IdRole), (QStringList{"a", "b", "e", "c", "d"}));
  model.remove("a");
  model.remove("no such");
  EXPECT_EQ(model.rowCount(), 4);
  EXPECT_EQ(resets.count(), 0);
}

class MessageListModelTest : public testing::Test {
 protected:
  QStringList kinds() const { return column(model_, MessageListModel::KindRole); }

  MessageListModel model_;
  Tester tester_{&model_, kFatal};
};

TEST_F(MessageListModelTest, streamsWithoutResetAndTouchesTheLastPartOnly) {
  model_.add(question("q", "Why?"));
  model_.add(streamingAnswer("a"));
  EXPECT_EQ(kinds(), (QStringList{"question", "waiting"}));
  EXPECT_TRUE(model_.generating());

  QSignalSpy resets(&model_, &QAbstractItemModel::modelReset);
  model_.setPromptProgress("a", 16, 48);
  EXPECT_EQ(text(model_, 1, MessageListModel::TextRole), "Reading the conversation: 16 of 48 tokens");
  model_.appendText("a", PartKind::Think, "hm", 1);
  EXPECT_EQ(kinds(), (QStringList{"question", "think"}));
  EXPECT_TRUE(model_.thinking());
  EXPECT_EQ(text(model_, 1, MessageListModel::PanelRole), "preview");

  int lowestChanged = 100;
  QObject::connect(&model_, &QAbstractItemModel::dataChanged, &model_,
                   [&](const QModelIndex& from) { lowestChanged = std::min(lowestChanged, from.row()); });
  model_.appendText("a", PartKind::Think, ", so", 2);
  EXPECT_EQ(lowestChanged, 1);
  EXPECT_EQ(text(model_, 1, MessageListModel::TextRole), "hm, so");

  model_.endThought("a", 1234);
  EXPECT_FALSE(model_.thinking());
  EXPECT_TRUE(model_.generating());
  EXPECT_EQ(text(model_, 1, MessageListModel::HeaderRole), "Thought for 1.2 s");
  EXPECT_EQ(text(model_, 1, MessageListModel::PanelRole), "closed");
  model_.appendText("a", PartKind::Answer, "Because", 1);
  EXPECT_EQ(kinds(), (QStringList{"question", "think", "answer"}));
  lowestChanged = 100;
  model_.appendText("a", PartKind::Answer, " of **it**.", 4);
  EXPECT_GE(lowestChanged, 2);

  Message done = *model_.message("a");
  done.state = MessageState::Complete;
  done.stats.tokensPerSecond = 38.2;
  done.stats.answerTokens = 5;
  model_.replace(done);
  EXPECT_EQ(kinds(), (QStringList{"question", "think", "answer", "footer"}));
  EXPECT_FALSE(model_.generating());
  EXPECT_TRUE(text(model_, 3, MessageListModel::TextRole).startsWith("38.2 tok/s"));
  EXPECT_EQ(model_.textOf("a", PartKind::Answer), "Because of **it**.");
  EXPECT_EQ(resets.count(), 0);
}

TEST_F(MessageListModelTest, blocksSurviveTheEndOfAnAnswer) {
  model_.add(question("q", "Why?"));
  model_.add(streamingAnswer("a"));
  model_.appendText("a", PartKind::Answer, "One.\n\n", 2);
  auto* blocks = model_.index(1, 0).data(MessageListModel::BlocksRole).value<BlockListModel*>();
  ASSERT_TRUE(blocks);
  Tester tester(blocks, kFatal);
  QSignalSpy removed(blocks, &QAbstractItemModel::rowsRemoved);
  model_.appendText("a", PartKind::Answer, "Two `code` and\n", 5);
  model_.appendText("a", PartKind::Answer, "\n```c\nx", 8);
  EXPECT_EQ(column(*blocks, BlockListModel::KindRole), (QStringList{"paragraph", "paragraph", "code"}));
  Message done = *model_.message("a");
  done.state = MessageState::Complete;
  done.parts[0].text = done.parts[0].text.trimmed();
  model_.replace(done);
  EXPECT_EQ(model_.index(1, 0).data(MessageListModel::BlocksRole).value<BlockListModel*>(), blocks);
  EXPECT_EQ(blocks->rowCount(), 3);
  EXPECT_EQ(removed.count(), 0);
}

TEST_F(MessageListModelTest, theHandOnAPanelWins) {
  model_.add(question("q", "Why?"));
  model_.add(streamingAnswer("a"));
  model_.appendText("a", PartKind::Think, "hm", 1);
  model_.togglePanel(1);
  EXPECT_EQ(text(model_, 1, MessageListModel::PanelRole), "open");
  model_.endThought("a", 10);
  model_.appendText("a", PartKind::Answer, "x", 1);
  EXPECT_EQ(text(model_, 1, MessageListModel::PanelRole), "open") << "the answer began, and the panel stays open";
  Message done = *model_.message("a");
  done.state = MessageState::Complete;
  model_.replace(done);
  EXPECT_EQ(text(model_, 1, MessageListModel::PanelRole), "open");
  model_.reset({*model_.message("q"), *model_.message("a")});
  EXPECT_EQ(text(model_, 1, MessageListModel::PanelRole), "open") << "read anew";
  model_.togglePanel(1);
  EXPECT_EQ(text(model_, 1, MessageListModel::PanelRole), "closed");
}

TEST_F(MessageListModelTest, noticeErrorAndContinuing) {
  model_.add(question("q", "Why?"));
  Message answer = streamingAnswer("a");
  answer.turnsLeftOut = 4;
  model_.add(answer);
  EXPECT_EQ(kinds(), (QStringList{"question", "notice", "waiting"}));
  answer.state = MessageState::Failed;
  answer.parts = {
      {.kind = PartKind::Answer, .text = "Bec", .details = {}, .tokens = 1, .durationMs = 0},
      {.kind = PartKind::Error, .text = "Out of memory.", .details = "alloc", .tokens = 0, .durationMs = 0}};
  model_.replace(answer);
  EXPECT_EQ(kinds(), (QStringList{"question", "notice", "answer", "error", "footer"}));
  EXPECT_TRUE(model_.index(4, 0).data(MessageListModel::CanContinueRole).toBool());
  answer.state = MessageState::Streaming;
  answer.parts.removeLast();
  model_.replace(answer);
  EXPECT_EQ(kinds(), (QStringList{"question", "notice", "answer"}));
  model_.appendText("a", PartKind::Answer, "ause", 2);
  EXPECT_EQ(model_.textOf("a", PartKind::Answer), "Because");
  model_.appendText("no such message", PartKind::Answer, "x", 1);
  model_.reset({});
  EXPECT_EQ(model_.rowCount(), 0);
}

TEST(SpanText, linksAreFilteredAndCodeShowsWhatItHides) {
  const auto blocks = markdown::parse(
      "[a](javascript:alert(1)) [b](https://x.org/) [c](file:///etc/passwd) `a\xE2\x80\xAE"
      "b`");
  const SpanText shown = toSpanText(blocks.at(0).body);
  QStringList links;
  for (const TextSpan& span : shown.spans) {
    if (span.style & markdown::kLink) links << span.link;
  }
  EXPECT_EQ(links, (QStringList{"", "https://x.org/", ""}));
  EXPECT_TRUE(shown.text.endsWith("a[U+202E]b")) << shown.text.toStdString();
  EXPECT_EQ(drawable(QStringLiteral("a\u2029b\uFDD0c\uFFFC\x01")), QStringLiteral("a\nb\uFFFDc\uFFFD "));
}

TEST(Format, figures) {
  EXPECT_EQ(formatDuration(12'400), "12.4 s");
  EXPECT_EQ(formatDuration(83'000), "1 min 23 s");
  EXPECT_EQ(formatBytes(98'000'000), "98 MB");
  EXPECT_EQ(formatBytes(4'700'000'000), "4.7 GB");
  EXPECT_EQ(formatShort(482), "482");
  EXPECT_EQ(formatShort(3'100), "3.1k");
  EXPECT_EQ(formatShort(131'072), "131k");
}

}  // namespace
}  // namespace lemma::ui
