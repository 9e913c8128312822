// Opens the window over the ports. A program makes the ports, makes one MainWindow, calls open(), runs the event loop.
// Owner: the program's main(). UI thread.
#pragma once

#include <QObject>
#include <QTranslator>
#include <memory>

#include "ui/ports/ports.h"

class QQmlApplicationEngine;
class QQuickWindow;

namespace lemma::ui {

class WindowVm;

class MainWindow : public QObject {
  Q_OBJECT

 public:
  explicit MainWindow(const Ports& ports, QObject* parent = nullptr);
  ~MainWindow() override;

  // Before the QGuiApplication is made: rounding of scale factors, control style, name and desktop file.
  static void prepareApplication();

  // False when the QML could not be loaded (a broken installation); Qt has then logged why.
  bool open();

  // Brings it to the front, as when the program is started a second time.
  void raise();

  QQuickWindow* window() const { return window_; }
  WindowVm& vm() { return *vm_; }

 signals:
  void firstFrameShown();

 private:
  QTranslator translator_;
  std::unique_ptr<WindowVm> vm_;
  std::unique_ptr<QQmlApplicationEngine> engine_;
  QQuickWindow* window_ = nullptr;
};

}  // namespace lemma::ui
