#include "ui/window/window_vm.h"

#include <QFontDatabase>
#include <QGuiApplication>

namespace lemma::ui {
namespace {

// The first of these families that is installed, else what the system calls its own.
QString firstInstalled(const QStringList& families, const QString& fallback) {
  for (const QString& family : families) {
    if (QFontDatabase::hasFamily(family)) return family;
  }
  return fallback;
}

}  // namespace

WindowVm::WindowVm(const Ports& ports, QObject* parent)
    : QObject(parent),
      appearance_(ports.appearance),
      model_(*ports.model),
      chat_(*ports.chat, *ports.history, model_),
      sidebar_(*ports.history) {
  connect(&sidebar_, &SidebarVm::opened, this, [this](const QString& id) {
    chat_.show(id);
    chat_.setTitle(sidebar_.currentTitle());
    emit focusComposerRequested();
  });
  connect(&sidebar_, &SidebarVm::currentTitleChanged, this, [this] { chat_.setTitle(sidebar_.currentTitle()); });
  connect(&chat_, &ChatPageVm::conversationStarted, &sidebar_, &SidebarVm::setCurrent);
  connect(ports.history, &HistoryPort::salvaged, this, [this](int conversations, const QString& keptFile) {
    const QString found = conversations == 0
                              ? tr("Nothing could be read from it.")
                              : tr("%n conversation(s) could be read and are here again.", nullptr, conversations);
    emit salvaged(
        tr("The file that holds your conversations was damaged. %1 What lay on the damaged places is missing. The "
           "damaged file was kept:")
            .arg(found),
        keptFile);
    chat_.reload();
  });
  addActions();
  connect(&chat_, &ChatPageVm::stateChanged, &actions_, &ActionRegistry::refresh);
  connect(&sidebar_, &SidebarVm::currentChanged, &actions_, &ActionRegistry::refresh);
  connect(&sidebar_, &SidebarVm::undoChanged, &actions_, &ActionRegistry::refresh);
}

void WindowVm::start() { sidebar_.start(); }

// One line an action. A shortcut never takes a key that a text field needs: Delete and F2 act in the sidebar alone,
// by the sidebar's own key handling, and stand here with a key that works everywhere.
void WindowVm::addActions() {
  const auto always = [] { return true; };
  const auto isOpen = [this] { return sidebar_.currentRow() >= 0; };
  const auto add = [this](const char* id, const QString& text, const char* keys, std::function<bool()> enabled,
                          std::function<void()> run) {
    actions_.add({QString::fromLatin1(id), text, QString::fromLatin1(keys), std::move(enabled), std::move(run)});
  };
  add("conversation.new", tr("New conversation"), "Ctrl+N", always, [this] { sidebar_.startNew(); });
  add("conversation.rename", tr("Rename conversation"), "F2", isOpen,
      [this] { sidebar_.startRename(sidebar_.currentId()); });
  add("conversation.delete", tr("Delete conversation"), "Ctrl+Shift+Backspace", isOpen,
      [this] { sidebar_.remove(sidebar_.currentId()); });
  add("conversation.export", tr("Export conversation"), "Ctrl+S", isOpen,
      [this] { sidebar_.startExport(sidebar_.currentId()); });
  add("conversation.import", tr("Import conversations"), "Ctrl+I", always, [this] { sidebar_.startImport(); });
  add(
      "conversation.undo_delete", tr("Undo the last deletion"), "Ctrl+Shift+Z",
      [this] { return !sidebar_.undoText().isEmpty(); }, [this] { sidebar_.undoRemove(); });
  add(
      "answer.stop", tr("Stop the answer"), "Escape", [this] { return chat_.generating(); }, [this] { chat_.stop(); });
  add(
      "answer.now", tr("Answer now"), "Ctrl+Shift+Return", [this] { return chat_.thinking(); },
      [this] { chat_.answerNow(); });
  add(
      "answer.continue", tr("Continue the answer"), "Ctrl+Shift+Space", [this] { return chat_.canContinueLast(); },
      [this] { chat_.continueLast(); });
  add(
      "answer.regenerate", tr("Regenerate the answer"), "Ctrl+R",
      [this] { return chat_.hasAnswer() && !chat_.generating() && model_.ready(); },
      [this] { chat_.regenerateLast(); });
  add(
      "answer.previous_version", tr("Previous version of the answer"), "Alt+Left",
      [this] { return chat_.lastHasVersion(-1); }, [this] { chat_.versionOfLast(-1); });
  add(
      "answer.next_version", tr("Next version of the answer"), "Alt+Right", [this] { return chat_.lastHasVersion(1); },
      [this] { chat_.versionOfLast(1); });
  add(
      "answer.copy", tr("Copy the answer"), "Ctrl+Shift+C", [this] { return chat_.hasAnswer(); },
      [this] { chat_.copyLastAnswer(); });
  add("model.open", tr("Open a model file"), "Ctrl+O", always, [this] { emit openModelRequested(); });
  add("window.sidebar", tr("Show or hide the conversations"), "F9", always, [this] { emit foldSidebarRequested(); });
  add("window.focus_conversations", tr("Go to the conversations"), "Ctrl+L", always,
      [this] { emit focusSidebarRequested(); });
  add("window.focus_question", tr("Go to the question"), "Ctrl+E", always, [this] { emit focusComposerRequested(); });
  add("window.shortcuts", tr("Keyboard shortcuts"), "F1", always, [this] { emit showShortcutsRequested(); });
  add("window.close", tr("Close the window"), "Ctrl+Q", always, [this] { emit closeRequested(); });
}

bool WindowVm::rightToLeft() const { return QGuiApplication::layoutDirection() == Qt::RightToLeft; }

QString WindowVm::bodyFamily() const {
  return firstInstalled({QStringLiteral("Inter"), QStringLiteral("Inter Variable")}, QGuiApplication::font().family());
}

QString WindowVm::codeFamily() const {
  return firstInstalled({QStringLiteral("JetBrains Mono")},
                        QFontDatabase::systemFont(QFontDatabase::FixedFont).family());
}

}  // namespace lemma::ui
