#include "ui/window/main_window.h"

#include <QGuiApplication>
#include <QLocale>
#include <QQmlApplicationEngine>
#include <QQuickStyle>
#include <QQuickWindow>

#include "ui/window/window_vm.h"

extern void qml_register_types_Lemma();

namespace lemma::ui {

MainWindow::MainWindow(const Ports& ports, QObject* parent) : QObject(parent), vm_(new WindowVm(ports)) {}

MainWindow::~MainWindow() = default;

void MainWindow::prepareApplication() {
  QGuiApplication::setHighDpiScaleFactorRoundingPolicy(Qt::HighDpiScaleFactorRoundingPolicy::PassThrough);
  QCoreApplication::setApplicationName(QStringLiteral("lemma"));
  QGuiApplication::setApplicationDisplayName(QStringLiteral("Lemma"));
  QQuickStyle::setStyle(QStringLiteral("Basic"));
}

bool MainWindow::open() {
  qml_register_types_Lemma();  // the module is a static library, whose own registration the linker would drop
  if (!translator_.load(QLocale(), QStringLiteral("lemma"), QStringLiteral("_"), QStringLiteral(":/i18n"))) {
    (void)translator_.load(QStringLiteral(":/i18n/lemma_en.qm"));
  }
  QCoreApplication::installTranslator(&translator_);
  engine_ = std::make_unique<QQmlApplicationEngine>();
  engine_->addImportPath(QStringLiteral("qrc:/qt/qml"));
  engine_->setInitialProperties({{QStringLiteral("vm"), QVariant::fromValue(vm_.get())}});
  engine_->load(QUrl(QStringLiteral("qrc:/qt/qml/Lemma/Main.qml")));
  if (engine_->rootObjects().isEmpty()) return false;
  window_ = qobject_cast<QQuickWindow*>(engine_->rootObjects().first());
  connect(window_, &QQuickWindow::frameSwapped, this, &MainWindow::firstFrameShown,
          Qt::ConnectionType(Qt::QueuedConnection | Qt::SingleShotConnection));
  vm_->start();
  return true;
}

void MainWindow::raise() {
  if (!window_) return;
  window_->show();
  window_->raise();
  window_->requestActivate();
}

}  // namespace lemma::ui
