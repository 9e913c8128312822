// The real window over the scripted ports, driven as a person would: keys, clicks, and names that a screen reader
// reads.
#include <gtest/gtest.h>

#include <QAccessible>
#include <QClipboard>
#include <QGuiApplication>
#include <QQuickItem>
#include <QQuickWindow>
#include <QSet>
#include <QSignalSpy>
#include <QTest>
#include <functional>

#include "ui/pages/chat/chat_page_vm.h"
#include "ui/pages/sidebar/sidebar_vm.h"
#include "ui/scripted/scripted_ports.h"
#include "ui/window/main_window.h"
#include "ui/window/window_vm.h"

namespace lemma::ui {
namespace {

class WindowTest : public testing::Test {
 protected:
  WindowTest() {
    model_.setKnown({{.id = "m",
                      .name = "Tiny model",
                      .quantisation = "Q4_1",
                      .path = "/m.gguf",
                      .fileBytes = 98'000'000,
                      .contextSize = 8192,
                      .host = {}}});
    appearance_.set(false, true);
    chat_.setScript({.thought = "first I think a while\n\nand then some more",
                     .answer = "The **answer** is:\n\n```c\nint x;\n```\n\nThe end.",
                     .failure = {},
                     .promptTokens = 32,
                     .turnsLeftOut = 0});
  }

  void open() {
    main_ = std::make_unique<MainWindow>(
        Ports{.chat = &chat_, .history = &history_, .model = &model_, .appearance = &appearance_});
    ASSERT_TRUE(main_->open());
    window_ = main_->window();
    window_->requestActivate();
    ASSERT_TRUE(QTest::qWaitForWindowActive(window_));
    QTest::qWait(20);
  }

  void addThread(const QString& id, qint64 updatedMs) {
    ScriptedHistory::Thread thread;
    thread.head = {id, id, updatedMs};
    history_.put(thread);
  }

  static QString nameOf(QQuickItem* item) {
    QAccessibleInterface* face = QAccessible::queryAccessibleInterface(item);
    return face ? face->text(QAccessible::Name) : QString();
  }

  static void visit(QQuickItem* item, const std::function<void(QQuickItem*)>& see) {
    if (!item->isVisible()) return;
    see(item);
    for (QQuickItem* child : item->childItems()) visit(child, see);
  }

  // The visible items of that accessible name.
  QList<QQuickItem*> named(const QString& name) {
    QList<QQuickItem*> found;
    visit(window_->contentItem(), [&](QQuickItem* item) {
      if (nameOf(item) == name) found << item;
    });
    return found;
  }

  bool sees(const QString& name) { return !named(name).isEmpty(); }

  void click(const QString& name) {
    const QList<QQuickItem*> items = named(name);
    ASSERT_FALSE(items.isEmpty()) << "nothing is called \"" << name.toStdString() << '"';
    QQuickItem* item = items.first();
    QTest::mouseClick(window_, Qt::LeftButton, {},
                      item->mapToScene(QPointF(item->width() / 2, item->height() / 2)).toPoint());
    settle();
  }

  void type(const QString& text) {
    for (const QChar c : text) QTest::sendKeyEvent(QTest::Click, window_, Qt::Key_unknown, c, Qt::NoModifier);
  }

  void key(Qt::Key code, Qt::KeyboardModifiers modifiers = {}) {
    QTest::keyClick(window_, code, modifiers);
    settle();
  }

  static void settle() { QTest::qWait(30); }

  void ask(const QString& question) {
    type(question);
    key(Qt::Key_Return);
  }

  void steps(int count) {
    for (int i = 0; i < count; ++i) chat_.step();
    settle();
  }

  void finish() {
    chat_.finishAll();
    settle();
  }

  ChatPageVm& page() { return *main_->vm().chat(); }
  QString panel(int row) { return page().messages()->index(row, 0).data(MessageListModel::PanelRole).toString(); }

  ScriptedHistory history_;
  ScriptedModel model_;
  ScriptedChat chat_{history_, model_, 0};
  FixedAppearance appearance_;
  std::unique_ptr<MainWindow> main_;
  QQuickWindow* window_ = nullptr;
};

TEST_F(WindowTest, aQuestionIsThoughtAboutAndAnswered) {
  open();
  ASSERT_TRUE(sees("Question")) << "the composer has the keyboard from the start";
  ask("Why?");
  EXPECT_TRUE(sees("You asked: Why?"));
  EXPECT_TRUE(sees("Stop"));
  steps(5);
  EXPECT_TRUE(page().thinking());
  EXPECT_EQ(panel(1), "preview");
  EXPECT_TRUE(sees("Answer now"));
  EXPECT_TRUE(sees("Copy thought"));
  while (page().thinking()) steps(1);
  steps(1);
  EXPECT_EQ(panel(1), "closed") << "folds when the answer begins";
  finish();
  EXPECT_FALSE(page().generating());
  EXPECT_TRUE(sees("Copy answer"));
  EXPECT_TRUE(sees("Regenerate"));
  EXPECT_TRUE(sees("Copy code"));
  EXPECT_EQ(page().messages()->index(1, 0).data(MessageListModel::CountRole).toString(), "9 tokens");
  EXPECT_TRUE(sees("The answer is:")) << "styles are ranges: the marks are gone and the text is whole";
  click("Copy code");
  EXPECT_EQ(QGuiApplication::clipboard()->text(), "int x;");
  key(Qt::Key_C, Qt::ControlModifier | Qt::ShiftModifier);
  EXPECT_TRUE(QGuiApplication::clipboard()->text().startsWith("The **answer**")) << "the answer as it was written";
}

TEST_F(WindowTest, aPanelOpenedByHandStaysOpen) {
  open();
  ask("Why?");
  steps(5);
  const QString header = page().messages()->index(1, 0).data(MessageListModel::HeaderRole).toString();
  ASSERT_TRUE(header.startsWith("Thinking for"));
  QQuickItem* found = nullptr;
  visit(window_->contentItem(), [&](QQuickItem* item) {
    if (nameOf(item).startsWith("Thinking for")) found = item;
  });
  ASSERT_TRUE(found);
  found->forceActiveFocus(Qt::TabFocusReason);
  key(Qt::Key_Space);
  EXPECT_EQ(panel(1), "open");
  finish();
  EXPECT_EQ(panel(1), "open");
}

TEST_F(WindowTest, escapeStopsAndWhatIsThereStays) {
  open();
  ask("Why?");
  steps(4);
  key(Qt::Key_Escape);
  EXPECT_FALSE(page().generating());
  EXPECT_TRUE(sees("Stopped"));
  const QString thought = page().messages()->textOf(page().messages()->last()->id, PartKind::Think);
  EXPECT_FALSE(thought.isEmpty());
  click("Continue");
  EXPECT_TRUE(page().generating());
  finish();
  const QString whole = page().messages()->textOf(page().messages()->last()->id, PartKind::Think);
  EXPECT_TRUE(whole.startsWith(thought));
  EXPECT_EQ(whole, "first I think a while\n\nand then some more");
}

TEST_F(WindowTest, answerNowEndsTheThought) {
  open();
  ask("Why?");
  steps(4);
  ASSERT_TRUE(page().thinking());
  click("Answer now");
  EXPECT_FALSE(page().thinking());
  EXPECT_TRUE(page().generating());
  finish();
  const QString id = page().messages()->last()->id;
  EXPECT_FALSE(page().messages()->textOf(id, PartKind::Think).contains("some more"));
  EXPECT_TRUE(page().messages()->textOf(id, PartKind::Answer).endsWith("The end."));
}

TEST_F(WindowTest, regeneratingKeepsTheOtherVersion) {
  open();
  ask("Why?");
  finish();
  const QString first = page().messages()->last()->id;
  key(Qt::Key_R, Qt::ControlModifier);
  EXPECT_TRUE(page().generating());
  finish();
  EXPECT_TRUE(sees("Previous version"));
  EXPECT_NE(page().messages()->last()->id, first);
  key(Qt::Key_Left, Qt::AltModifier);
  EXPECT_EQ(page().messages()->last()->id, first);
  click("Next version");
  EXPECT_NE(page().messages()->last()->id, first);
}

// By keyboard alone: what the template refused is asked again in the built-in format, and the conversation stays in it.
TEST_F(WindowTest, aRefusingTemplateLeavesTheBuiltinFormat) {
  const QString again = "Answer with the built-in format";
  Script script{
      .thought = {}, .answer = "It **answers**.", .failure = "The template refused.", .templateRefuses = true};
  chat_.setScript(script);
  open();
  ask("Why?");
  finish();
  EXPECT_TRUE(sees("The template refused."));
  ASSERT_TRUE(sees(again));
  QQuickItem* button = named(again).first();
  for (int i = 0; i < 40 && !button->hasActiveFocus(); ++i) key(Qt::Key_Tab);
  ASSERT_TRUE(button->hasActiveFocus());
  key(Qt::Key_Return);
  finish();
  EXPECT_EQ(page().messages()->last()->state, MessageState::Complete);
  EXPECT_EQ(page().messages()->last()->versions, 2);
  EXPECT_FALSE(sees(again));
  click("Previous version");
  EXPECT_TRUE(sees("The template refused.")) << "kept beside it";
  EXPECT_TRUE(sees(again));
  click("Next version");
  page().setDraft("And then?");
  page().send();
  finish();
  EXPECT_EQ(page().messages()->last()->state, MessageState::Complete) << "the next question is asked in it, too";
  page().regenerateLast();
  finish();
  EXPECT_EQ(page().messages()->last()->state, MessageState::Failed) << "an answer anew is by the model's own";
}

TEST_F(WindowTest, otherFailuresOfferNoOtherFormat) {
  chat_.setScript({.thought = {}, .answer = "Bec", .failure = "Out of memory."});
  open();
  ask("Why?");
  finish();
  EXPECT_TRUE(sees("Out of memory."));
  EXPECT_FALSE(sees("Answer with the built-in format"));
}

TEST_F(WindowTest, conversationsAreRenamedDeletedAndBroughtBackByKeyboard) {
  addThread("One", 3000);
  addThread("Two", 2000);
  addThread("Three", 1000);
  open();
  EXPECT_EQ(page().conversationId(), "One") << "opens where it was left";
  key(Qt::Key_L, Qt::ControlModifier);
  key(Qt::Key_Down);
  key(Qt::Key_Return);
  EXPECT_EQ(page().conversationId(), "Two");
  key(Qt::Key_F2);
  ASSERT_TRUE(sees("Title"));
  type("Second");
  key(Qt::Key_Return);
  EXPECT_EQ(history_.find("Two")->head.title, "Second");
  EXPECT_EQ(page().title(), "Second");
  key(Qt::Key_F2);
  type("thrown away");
  key(Qt::Key_Escape);
  EXPECT_EQ(history_.find("Two")->head.title, "Second");
  key(Qt::Key_L, Qt::ControlModifier);
  key(Qt::Key_Delete);
  EXPECT_TRUE(history_.find("Two")->removed);
  EXPECT_TRUE(sees("Deleted: Second"));
  EXPECT_NE(page().conversationId(), "Two");
  click("Undo the deletion");
  EXPECT_FALSE(history_.find("Two")->removed);
  EXPECT_EQ(page().conversationId(), "Two");
  EXPECT_FALSE(sees("Undo the deletion"));
}

TEST_F(WindowTest, draftsBelongToTheirConversations) {
  addThread("One", 3000);
  addThread("Two", 2000);
  open();
  type("half a thought");
  main_->vm().sidebar()->open("Two");
  settle();
  EXPECT_EQ(page().draft(), "");
  type("another");
  main_->vm().sidebar()->open("One");
  settle();
  EXPECT_EQ(page().draft(), "half a thought");
}

TEST_F(WindowTest, anAnswerGoesOnWhileAnotherConversationIsShown) {
  addThread("Other", 1000);
  open();
  main_->vm().sidebar()->startNew();
  settle();
  ask("Why?");
  const QString id = page().conversationId();
  steps(5);
  main_->vm().sidebar()->open("Other");
  settle();
  EXPECT_FALSE(page().generating());
  steps(3);
  main_->vm().sidebar()->open(id);
  settle();
  EXPECT_TRUE(page().generating());
  finish();
  EXPECT_TRUE(page().messages()->textOf(page().messages()->last()->id, PartKind::Answer).endsWith("The end."));
}

TEST_F(WindowTest, shiftReturnIsANewLineAndTabLeavesTheComposer) {
  open();
  type("one");
  key(Qt::Key_Return, Qt::ShiftModifier);
  type("two");
  EXPECT_EQ(page().draft(), "one\ntwo");
  key(Qt::Key_Tab);
  EXPECT_NE(nameOf(window_->activeFocusItem()), "Question");
  EXPECT_EQ(page().draft(), "one\ntwo");
}

TEST_F(WindowTest, withoutAModelThereIsOneSentenceAndOneAction) {
  model_.setKnown({});
  open();
  EXPECT_TRUE(sees("Open a model file"));
  type("Why?");
  EXPECT_FALSE(page().canSend());
}

TEST_F(WindowTest, aModelThatLoadsSaysHowFarItIs) {
  ModelCard large = model_.current();
  large.id = "large";
  large.name = "Large";
  large.fileBytes = 4'700'000'000;
  model_.startLoading(large);
  model_.setLoaded(1'200'000'000);
  open();
  EXPECT_TRUE(sees("Loading Large: 1.2 GB of 4.7 GB"));
  click("Cancel loading");
  EXPECT_FALSE(sees("Cancel loading"));
  EXPECT_TRUE(sees("Model: Tiny model"));
  model_.fail(ModelPort::State::Failed, "m.gguf is not a GGUF file. Open another one.", "bad magic");
  settle();
  EXPECT_TRUE(sees("m.gguf is not a GGUF file. Open another one."));
  EXPECT_TRUE(sees("Try again"));
}

TEST_F(WindowTest, aModelThatEndedTheProgramWaitsToBeLoaded) {
  open();
  const QString sentence =
      "Lemma ended without warning while it loaded the model the last time, so now it waits for you.";
  model_.fail(ModelPort::State::Held, sentence, {});
  settle();
  EXPECT_TRUE(sees(sentence));
  EXPECT_FALSE(sees("Try again"));
  EXPECT_TRUE(sees("Open another model file"));
  type("Why?");
  EXPECT_FALSE(page().canSend());
  click("Load it anyway");
  settle();
  EXPECT_FALSE(sees(sentence));
}

// A chat template that cannot be used keeps nobody from asking.
TEST_F(WindowTest, aRemarkOnTheModelInUseIsSeenAndStopsNothing) {
  open();
  const QString remark = "The model's chat template cannot be used; the model is spoken to in ChatML instead.";
  model_.fail(ModelPort::State::Ready, remark, {});
  settle();
  EXPECT_TRUE(sees(remark));
  EXPECT_FALSE(sees("Try again"));
  EXPECT_FALSE(sees("Open another model file"));
  ask("Why?");
  finish();
  EXPECT_TRUE(sees("Copy answer"));
}

TEST_F(WindowTest, aThreadThatCannotBeReadSaysSoInItsPlace) {
  addThread("One", 3000);
  history_.failNextLoad("The conversation could not be read: the disk says no. Try again.");
  open();
  EXPECT_TRUE(sees("The conversation could not be read: the disk says no. Try again."));
  click("Try again");
  EXPECT_EQ(page().problem(), "");
}

TEST_F(WindowTest, everythingThatTakesTheKeyboardHasANameAndIsReached) {
  addThread("One", 3000);
  open();
  ask("Why?");
  finish();
  QSet<QQuickItem*> reached;
  QStringList nameless;
  for (int i = 0; i < 80; ++i) {
    QQuickItem* item = window_->activeFocusItem();
    ASSERT_TRUE(item);
    if (reached.contains(item)) break;
    reached << item;
    if (nameOf(item).isEmpty()) nameless << QString::fromLatin1(item->metaObject()->className());
    key(Qt::Key_Tab);
  }
  EXPECT_TRUE(nameless.isEmpty()) << nameless.join(' ').toStdString();
  QStringList names;
  for (QQuickItem* item : reached) names << nameOf(item);
  for (const char* wanted : {"Question", "New conversation", "One", "Copy answer", "Regenerate", "Copy code",
                             "Copy thought", "Model: Tiny model", "Thinking: Medium"}) {
    EXPECT_TRUE(names.contains(QLatin1String(wanted))) << wanted << " is not reached by Tab";
  }
}

TEST_F(WindowTest, theViewFollowsOnlyWhileItsEndIsInSight) {
  Script longer;
  longer.answer = QStringLiteral("A line of the answer.\n\n").repeated(120);
  chat_.setScript(longer);
  open();
  ask("Why?");
  steps(300);
  QQuickItem* list = named("Conversation").value(0);
  ASSERT_TRUE(list);
  const auto fromEnd = [list] {
    return list->property("originY").toReal() + list->property("contentHeight").toReal() - list->height() -
           list->property("contentY").toReal();
  };
  EXPECT_TRUE(QTest::qWaitFor([&] { return fromEnd() < 50; })) << fromEnd();
  key(Qt::Key_PageUp);
  const qreal reading = list->property("contentY").toReal();
  steps(60);
  EXPECT_EQ(list->property("contentY").toReal(), reading) << "what is being read stays where it is";
  EXPECT_TRUE(sees("Go to the end"));
  click("Go to the end");
  steps(20);
  EXPECT_TRUE(QTest::qWaitFor([&] { return fromEnd() < 50; })) << fromEnd();
}

TEST_F(WindowTest, narrowWindowsPutTheSidebarOverThePage) {
  addThread("One", 3000);
  open();
  window_->resize(500, 700);
  settle();
  EXPECT_FALSE(sees("Hide the conversations"));
  click("Show the conversations");
  EXPECT_TRUE(sees("Hide the conversations"));
  key(Qt::Key_F9);
  EXPECT_FALSE(sees("Hide the conversations"));
}

TEST_F(WindowTest, effortIsChosenFromAMenu) {
  open();
  QQuickItem* pill = named("Thinking: Medium").value(0);
  ASSERT_TRUE(pill);
  pill->forceActiveFocus(Qt::TabFocusReason);
  key(Qt::Key_Space);
  QTest::qWait(50);
  ASSERT_TRUE(sees("High"));
  click("High");
  EXPECT_EQ(chat_.effort().level, Effort::Level::High);
  EXPECT_TRUE(sees("Thinking: High"));
}

TEST_F(WindowTest, openingAModelAsksForAFile) {
  open();
  key(Qt::Key_O, Qt::ControlModifier);
  QObject* dialog = nullptr;
  for (QObject* child : window_->findChildren<QObject*>()) {
    if (child->inherits("QQuickFileDialog")) dialog = child;
  }
  ASSERT_TRUE(dialog);
  EXPECT_TRUE(dialog->property("visible").toBool());
  QMetaObject::invokeMethod(dialog, "chosen", Q_ARG(QUrl, QUrl("file:///other.gguf")));
  EXPECT_EQ(model_.opened(), QList<QUrl>{QUrl("file:///other.gguf")});
  settle();
  EXPECT_TRUE(sees("Model: other"));
}

TEST_F(WindowTest, aDialogThatWasClosedOpensAgain) {
  open();
  for (int times = 0; times < 2; ++times) {
    key(Qt::Key_F1);
    QTest::qWait(50);
    EXPECT_TRUE(sees("Keyboard shortcuts")) << times;
    key(Qt::Key_Escape);
    QTest::qWait(50);
    EXPECT_FALSE(sees("Keyboard shortcuts")) << times;
    emit history_.salvaged(times + 1, QStringLiteral("/data/lemma.db.damaged-%1").arg(times));
    QTest::qWait(50);
    EXPECT_TRUE(sees(QStringLiteral("/data/lemma.db.damaged-%1").arg(times))) << times;
    key(Qt::Key_Escape);
    QTest::qWait(50);
    EXPECT_FALSE(sees("Your conversations were repaired")) << times;
  }
}

TEST_F(WindowTest, aRepairIsToldInOneDialog) {
  open();
  emit history_.salvaged(2, QStringLiteral("/data/lemma.db.damaged-1"));
  QTest::qWait(50);
  EXPECT_TRUE(sees("Your conversations were repaired"));
  EXPECT_TRUE(
      sees("The file that holds your conversations was damaged. 2 conversations could be read and are here again. What "
           "lay on the damaged places is missing. The damaged file was kept:"));
  EXPECT_TRUE(sees("/data/lemma.db.damaged-1"));
  click("Copy the file's name");
  EXPECT_EQ(QGuiApplication::clipboard()->text(), "/data/lemma.db.damaged-1");
  key(Qt::Key_Escape);
  EXPECT_FALSE(sees("Your conversations were repaired"));
}

TEST_F(WindowTest, everyActionHasATextAndAKeyOfItsOwn) {
  open();
  ActionRegistry& actions = *main_->vm().actions();
  QSet<QString> keys;
  for (int row = 0; row < actions.rowCount(); ++row) {
    const QModelIndex at = actions.index(row);
    EXPECT_FALSE(at.data(ActionRegistry::TextRole).toString().isEmpty());
    const QString shortcut = at.data(ActionRegistry::ShortcutRole).toString();
    EXPECT_FALSE(keys.contains(shortcut)) << shortcut.toStdString();
    keys << shortcut;
  }
  key(Qt::Key_F1);
  QTest::qWait(50);
  EXPECT_TRUE(sees("Keyboard shortcuts"));
  key(Qt::Key_Escape);
  EXPECT_FALSE(sees("Keyboard shortcuts"));
}

// The system asks for the file's name; what is around that is the window's.
TEST_F(WindowTest, aConversationIsExported) {
  addThread("First: a/b?", 1000);
  open();
  QSignalSpy asked(main_->vm().sidebar(), &SidebarVm::exportRequested);
  main_->vm().sidebar()->startExport("nobody");
  EXPECT_EQ(asked.count(), 0);
  main_->vm().sidebar()->startExport("First: a/b?");
  ASSERT_EQ(asked.count(), 1);
  SidebarVm& sidebar = *main_->vm().sidebar();
  EXPECT_EQ(sidebar.exportName("First: a/b?"), "First a b");
  EXPECT_EQ(sidebar.exportName("nobody"), "Conversation");
  for (int format = 0; format < 3; ++format)
    sidebar.exportTo("First: a/b?", QUrl::fromLocalFile("/files/a.md"), format);
  ASSERT_EQ(history_.exports().size(), 3);
  EXPECT_EQ(history_.exports()[0].format, ExportFormat::Lemma);
  EXPECT_EQ(history_.exports()[1].format, ExportFormat::Markdown);
  EXPECT_EQ(history_.exports()[2].format, ExportFormat::MarkdownWithoutThoughts);
  EXPECT_EQ(history_.exports()[2].conversationId, "First: a/b?");
  settle();
  EXPECT_TRUE(sees("Exported to /files/a.md"));
  click("Dismiss");
  EXPECT_FALSE(sees("Exported to /files/a.md"));
}

TEST_F(WindowTest, conversationsAreImported) {
  addThread("First", 1000);
  open();
  SidebarVm& sidebar = *main_->vm().sidebar();
  EXPECT_TRUE(sees("Import conversations"));
  sidebar.importFrom(QUrl::fromLocalFile("/files/broken.json"));
  settle();
  EXPECT_TRUE(sees("broken.json: conversations is missing."));
  ScriptedHistory::Thread first, second;
  first.head = {"First", "First", 1000};
  second.head = {"Second", "Second", 500};
  history_.setImport({first, second});
  sidebar.importFrom(QUrl::fromLocalFile("/files/a.json"));
  settle();
  EXPECT_TRUE(sees("Imported: 1. Already here: 1. As copies: 0."));
  EXPECT_FALSE(sees("broken.json: conversations is missing."));
  EXPECT_TRUE(sees("Second"));
  EXPECT_EQ(sidebar.currentId(), "First") << "what is open stays open";
}

// By keys, and by the buttons a screen reader finds: each asks for a file's name.
TEST_F(WindowTest, exportAndImportAreReachedByKeysAndNames) {
  addThread("First", 1000);
  open();
  QSignalSpy exporting(main_->vm().sidebar(), &SidebarVm::exportRequested);
  QSignalSpy importing(main_->vm().sidebar(), &SidebarVm::importRequested);
  main_->vm().actions()->run("conversation.export");
  main_->vm().actions()->run("conversation.import");
  EXPECT_EQ(exporting.count(), 1);
  EXPECT_EQ(importing.count(), 1);
  EXPECT_FALSE(main_->vm().actions()->keysOf("conversation.export").isEmpty());
  EXPECT_FALSE(main_->vm().actions()->keysOf("conversation.import").isEmpty());
}

}  // namespace
}  // namespace lemma::ui
