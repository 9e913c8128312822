// The window's state: its pages, and the registry of everything a key can do. Joins sidebar and chat page.
// Owner: MainWindow. UI thread.
#pragma once

#include <QtQml/qqmlregistration.h>

#include <QObject>

#include "ui/actions/action_registry.h"
#include "ui/pages/chat/chat_page_vm.h"
#include "ui/pages/sidebar/sidebar_vm.h"
#include "ui/ports/ports.h"

namespace lemma::ui {

class WindowVm : public QObject {
  Q_OBJECT
  QML_ELEMENT
  QML_UNCREATABLE("made by the program")
  Q_PROPERTY(lemma::ui::ChatPageVm* chat READ chat CONSTANT)
  Q_PROPERTY(lemma::ui::SidebarVm* sidebar READ sidebar CONSTANT)
  Q_PROPERTY(lemma::ui::ModelVm* model READ model CONSTANT)
  Q_PROPERTY(lemma::ui::ActionRegistry* actions READ actions CONSTANT)
  Q_PROPERTY(QObject* appearance READ appearance CONSTANT)
  Q_PROPERTY(bool rightToLeft READ rightToLeft CONSTANT)
  Q_PROPERTY(QString bodyFamily READ bodyFamily CONSTANT)
  Q_PROPERTY(QString codeFamily READ codeFamily CONSTANT)

 public:
  explicit WindowVm(const Ports& ports, QObject* parent = nullptr);

  ChatPageVm* chat() { return &chat_; }
  SidebarVm* sidebar() { return &sidebar_; }
  ModelVm* model() { return &model_; }
  ActionRegistry* actions() { return &actions_; }
  QObject* appearance() { return appearance_; }
  bool rightToLeft() const;
  QString bodyFamily() const;
  QString codeFamily() const;

  void start();

 signals:
  // What only the window itself can do.
  void foldSidebarRequested();
  void openModelRequested();
  void focusComposerRequested();
  void focusSidebarRequested();
  void showShortcutsRequested();
  void closeRequested();

  // The store was damaged and repaired: sentences for the person, and the file that was kept.
  void salvaged(const QString& what, const QString& keptFile);

 private:
  void addActions();

  AppearancePort* appearance_;
  ModelVm model_;
  ChatPageVm chat_;
  SidebarVm sidebar_;
  ActionRegistry actions_;
};

}  // namespace lemma::ui
