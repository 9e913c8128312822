#include "app/adapters/model_adapter.h"

#include <QFileInfo>
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/adapters/translate.h"
#include "app/core/chat_request.h"
#include "app/core/model_name.h"
#include "app/log.h"

namespace lemma::app {

namespace {

constexpr int kProgressMs = 33;
constexpr const char* kLastModel = "last_model";
constexpr const char* kLoadingModel = "loading_model";  // by itself, at the start; no path when it has ended

std::string lastModelJson(const std::string& id) { return nlohmann::json{{"version", 1}, {"model", id}}.dump(); }

std::string lastModelId(const std::optional<std::string>& json) {
  if (!json) return {};
  const nlohmann::json j = nlohmann::json::parse(*json, nullptr, false);
  if (!j.is_object() || j.value("version", 0) != 1) return {};
  const auto model = j.find("model");
  return model != j.end() && model->is_string() ? model->get<std::string>() : std::string();
}

std::string loadingJson(const std::string& path) { return nlohmann::json{{"version", 1}, {"path", path}}.dump(); }

// Which file was being loaded by itself when the program ended without a word.
std::string unfinishedLoad(const std::optional<std::string>& json) {
  if (!json) return {};
  const nlohmann::json j = nlohmann::json::parse(*json, nullptr, false);
  if (!j.is_object() || j.value("version", 0) != 1) return {};
  const auto path = j.find("path");
  return path != j.end() && path->is_string() ? path->get<std::string>() : std::string();
}

storage::ModelRecord recordOf(const ModelInfo& m) {
  return {.id = m.id,
          .name = modelName(m.path),
          .architecture = m.architecture,
          .bytes = m.fileBytes,
          .json = nlohmann::json{{"schema", "lemma.model"},
                                 {"version", 1},
                                 {"quantisation", m.quantisation},
                                 {"parameters", m.parameters},
                                 {"licence", m.licence},
                                 {"template_hash", m.templateHash}}
                      .dump()};
}

ui::ModelCard cardOf(const storage::ModelRecord& m) {
  ui::ModelCard card{.id = toQt(m.id), .name = toQt(m.name), .fileBytes = qint64(m.bytes)};
  for (const storage::ModelPlace& p : m.places) {
    if (card.path.isEmpty() || p.present) card.path = toQt(p.path);
    if (p.present) break;
  }
  const nlohmann::json j = nlohmann::json::parse(m.json, nullptr, false);
  if (j.is_object()) {
    if (const auto q = j.find("quantisation"); q != j.end() && q->is_string())
      card.quantisation = toQt(q->get<std::string>());
  }
  return card;
}

// What a start finds: the model used last, else the default one.
struct Choice {
  std::optional<storage::ModelRecord> record;
  std::string path{};  // empty: there is none, or not where it was
  bool held = false;
};

}  // namespace

// Written by the engine's thread, read by a timer of the UI thread.
struct ModelAdapter::Progress {
  std::atomic<uint64_t> done{0}, total{0};
};

ModelAdapter::ModelAdapter(EngineWorker& worker, storage::StorageThread& store, const Paths& paths,
                           storage::SettingMap overrides, QObject* parent)
    : ui::ModelPort(parent), worker_(worker), store_(store), paths_(paths), overrides_(std::move(overrides)) {
  progressTimer_.setInterval(kProgressMs);
  connect(&progressTimer_, &QTimer::timeout, this, [this] {
    const qint64 done = qint64(progress_->done), total = qint64(progress_->total);
    if (done == bytesDone_ && total == bytesTotal_) return;
    bytesDone_ = done;
    bytesTotal_ = total;
    emit progressed();
  });
}

ModelAdapter::~ModelAdapter() = default;

void ModelAdapter::setState(State state) {
  state_ = state;
  if (state == State::Loading) {
    progressTimer_.start();
  } else {
    progressTimer_.stop();
  }
  emit changed();
}

void ModelAdapter::start() {
  // Shown as loading at once: a window that says "no model" for a blink would be wrong.
  const QString standard = toQt(paths_.defaultModel());
  card_ = {.name = toQt(modelName(paths_.defaultModel())), .path = standard};
  progress_ = std::make_shared<Progress>();
  setState(State::Loading);
  refreshKnown();
  store_.call(
      [standard = paths_.defaultModel()](storage::Store& s) -> storage::Result<Choice> {
        STORE_TRY(state, s.state(kLastModel));
        STORE_TRY(marker, s.state(kLoadingModel));
        STORE_TRY(found, s.checkPlaces(lastModelId(state)));
        Choice choice{.record = std::move(found)};
        std::error_code none;
        if (choice.record) {
          const auto& places = choice.record->places;
          const auto there = std::ranges::find_if(places, [](auto& place) { return place.present; });
          if (there != places.end()) choice.path = there->path;
        } else if (std::filesystem::exists(standard, none)) {
          choice.path = standard;
        }
        choice.held = !choice.path.empty() && unfinishedLoad(marker) == choice.path;
        // On the disk before the file is touched. Where that cannot be, the model is loaded all the same.
        if (!choice.path.empty() && !choice.held) (void)s.setState(kLoadingModel, loadingJson(choice.path));
        return choice;
      },
      [this, standard](storage::Result<Choice> choice) {
        if (attempt_ != 0) return;  // the person opened a file meanwhile
        if (!choice) {              // nothing is known: the store says why
          choice = Choice{.path = QFileInfo::exists(standard) ? paths_.defaultModel() : std::string()};
        }
        if (choice->record) card_ = cardOf(*choice->record);
        guarded_ = toQt(choice->path);
        if (choice->held) {
          held();
        } else if (!choice->path.empty()) {
          load(guarded_, card_.name);
        } else if (choice->record) {
          missing(*choice->record);
        } else {
          card_ = {};
          setState(State::Empty);
        }
      });
}

void ModelAdapter::held() {
  problem_ = tr("Lemma ended without warning while it loaded %1 the last time, so now it waits for you to load it.")
                 .arg(card_.name);
  problemDetails_ = guarded_;
  setState(State::Held);
}

// The load that the program began by itself is over, so the next start may try again.
void ModelAdapter::unguard() {
  guarded_.clear();
  store_.call([](storage::Store& s) { return s.setState(kLoadingModel, loadingJson({})); },
              [](const storage::Result<void>&) {});  // at worst the person is asked once more
}

void ModelAdapter::shutDown() {
  if (state_ == State::Loading && !guarded_.isEmpty()) unguard();
}

void ModelAdapter::missing(const storage::ModelRecord& model) {
  card_ = cardOf(model);
  problem_ = tr("The model file %1 is no longer where it was. Find it, or open another model.").arg(card_.path);
  problemDetails_.clear();
  setState(State::Missing);
}

void ModelAdapter::load(const QString& path, const QString& shownName) {
  const quint64 attempt = ++attempt_;
  progress_ = std::make_shared<Progress>();
  bytesDone_ = bytesTotal_ = 0;
  problem_.clear();
  problemDetails_.clear();
  card_ = {.name = shownName, .path = path};
  setState(State::Loading);
  atWorker_ = false;
  store_.call([](storage::Store& s) { return s.settings(storage::Store::Scope::person, ""); },
              [this, attempt, path](storage::Result<storage::SettingMap> person) {
                if (attempt != attempt_) return;
                LoadOptions options;
                options.path = path.toStdString();
                if (person) {  // without its settings nothing is known of what may be kept
                  options.parking = parkingOptions(paths_.parked(), *person, overrides_);
                  options.parking.notice = logWarning;
                }
                handOver(attempt, std::move(options));
              });
}

void ModelAdapter::handOver(quint64 attempt, LoadOptions options) {
  atWorker_ = true;
  const QString path = toQt(options.path);
  worker_.load(
      std::move(options),
      [progress = progress_](LoadProgress p) {
        progress->total = p.bytesTotal;
        progress->done = p.bytesDone;
      },
      [this, attempt, path](Result<ModelInfo> result) {
        QMetaObject::invokeMethod(
            this, [this, attempt, path, result = std::move(result)] { loadEnded(attempt, path, result); },
            Qt::QueuedConnection);
      });
}

void ModelAdapter::loadEnded(quint64 attempt, const QString& path, const Result<ModelInfo>& result) {
  // One that stood still would do so again.
  if (path == guarded_ && (result || !isStall(result.error()))) unguard();
  if (result) {
    // Also when a newer load is on its way: until that one is ready, this model is the one in use.
    loaded_ = *result;
    store_.call(
        [info = *result](storage::Store& s) -> storage::Result<void> {
          STORE_CHECK(s.rememberModel(recordOf(info), info.path));
          return s.setState(kLastModel, lastModelJson(info.id));
        },
        [this](storage::Result<void>) { refreshKnown(); });  // a model that cannot be remembered still answers
  }
  if (attempt != attempt_) return;
  logInfo(result ? "model loaded: " + result->architecture + ", " + result->id : "model not loaded");
  if (result) {
    card_ = toUi(*result);
    problem_ = toQt(result->templateNotice);
    setState(State::Ready);
  } else if (result.error().code == Err::cancelled) {
    card_ = loaded_ ? toUi(*loaded_) : ui::ModelCard{};
    if (loaded_) problem_ = toQt(loaded_->templateNotice);
    setState(loaded_ ? State::Ready : State::Empty);
  } else {
    problem_ = isStall(result.error()) ? tr("Nothing went on for too long while %1 was loaded, so it was given up. Try "
                                            "again, or open another model.")
                                             .arg(card_.name)
                                       : toQt(result.error().what);
    problemDetails_ = card_.path;
    setState(State::Failed);
  }
}

void ModelAdapter::open(const QUrl& file) {
  const QString path = file.isLocalFile() ? file.toLocalFile() : file.toString();
  load(path, toQt(modelName(path.toStdString())));
}

void ModelAdapter::use(const QString& modelId) {
  using Found = std::optional<storage::ModelRecord>;
  store_.call([id = modelId.toStdString()](storage::Store& s) { return s.checkPlaces(id); },
              [this](storage::Result<Found> found) {
                if (!found || !*found) return;
                const bool present =
                    std::any_of((*found)->places.begin(), (*found)->places.end(), [](auto& p) { return p.present; });
                const ui::ModelCard card = cardOf(**found);
                if (present) {
                  load(card.path, card.name);
                } else {
                  missing(**found);
                }
              });
}

void ModelAdapter::retry() {
  if (!card_.path.isEmpty()) load(card_.path, card_.name);
}

void ModelAdapter::cancelLoading() {
  if (state_ != State::Loading) return;
  worker_.cancelLoad();
  if (attempt_ == 0 || atWorker_) return;
  loadEnded(attempt_, card_.path, fail(Err::cancelled, "loading was cancelled"));
  ++attempt_;
}

void ModelAdapter::refreshKnown() {
  store_.call([](storage::Store& s) { return s.models(); },
              [this](storage::Result<std::vector<storage::ModelRecord>> models) {
                if (!models) return;
                known_.clear();
                for (const storage::ModelRecord& m : *models) known_.push_back(cardOf(m));
                emit changed();
              });
}

}  // namespace lemma::app
