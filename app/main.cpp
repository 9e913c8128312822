// lemma: the desktop window; with --export or --import a file of conversations, and no window.
#include <QCommandLineParser>
#include <QGuiApplication>
#include <QTimer>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

#include "app/app_services.h"
#include "app/core/chat_request.h"
#include "app/core/paths.h"
#include "app/log.h"
#include "app/single_instance.h"
#include "app/transfer.h"
#include "lemma/version.h"
#include "ui/theme/system_appearance.h"
#include "ui/window/main_window.h"

namespace {

constexpr std::chrono::seconds kLongestWaitForFrame{2};

int say(const QString& sentence, int code) {
  std::fprintf(stderr, "%s\n", qUtf8Printable(sentence));
  return code;
}

// Looked for by hand: which application object is made depends on it, and one for windows wants a display.
bool wantsTransfer(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word(argv[i]);
    if (word.starts_with("--export") || word.starts_with("--import")) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace lemma;
  const auto began = std::chrono::steady_clock::now();
  ui::MainWindow::prepareApplication();
  const bool transfers = wantsTransfer(argc, argv);
  const std::unique_ptr<QCoreApplication> qt(transfers ? new QCoreApplication(argc, argv)
                                                       : new QGuiApplication(argc, argv));
  QGuiApplication::setDesktopFileName(QStringLiteral("org.lemma.Lemma"));
  QGuiApplication::setApplicationVersion(QString::fromUtf8(kVersionText.data(), qsizetype(kVersionText.size())));

  QCommandLineParser parser;
  parser.setApplicationDescription(
      QCoreApplication::translate("main", "Lemma: a reasoning assistant on your own machine."));
  parser.addHelpOption();
  parser.addVersionOption();
  parser.addPositionalArgument(
      QStringLiteral("model"),
      QCoreApplication::translate("main", "A model to open: a GGUF file, or a Hugging Face folder."),
      QStringLiteral("[model]"));
  const QCommandLineOption timing(
      QStringLiteral("first-frame"),
      QCoreApplication::translate("main", "Print when the first frame was shown, then end."));
  parser.addOption(timing);
  const QCommandLineOption set(
      QStringLiteral("set"),
      QCoreApplication::translate("main", "A setting for every answer of this run: temperature, seed, think ..."),
      QStringLiteral("key=value"));
  parser.addOption(set);
  const QCommandLineOption stall(
      QStringLiteral("stall-after"),
      QCoreApplication::translate("main", "Seconds without progress after which the engine is started anew."),
      QStringLiteral("seconds"), QStringLiteral("30"));
  parser.addOption(stall);
  const QCommandLineOption exportTo(
      QStringLiteral("export"),
      QCoreApplication::translate("main",
                                  "Write all conversations into a file, and end; with --conversation one, as Markdown "
                                  "where the file's name ends in .md."),
      QStringLiteral("file"));
  const QCommandLineOption importFrom(
      QStringLiteral("import"),
      QCoreApplication::translate("main", "Bring in the conversations of a file that --export wrote, and end."),
      QStringLiteral("file"));
  const QCommandLineOption conversation(QStringLiteral("conversation"),
                                        QCoreApplication::translate("main", "The conversation that --export writes."),
                                        QStringLiteral("id"));
  const QCommandLineOption withoutThoughts(
      QStringLiteral("without-thoughts"),
      QCoreApplication::translate("main", "Leave the thoughts out of a Markdown file."));
  parser.addOptions({exportTo, importFrom, conversation, withoutThoughts});
  parser.process(*qt);

  const int stallAfter = parser.value(stall).toInt();
  if (stallAfter < 1 || stallAfter > 86'400)
    return say(QCoreApplication::translate("main", "--stall-after wants 1 to 86400 seconds."), 2);

  storage::SettingMap overrides;
  for (const QString& pair : parser.values(set)) {
    auto setting = app::parseSetting(pair.toStdString());
    if (!setting) return say(QString::fromStdString(setting.error().what), 2);
    overrides.insert(std::move(*setting));
  }
  const app::Paths paths = app::pathsFromEnvironment();
  if (auto made = app::makeFolders(paths); !made) return say(QString::fromStdString(made.error().what), 1);
  if (transfers)
    return app::runTransfer(paths, {parser.value(exportTo), parser.value(importFrom), parser.value(conversation),
                                    !parser.isSet(withoutThoughts)});
  app::SingleInstance instance(paths);
  switch (instance.start()) {
    case app::SingleInstance::Outcome::first:
      break;
    case app::SingleInstance::Outcome::raisedOther:
      return 0;
    case app::SingleInstance::Outcome::otherSilent:
      return say(QCoreApplication::translate(
                     "main", "Lemma is already running, but does not answer. Close it, then try again."),
                 1);
    case app::SingleInstance::Outcome::failed:
      return say(instance.problem(), 1);
  }
  app::startLog(paths.log());
  app::logInfo("lemma " + std::string(kVersionText) + " starts");

  app::AppServices services(paths, std::move(overrides), {.stallAfter = std::chrono::seconds(stallAfter)});
  ui::SystemAppearance appearance;
  ui::MainWindow window({services.chat(), services.history(), services.model(), &appearance});
  QObject::connect(&instance, &app::SingleInstance::raiseRequested, &window, &ui::MainWindow::raise);
  // The model loads behind the first frame: the window is there to type into while it comes. A window that begins
  // minimised, or that nobody paints, has no frame, and is not waited for long.
  bool loadBegun = false;
  const auto loadModel = [&] {
    if (std::exchange(loadBegun, true)) return;
    if (const QStringList files = parser.positionalArguments(); !files.isEmpty()) {
      services.model()->open(QUrl::fromLocalFile(files.first()));
    } else {
      services.model()->start();
    }
  };
  QTimer late;
  late.setSingleShot(true);
  QObject::connect(&late, &QTimer::timeout, &window, loadModel);
  QObject::connect(&window, &ui::MainWindow::firstFrameShown, &window, [&] {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count();
    app::logInfo("first frame after " + std::to_string(ms) + " ms");
    if (parser.isSet(timing)) {
      std::printf("first frame after %lld ms\n", static_cast<long long>(ms));
      QTimer::singleShot(0, qt.get(), &QCoreApplication::quit);
    }
    loadModel();
  });
  if (!window.open())
    return say(QCoreApplication::translate("main", "The window could not be made; the log says why."), 1);
  late.start(kLongestWaitForFrame);
  const int code = QGuiApplication::exec();
  app::logInfo("lemma ends");
  return code;
}
