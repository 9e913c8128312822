// lemma-offline: the whole window over a scripted engine. For work on the window, its pictures and its tests.
#include <QCommandLineParser>
#include <QDateTime>
#include <QElapsedTimer>
#include <QGuiApplication>
#include <QImage>
#include <QQuickWindow>
#include <QTextStream>
#include <QTimer>
#include <functional>
#include <map>
#include <memory>

#include "ui/pages/chat/chat_page_vm.h"
#include "ui/pages/sidebar/sidebar_vm.h"
#include "ui/scripted/scripted_ports.h"
#include "ui/theme/system_appearance.h"
#include "ui/window/main_window.h"
#include "ui/window/window_vm.h"

namespace {

using namespace lemma::ui;

constexpr qint64 kDay = 24 * 3600 * 1000LL;

struct World {
  explicit World(int paceMs) : chat(history, model, paceMs) {}

  ScriptedHistory history;
  ScriptedModel model;
  ScriptedChat chat;
  FixedAppearance appearance;
};

ModelCard smallModel() {
  return {.id = QStringLiteral("smollm2"),
          .name = QStringLiteral("SmolLM2 135M Instruct"),
          .quantisation = QStringLiteral("Q4_1"),
          .path = QStringLiteral("/models/SmolLM2-135M-Instruct.Q4_1.gguf"),
          .fileBytes = 98'000'000,
          .contextSize = 8192,
          .host = {}};
}

Script baselScript() {
  return {.thought = QStringLiteral(
              "The sum converges; I need a function whose Fourier series has 1/n² coefficients.\n\nParseval on "
              "f(x) = x over (−π, π): coefficients are 2(−1)ⁿ⁺¹/n.\n\nWait, the squared norm uses 1/π, not 1/2π. Redo "
              "the left side.\n\n‖f‖² = (1/π)∫x² dx = 2π²/3, so Σ 4/n² = 2π²/3.\n\nDivide by 4: the sum is π²/6. "
              "Numerically 1.6449, matches 1.6439 at n = 1000."),
          .answer = QStringLiteral(
              "Take *f(x) = x* on (−π, π). Parseval's identity turns the energy of *f* into the energy of its "
              "coefficients, which are proportional to 1/*n*:\n\n**Σ 1/n² = π²/6**\n\n```python\nfrom math import "
              "pi\nprint(sum(1/n**2 for n in range(1, 1_000)), pi**2/6)\n```\n\n1. The squared norm of *f* is "
              "`2π²/3`.\n2. Each coefficient adds `4/n²`.\n3. Divide both sides by four."),
          .failure = {},
          .promptTokens = 48,
          .turnsLeftOut = 0};
}

Script markdownScript() {
  return {
      .thought = QStringLiteral("Everything that Markdown can do, once."),
      .answer = QStringLiteral(
          "# Heading one\n\nA paragraph with **strong**, *emphasis*, ~~struck~~ and `inline code`, and a "
          "[link](https://example.org). Then a hard break:\\\nthe next line.\n\n## Heading two\n\n- first\n- second "
          "with `code`\n  - nested\n  - nested too\n- [x] done\n- [ ] open\n\n3. three\n4. four\n\n> A quote that "
          "says something long enough to be wrapped at the end of its line, so that the rule beside it can be "
          "seen to follow.\n>\n> > And one inside.\n\n| Format | bits | speed |\n|---|---:|:---:|\n| Q4_0 | 4.5 | "
          "fast |\n| Q8_0 | 8.5 | *slower* |\n\n---\n\n```cpp\nint main() { return 0; }  // a comment that is so "
          "long that it cannot possibly fit into the width of the column and has to scroll\n```\n\n<b>HTML</b> is "
          "text."),
      .failure = {},
      .promptTokens = 48,
      .turnsLeftOut = 0};
}

void addThread(World& world, const char* title, qint64 ageMs) {
  ScriptedHistory::Thread thread;
  thread.head = {QString::fromUtf8(title), QString::fromUtf8(title), QDateTime::currentMSecsSinceEpoch() - ageMs};
  world.history.put(thread);
}

void addThreads(World& world) {
  addThread(world, "Deadlock in the upload queue", 60'000);
  addThread(world, "Unit tests for the CSV reader", 120'000);
  addThread(world, "Trip budget, three variants", 3 * kDay);
  addThread(world, "Why is my SQL plan scanning?", 4 * kDay);
  addThread(world, "Cover letter, shorter", 6 * kDay);
}

using Ask = std::function<void(const QString&)>;

// A scene sets the world up before the window opens, and drives the window afterwards.
struct Scene {
  const char* explanation;
  std::function<void(World&)> before;
  std::function<void(World&, WindowVm&, const Ask&)> after;
};

void askBasel(const Ask& ask) { ask(QStringLiteral("Show me why the sum of 1/n² is π²/6.")); }

const std::map<QString, Scene>& scenes() {
  static const std::map<QString, Scene> all = {
      {QStringLiteral("live"), {"a model that answers at a reading pace", addThreads, nullptr}},
      {QStringLiteral("thread"),
       {"a finished answer, its thought opened", addThreads,
        [](World& world, WindowVm& vm, const Ask& ask) {
          askBasel(ask);
          world.chat.finishAll();
          vm.chat()->messages()->togglePanel(1);
        }}},
      {QStringLiteral("folded"),
       {"a finished answer, its thought folded", addThreads,
        [](World& world, WindowVm&, const Ask& ask) {
          askBasel(ask);
          world.chat.finishAll();
        }}},
      {QStringLiteral("thinking"),
       {"in the middle of a thought", addThreads,
        [](World& world, WindowVm&, const Ask& ask) {
          askBasel(ask);
          for (int i = 0; i < 60; ++i) world.chat.step();
        }}},
      {QStringLiteral("streaming"),
       {"in the middle of an answer", addThreads,
        [](World& world, WindowVm&, const Ask& ask) {
          askBasel(ask);
          for (int i = 0; i < 105; ++i) world.chat.step();
        }}},
      {QStringLiteral("markdown"),
       {"every kind of block", addThreads,
        [](World& world, WindowVm&, const Ask& ask) {
          world.chat.setScript(markdownScript());
          ask(QStringLiteral("Show me everything."));
          world.chat.finishAll();
        }}},
      {QStringLiteral("stopped"),
       {"an answer that was stopped, another version beside it, old turns left out", addThreads,
        [](World& world, WindowVm& vm, const Ask& ask) {
          Script script = baselScript();
          script.turnsLeftOut = 4;
          world.chat.setScript(script);
          askBasel(ask);
          world.chat.finishAll();
          vm.chat()->regenerateLast();
          for (int i = 0; i < 100; ++i) world.chat.step();
          vm.chat()->stop();
        }}},
      {QStringLiteral("failed"),
       {"an answer that failed", addThreads,
        [](World& world, WindowVm&, const Ask& ask) {
          Script script = baselScript();
          script.failure = QStringLiteral(
              "The model's memory is full: the context could not grow to 16,384 tokens. Choose a smaller context or "
              "close other programs, then continue.");
          world.chat.setScript(script);
          askBasel(ask);
          world.chat.finishAll();
        }}},
      {QStringLiteral("refused"),
       {"an answer that the model's chat template refused", addThreads,
        [](World& world, WindowVm&, const Ask& ask) {
          Script script = baselScript();
          script.failure = QStringLiteral("the chat template refused: Conversation roles must alternate.");
          script.templateRefuses = true;
          world.chat.setScript(script);
          askBasel(ask);
          world.chat.finishAll();
        }}},
      {QStringLiteral("empty"), {"nothing asked yet", nullptr, nullptr}},
      {QStringLiteral("first-run"), {"no model", [](World& world) { world.model.setKnown({}); }, nullptr}},
      {QStringLiteral("loading"),
       {"a model that loads",
        [](World& world) {
          addThreads(world);
          ModelCard large = smallModel();
          large.id = QStringLiteral("large");
          large.name = QStringLiteral("DeepSeek-R1-Distill-Qwen-7B");
          large.fileBytes = 4'700'000'000;
          world.model.startLoading(large);
          world.model.setLoaded(1'200'000'000);
        },
        [](World&, WindowVm& vm, const Ask&) { vm.sidebar()->startNew(); }}},
      {QStringLiteral("missing"),
       {"a model whose file is gone",
        [](World& world) {
          world.model.fail(ModelPort::State::Missing,
                           QStringLiteral("SmolLM2-135M-Instruct.Q4_1.gguf is no longer where it was. Find it, or open "
                                          "another model."),
                           QStringLiteral("/models/SmolLM2-135M-Instruct.Q4_1.gguf: No such "
                                          "file or directory"));
        },
        nullptr}},
      {QStringLiteral("held"),
       {"a model that is not loaded by itself again",
        [](World& world) {
          addThreads(world);
          world.model.fail(ModelPort::State::Held,
                           QStringLiteral("Lemma ended without warning while it loaded SmolLM2 135M Instruct the last "
                                          "time, so now it waits for you to load it."),
                           QStringLiteral("/models/SmolLM2-135M-Instruct.Q4_1.gguf"));
        },
        nullptr}},
      {QStringLiteral("undo"),
       {"a conversation deleted a moment ago", addThreads,
        [](World& world, WindowVm& vm, const Ask& ask) {
          askBasel(ask);
          world.chat.finishAll();
          vm.sidebar()->remove(QStringLiteral("Cover letter, shorter"));
        }}},
      {QStringLiteral("rename"),
       {"a conversation being renamed", addThreads,
        [](World& world, WindowVm& vm, const Ask& ask) {
          askBasel(ask);
          world.chat.finishAll();
          vm.sidebar()->startRename(vm.sidebar()->currentId());
        }}},
      {QStringLiteral("salvaged"),
       {"the store was damaged and repaired", addThreads,
        [](World& world, WindowVm&, const Ask& ask) {
          askBasel(ask);
          world.chat.finishAll();
          emit world.history.salvaged(6, QStringLiteral("/data/lemma/lemma.db.damaged-20261126-020355"));
        }}},
      {QStringLiteral("shortcuts"),
       {"the list of keys", addThreads,
        [](World&, WindowVm& vm, const Ask&) { vm.actions()->run(QStringLiteral("window.shortcuts")); }}},
  };
  return all;
}

QSize parseSize(const QString& text) {
  const QStringList sides = text.split(QLatin1Char('x'));
  if (sides.size() != 2) return {};
  const QSize size(sides[0].toInt(), sides[1].toInt());
  return size.width() >= 100 && size.height() >= 100 && size.width() <= 8000 && size.height() <= 8000 ? size : QSize();
}

// The factor must be known before the application is made, so it is looked for by hand.
void applyScale(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (qstrcmp(argv[i], "--scale") == 0) qputenv("QT_SCALE_FACTOR", argv[i + 1]);
  }
}

int fail(const QString& sentence) {
  QTextStream(stderr) << "lemma-offline: " << sentence << Qt::endl;
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  applyScale(argc, argv);
  QElapsedTimer sinceStart;
  sinceStart.start();
  MainWindow::prepareApplication();
  QGuiApplication app(argc, argv);

  QStringList names;
  for (const auto& [name, scene] : scenes())
    names << QStringLiteral("%1: %2").arg(name, QLatin1String(scene.explanation));
  QCommandLineParser parser;
  parser.setApplicationDescription(QStringLiteral("The window over a scripted engine. Scenes:\n  ") +
                                   names.join(QStringLiteral("\n  ")));
  parser.addHelpOption();
  const QCommandLineOption scene(QStringLiteral("scene"), QStringLiteral("What the window shows."),
                                 QStringLiteral("name"), QStringLiteral("live"));
  const QCommandLineOption theme(QStringLiteral("theme"), QStringLiteral("light or dark instead of the system's."),
                                 QStringLiteral("theme"));
  const QCommandLineOption size(QStringLiteral("size"), QStringLiteral("Size of the window."), QStringLiteral("WxH"),
                                QStringLiteral("1360x860"));
  const QCommandLineOption scale(QStringLiteral("scale"), QStringLiteral("Pixels of a point: 1, 2, 1.5."),
                                 QStringLiteral("factor"));
  const QCommandLineOption picture(QStringLiteral("screenshot"), QStringLiteral("Write a PNG and end."),
                                   QStringLiteral("file"));
  const QCommandLineOption rightToLeft(QStringLiteral("rtl"), QStringLiteral("Mirror the layout."));
  const QCommandLineOption firstFrame(QStringLiteral("first-frame"),
                                      QStringLiteral("Print the milliseconds to the first frame and end."));
  parser.addOptions({scene, theme, size, scale, picture, rightToLeft, firstFrame});
  parser.process(app);

  const auto chosen = scenes().find(parser.value(scene));
  if (chosen == scenes().end())
    return fail(QStringLiteral("there is no scene \"%1\"; --help lists them").arg(parser.value(scene)));
  const QSize windowSize = parseSize(parser.value(size));
  if (!windowSize.isValid()) return fail(QStringLiteral("--size wants two numbers, like 1360x860"));
  if (parser.isSet(rightToLeft)) QGuiApplication::setLayoutDirection(Qt::RightToLeft);

  const bool live = chosen->first == u"live";
  World world(live ? 40 : 0);
  world.chat.setScript(baselScript());
  world.model.setKnown({smallModel()});
  if (chosen->second.before) chosen->second.before(world);

  std::unique_ptr<AppearancePort> system;
  if (!parser.isSet(theme)) system = std::make_unique<SystemAppearance>();
  world.appearance.set(parser.value(theme) == u"dark", parser.isSet(picture));
  MainWindow window({.chat = &world.chat,
                     .history = &world.history,
                     .model = &world.model,
                     .appearance = system ? system.get() : &world.appearance});
  if (!window.open()) return fail(QStringLiteral("the window could not be made"));
  window.window()->resize(windowSize);
  if (parser.isSet(firstFrame)) {
    QObject::connect(&window, &MainWindow::firstFrameShown, &app, [&] {
      QTextStream(stdout) << sinceStart.elapsed() << Qt::endl;
      app.quit();
    });
  }

  // Once the list of conversations is in, the scene plays in a new one.
  QTimer::singleShot(100, &app, [&] {
    const Ask ask = [&window](const QString& question) {
      window.vm().sidebar()->startNew();
      window.vm().chat()->setDraft(question);
      window.vm().chat()->send();
    };
    if (chosen->second.after) chosen->second.after(world, window.vm(), ask);
  });
  int status = 0;
  if (parser.isSet(picture)) {
    QTimer::singleShot(900, &app, [&] {
      const QImage image = window.window()->grabWindow();
      if (image.isNull() || !image.save(parser.value(picture))) {
        status = fail(QStringLiteral("%1 could not be written").arg(parser.value(picture)));
      }
      app.quit();
    });
  }
  const int ended = app.exec();
  return status != 0 ? status : ended;
}
