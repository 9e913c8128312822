#include "ui/pages/chat/model_vm.h"

#include "ui/models/format.h"
#include "ui/models/span_text.h"

namespace lemma::ui {
namespace {

QString describe(const ModelCard& model) {
  QStringList facts;
  if (!model.quantisation.isEmpty()) facts << drawable(model.quantisation);
  if (model.fileBytes > 0) facts << formatBytes(model.fileBytes);
  if (model.memoryBytes > 0) facts << ModelVm::tr("%1 more in memory").arg(formatBytes(model.memoryBytes));
  if (!model.path.isEmpty()) facts << drawable(model.path);
  return facts.join(QStringLiteral(" · "));
}

}  // namespace

ModelVm::ModelVm(ModelPort& port, QObject* parent) : QObject(parent), port_(port) {
  connect(&port, &ModelPort::changed, this, &ModelVm::changed);
  connect(&port, &ModelPort::changed, this, &ModelVm::progressed);
  connect(&port, &ModelPort::progressed, this, &ModelVm::progressed);
}

QString ModelVm::state() const {
  switch (port_.state()) {
    case ModelPort::State::Empty:
      return QStringLiteral("empty");
    case ModelPort::State::Loading:
      return QStringLiteral("loading");
    case ModelPort::State::Ready:
      return QStringLiteral("ready");
    case ModelPort::State::Missing:
      return QStringLiteral("missing");
    case ModelPort::State::Failed:
      return QStringLiteral("failed");
    case ModelPort::State::Held:
      return QStringLiteral("held");
  }
  return {};
}

QString ModelVm::name() const {
  if (port_.state() == ModelPort::State::Empty) return tr("No model");
  return drawable(port_.current().name);
}

QString ModelVm::description() const { return describe(port_.current()); }

QVariantList ModelVm::known() const {
  QVariantList out;
  const QString currentId = port_.current().id;
  for (const ModelCard& model : port_.known()) {
    out << QVariantMap{{QStringLiteral("id"), model.id},
                       {QStringLiteral("name"), drawable(model.name)},
                       {QStringLiteral("description"), describe(model)},
                       {QStringLiteral("current"), model.id == currentId}};
  }
  return out;
}

QString ModelVm::privacy() const {
  const QString host = port_.current().host;
  return host.isEmpty() ? tr("Nothing left this machine") : tr("Asked: %1").arg(drawable(host));
}

QString ModelVm::loadText() const {
  if (port_.bytesTotal() <= 0) return tr("Loading %1").arg(name());
  return tr("Loading %1: %2 of %3").arg(name(), formatBytes(port_.bytesDone()), formatBytes(port_.bytesTotal()));
}

qreal ModelVm::loadFraction() const {
  return port_.bytesTotal() > 0 ? qreal(port_.bytesDone()) / qreal(port_.bytesTotal()) : -1;
}

}  // namespace lemma::ui
