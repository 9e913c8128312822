// What one more token costs in a long answer, in counts: what models announce, what they ask of the allocator, which
// properties of the window's items change and how many items are made. The 2,000th token costs what the 200th did.
#include <gtest/gtest.h>

#include <QMetaProperty>
#include <QQuickItem>
#include <QQuickWindow>
#include <QSignalSpy>
#include <QTest>
#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "tests/ui/allocated_bytes.h"
#include "ui/models/message_list_model.h"
#include "ui/scripted/scripted_ports.h"
#include "ui/window/main_window.h"

namespace lemma::ui {
namespace {

constexpr int kParagraph = 40;  // tokens; paragraphs are all alike
constexpr int kEarly = 200, kLate = 2000;

QString tokenOf(int index) {
  if (index % kParagraph == 0) return QStringLiteral("**Paragraph**");
  return index % kParagraph == kParagraph - 1 ? QStringLiteral(" here.\n\n") : QStringLiteral(" again");
}

// Rows that a model says have changed, come or gone.
class Announced {
 public:
  explicit Announced(const QAbstractItemModel& model) {
    const auto range = [this](const QModelIndex&, int first, int last) { rows += last - first + 1; };
    QObject::connect(
        &model, &QAbstractItemModel::dataChanged, &context_,
        [this](const QModelIndex& first, const QModelIndex& last) { rows += last.row() - first.row() + 1; });
    QObject::connect(&model, &QAbstractItemModel::rowsInserted, &context_, range);
    QObject::connect(&model, &QAbstractItemModel::rowsRemoved, &context_, range);
    QObject::connect(&model, &QAbstractItemModel::modelReset, &context_, [this, &model] { rows += model.rowCount(); });
  }
  int rows = 0;

 private:
  QObject context_;
};

struct TokenWork {
  int rows = 0, blocks = 0;
  qint64 bytes = 0;  // asked of the allocator, with what the changed rows give to a view
};

class StreamedWork : public testing::Test {
 protected:
  StreamedWork() {
    Message answer;
    answer.id = "a";
    answer.role = Role::Assistant;
    answer.state = MessageState::Streaming;
    model_.add(answer);
  }

  std::vector<TokenWork> paragraph(PartKind kind, int from) {
    for (; token_ < from; ++token_) model_.appendText("a", kind, tokenOf(token_), token_ + 1);
    auto* blocks =
        kind == PartKind::Answer ? model_.index(0, 0).data(MessageListModel::BlocksRole).value<QObject*>() : nullptr;
    std::vector<TokenWork> work;
    Announced rows(model_);
    std::unique_ptr<Announced> changed;
    if (blocks) changed = std::make_unique<Announced>(*qobject_cast<QAbstractItemModel*>(blocks));
    // A view reads the roles that were named.
    const auto view = QObject::connect(&model_, &QAbstractItemModel::dataChanged, &model_,
                                       [this](const QModelIndex& first, const QModelIndex&, const QList<int>& roles) {
                                         for (const int role : roles) model_.data(first, role);
                                       });
    for (const int end = from + kParagraph; token_ < end; ++token_) {
      const QString text = tokenOf(token_);
      const int rowsBefore = rows.rows, blocksBefore = changed ? changed->rows : 0;
      const qint64 before = test::allocatedBytes();
      model_.appendText("a", kind, text, token_ + 1);
      work.push_back(
          {rows.rows - rowsBefore, (changed ? changed->rows : 0) - blocksBefore, test::allocatedBytes() - before});
    }
    QObject::disconnect(view);
    return work;
  }

  void expectTheSame(PartKind kind) {
    const std::vector<TokenWork> early = paragraph(kind, kEarly), late = paragraph(kind, kLate);
    std::vector<qint64> more;
    for (size_t i = 0; i < early.size(); ++i) {
      EXPECT_EQ(early[i].rows, late[i].rows) << "token " << i;
      EXPECT_EQ(early[i].blocks, late[i].blocks) << "token " << i;
      more.push_back(late[i].bytes - early[i].bytes);
    }
    std::ranges::sort(more);  // a buffer of the text doubles now and then
    EXPECT_LE(more[more.size() * 9 / 10], 64) << "nine tokens of ten ask for more memory";
  }

  MessageListModel model_;
  int token_ = 0;
};

TEST_F(StreamedWork, aTokenOfALongAnswerCostsNoMoreThanOneOfAShortOne) { expectTheSame(PartKind::Answer); }

TEST_F(StreamedWork, aTokenOfALongThoughtCostsNoMoreThanOneOfAShortOne) { expectTheSame(PartKind::Think); }

// Counts the signals by which properties of items tell that they have changed.
class Watcher {
 public:
  void watch(const QObject* object) {
    std::set<int> seen;  // some properties share one
    for (int i = 0; i < object->metaObject()->propertyCount(); ++i) {
      const QMetaProperty property = object->metaObject()->property(i);
      if (!property.hasNotifySignal() || !seen.insert(property.notifySignalIndex()).second) continue;
      spies_.push_back(std::make_unique<QSignalSpy>(object, property.notifySignal()));
    }
  }
  int changes() const {
    int count = 0;
    for (const auto& spy : spies_) count += int(spy->count());
    return count;
  }

 private:
  std::vector<std::unique_ptr<QSignalSpy>> spies_;
};

struct WindowWork {
  int changes = 0, items = 0;
};

int countItems(QQuickItem* item, const std::function<void(QQuickItem*)>& see) {
  see(item);
  int count = 1;
  for (QQuickItem* child : item->childItems()) count += countItems(child, see);
  return count;
}

TEST(WindowWorkTest, aTokenOfALongAnswerMovesNoMoreThanOneOfAShortOne) {
  ScriptedHistory history;
  ScriptedModel model;
  ScriptedChat chat{history, model, 0};
  FixedAppearance appearance;
  model.setKnown({{.id = "m",
                   .name = "Tiny model",
                   .quantisation = "Q4_1",
                   .path = "/m.gguf",
                   .fileBytes = 98'000'000,
                   .contextSize = 8192,
                   .host = {}}});
  appearance.set(false, true);
  Script script;
  for (int i = 0; i < kLate + 2 * kParagraph; ++i) script.answer += tokenOf(i);
  chat.setScript(script);
  MainWindow main(Ports{.chat = &chat, .history = &history, .model = &model, .appearance = &appearance});
  ASSERT_TRUE(main.open());
  QQuickWindow* window = main.window();
  window->requestActivate();
  ASSERT_TRUE(QTest::qWaitForWindowActive(window));
  QTest::qWait(20);
  window->resize(900, 400);  // full, and following its end, long before the first count
  for (const QChar c : QStringLiteral("Why?")) {
    QTest::sendKeyEvent(QTest::Click, window, Qt::Key_unknown, c, Qt::NoModifier);
  }
  QTest::keyClick(window, Qt::Key_Return);
  int token = -(script.promptTokens + 15) / 16;  // the prompt is read first
  const auto until = [&](int wanted) {
    for (; token < wanted && chat.step(); ++token) QCoreApplication::processEvents();
    window->grabWindow();
    QTest::qWait(50);
  };
  const auto paragraph = [&](int from) {
    until(from + 1);  // the item of the paragraph that grows is there
    Watcher watcher;
    const int before = countItems(window->contentItem(), [&](QQuickItem* item) { watcher.watch(item); });
    for (int i = 0; i < kParagraph && chat.step(); ++i, ++token) {
      QCoreApplication::processEvents();
      window->grabWindow();
      QCoreApplication::processEvents();
    }
    return WindowWork{watcher.changes(), countItems(window->contentItem(), [](QQuickItem*) {}) - before};
  };
  const WindowWork early = paragraph(kEarly), late = paragraph(kLate);
  EXPECT_GT(early.changes, 0);
  EXPECT_GT(early.items, 0);
  EXPECT_EQ(early.items, late.items);
  EXPECT_LT(late.changes, early.changes + kParagraph / 4) << early.changes << " before";
  EXPECT_EQ(token, kLate + 1 + kParagraph);
}

}  // namespace
}  // namespace lemma::ui
