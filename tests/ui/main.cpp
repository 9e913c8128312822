// Runs the window's tests in an offscreen window, painted by the software renderer: no display, no GPU.
#include <gtest/gtest.h>

#include <QGuiApplication>

#include "ui/window/main_window.h"

int main(int argc, char** argv) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  qputenv("QT_QUICK_BACKEND", "software");
  lemma::ui::MainWindow::prepareApplication();
  QGuiApplication app(argc, argv);
  QLocale::setDefault(QLocale::c());
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
