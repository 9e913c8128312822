#include "app/adapters/model_adapter.h"

#include <QFileInfo>
#include <nlohmann/json.hpp>

#include "app/adapters/translate.h"
#include "app/core/chat_request.h"
#include "app/core/model_name.h"
#include "app/log.h"

namespace lemma::app {

namespace {

constexpr int kProgressMs = 33;
constexpr const char* kLastModel = "last_model";

std::string lastModelJson(const std::string& id) { return nlohmann::json{{"version", 1}, {"model", id}}.dump(); }

std::string lastModelId(const std::optional<std::string>& json) {
  if (!json) return {};
  const nlohmann::json j = nlohmann::json::parse(*json, nullptr, false);
  if (!j.is_object() || j.value("version", 0) != 1) return {};
  const auto model = j.find("model");
  return model != j.end() && model->is_string() ? model->get<std::string>() : std::string();
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
  using Found = std::optional<storage::ModelRecord>;
  store_.call(
      [](storage::Store& s) -> storage::Result<Found> {
        STORE_TRY(state, s.state(kLastModel));
        const std::string id = lastModelId(state);
        if (id.empty()) return Found{};
        return s.checkPlaces(id);
      },
      [this, standard](storage::Result<Found> found) {
        if (attempt_ != 0) return;  // the person opened a file meanwhile
        if (found && *found) {
          const ui::ModelCard card = cardOf(**found);
          const bool present =
              std::any_of((*found)->places.begin(), (*found)->places.end(), [](auto& p) { return p.present; });
          if (!present) {
            missing(**found);
            return;
          }
          load(card.path, card.name);
        } else if (QFileInfo::exists(standard)) {
          load(standard, card_.name);
        } else {
          card_ = {};
          setState(State::Empty);
        }
      });
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
  worker_.load(
      std::move(options),
      [progress = progress_](LoadProgress p) {
        progress->total = p.bytesTotal;
        progress->done = p.bytesDone;
      },
      [this, attempt](Result<ModelInfo> result) {
        QMetaObject::invokeMethod(
            this, [this, attempt, result = std::move(result)] { loadEnded(attempt, result); }, Qt::QueuedConnection);
      });
}

void ModelAdapter::loadEnded(quint64 attempt, const Result<ModelInfo>& result) {
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
    problem_ = toQt(result.error().what);
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
  loadEnded(attempt_, fail(Err::cancelled, "loading was cancelled"));
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
