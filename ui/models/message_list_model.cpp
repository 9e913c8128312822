#include "ui/models/message_list_model.h"

#include <QQmlEngine>
#include <algorithm>
#include <utility>

#include "ui/models/format.h"
#include "ui/models/span_text.h"

namespace lemma::ui {
namespace {

constexpr int kClockMs = 100;
constexpr qsizetype kTailChars = 600;

// The end of a long text, from the start of a word and without blank lines.
QString tailOf(const QString& text) {
  QString tail = text.right(kTailChars);
  if (tail.size() < text.size()) tail.remove(0, tail.indexOf(QLatin1Char(' ')) + 1);
  qsizetype size = 0;
  while (std::exchange(size, tail.size()) != tail.size()) tail.replace(QStringLiteral("\n\n"), QStringLiteral("\n"));
  return tail;
}

bool canContinue(const Message& message) {
  return message.state == MessageState::Stopped || message.state == MessageState::Interrupted ||
         message.state == MessageState::Failed;
}

MessageListModel::Kind kindOf(PartKind kind) {
  if (kind == PartKind::Think) return MessageListModel::Kind::Think;
  return kind == PartKind::Answer ? MessageListModel::Kind::Answer : MessageListModel::Kind::Error;
}

// A final text may lack the white space with which the streamed one ended; that is no reason to draw it anew.
bool sameButForEnd(QStringView a, QStringView b) {
  const auto trimmed = [](QStringView text) {
    while (!text.isEmpty() && text.back().isSpace()) text.chop(1);
    return text;
  };
  return trimmed(a) == trimmed(b);
}

}  // namespace

MessageListModel::MessageListModel(QObject* parent) : QAbstractListModel(parent) {
  tick_.setInterval(kClockMs);
  connect(&tick_, &QTimer::timeout, this, &MessageListModel::tick);
}

MessageListModel::~MessageListModel() = default;

void MessageListModel::makeEntry(const Message& message) {
  auto entry = std::make_unique<Entry>();
  entry->message = message;
  entry->views.resize(size_t(message.parts.size()));
  if (message.state == MessageState::Streaming && !message.parts.isEmpty() &&
      message.parts.last().kind == PartKind::Think) {
    startThought(*entry, message.parts.last().durationMs);
  }
  entryOf_.insert(message.id, int(entries_.size()));
  entries_.push_back(std::move(entry));
}

void MessageListModel::startThought(Entry& entry, qint64 soFarMs) {
  entry.thoughtRuns = true;
  entry.thoughtBaseMs = soFarMs;
  entry.clock.start();
}

void MessageListModel::reset(const QList<Message>& messages) {
  // What the person opened or closed stays so when the same message comes again.
  std::vector<std::unique_ptr<Entry>> before = std::move(entries_);
  const QHash<QString, int> entryBefore = std::move(entryOf_);
  beginResetModel();
  entries_.clear();
  entryOf_.clear();
  rows_.clear();
  for (const Message& message : messages) {
    makeEntry(message);
    const auto old = entryBefore.constFind(message.id);
    if (old == entryBefore.cend()) continue;
    auto& views = entries_.back()->views;
    const auto& oldViews = before[size_t(*old)]->views;
    for (size_t i = 0; i < std::min(views.size(), oldViews.size()); ++i) views[i].openByHand = oldViews[i].openByHand;
  }
  for (int i = 0; i < int(entries_.size()); ++i) {
    for (const Row& row : rowsOf(i)) rows_.push_back(row);
  }
  endResetModel();
  updateClock();
  emit stateChanged();
}

void MessageListModel::add(const Message& message) {
  if (contains(message.id)) {
    replace(message);
    return;
  }
  makeEntry(message);
  const int entry = int(entries_.size()) - 1;
  syncRows(entry);
  refreshFooters(entry);
  updateClock();
  emit stateChanged();
}

void MessageListModel::appendText(const QString& messageId, PartKind kind, const QString& text, int tokens) {
  const auto found = entryOf_.constFind(messageId);
  if (found == entryOf_.cend()) return;
  const int at = *found;
  Entry& entry = *entries_[size_t(at)];
  QList<Part>& parts = entry.message.parts;
  const bool fresh = parts.isEmpty() || parts.last().kind != kind;
  if (fresh) {
    const bool thoughtEnds = entry.thoughtRuns;
    if (thoughtEnds) {
      parts.last().durationMs = thoughtMs(entry, int(parts.size()) - 1);
      entry.thoughtRuns = false;
    }
    parts.push_back({.kind = kind, .text = {}, .details = {}, .tokens = 0, .durationMs = 0});
    entry.views.emplace_back();
    if (kind == PartKind::Think) startThought(entry, 0);
    if (parts.size() > 1) {
      const QModelIndex above = index(rowOfPart(at, int(parts.size()) - 2));
      emit dataChanged(above, above);
    }
  } else if (kind == PartKind::Think && !entry.thoughtRuns) {
    startThought(entry, parts.last().durationMs);  // a thought that was stopped goes on
  }
  parts.last().text += text;
  if (tokens > 0) parts.last().tokens = tokens;
  if (BlockListModel* model = entry.views.back().blocks.get()) model->append(text);
  if (fresh) {
    syncRows(at);
    updateClock();
    emit stateChanged();
    return;
  }
  const QModelIndex changed = index(rowOfPart(at, int(parts.size()) - 1));
  // The blocks of an answer tell their own views; all of a thought is read again only where all of it is shown.
  if (kind != PartKind::Think) return;
  const bool open = panel(entry, int(parts.size()) - 1) == QStringLiteral("open");
  emit dataChanged(changed, changed, {open ? TextRole : TailRole, CountRole, HeaderRole});
}

void MessageListModel::endThought(const QString& messageId, qint64 durationMs) {
  const auto found = entryOf_.constFind(messageId);
  if (found == entryOf_.cend()) return;
  Entry& entry = *entries_[size_t(*found)];
  for (int i = int(entry.message.parts.size()) - 1; i >= 0; --i) {
    Part& part = entry.message.parts[i];
    if (part.kind != PartKind::Think) continue;
    part.durationMs = durationMs > 0 ? durationMs : thoughtMs(entry, i);
    entry.thoughtRuns = false;
    const QModelIndex changed = index(rowOfPart(*found, i));
    emit dataChanged(changed, changed);
    break;
  }
  updateClock();
  emit stateChanged();
}

void MessageListModel::setPromptProgress(const QString& messageId, int done, int total) {
  const auto found = entryOf_.constFind(messageId);
  if (found == entryOf_.cend()) return;
  Entry& entry = *entries_[size_t(*found)];
  entry.promptDone = done;
  entry.promptTotal = total;
  for (int row = firstRow(*found); row < int(rows_.size()) && rows_[size_t(row)].entry == *found; ++row) {
    if (rows_[size_t(row)].kind == Kind::Waiting) emit dataChanged(index(row), index(row), {TextRole});
  }
}

void MessageListModel::replace(const Message& message) {
  const auto found = entryOf_.constFind(message.id);
  if (found == entryOf_.cend()) return;
  const int at = *found;
  Entry& entry = *entries_[size_t(at)];
  const bool running = message.state == MessageState::Streaming;
  const qint64 ownThoughtMs = entry.thoughtRuns ? thoughtMs(entry, int(entry.message.parts.size()) - 1) : 0;

  // Views whose part is still the same kind are kept, so that nothing on the screen is built anew.
  const QList<Part> before = entry.message.parts;
  entry.message = message;
  size_t same = 0;
  while (same < size_t(before.size()) && same < size_t(message.parts.size()) &&
         before[qsizetype(same)].kind == message.parts[qsizetype(same)].kind) {
    ++same;
  }
  std::vector<std::unique_ptr<BlockListModel>> retired;
  for (size_t i = 0; i < entry.views.size(); ++i) {
    PartView& view = entry.views[i];
    const bool sameText = i < same && sameButForEnd(before[qsizetype(i)].text, message.parts[qsizetype(i)].text);
    if (view.blocks && sameText && !running) view.blocks->finish();
    if (view.blocks && !sameText) retired.push_back(std::move(view.blocks));
    if (i >= same) view.openByHand.reset();
  }
  entry.views.resize(size_t(message.parts.size()));
  entry.thoughtRuns = false;
  if (running && !message.parts.isEmpty() && message.parts.last().kind == PartKind::Think) {
    startThought(entry, message.parts.last().durationMs);
  } else if (!message.parts.isEmpty()) {
    Part& last = entry.message.parts.last();
    if (last.kind == PartKind::Think && last.durationMs == 0) last.durationMs = ownThoughtMs;
  }
  syncRows(at);
  const int first = firstRow(at);
  const int count = int(rowsOf(at).size());
  if (count > 0) emit dataChanged(index(first), index(first + count - 1));
  refreshFooters(at);
  updateClock();
  emit stateChanged();
  for (auto& model : retired) model.release()->deleteLater();  // views let go of it only now
}

void MessageListModel::togglePanel(int row) {
  if (row < 0 || row >= int(rows_.size()) || !rows_[size_t(row)].isPart()) return;
  Entry& entry = *entries_[size_t(rows_[size_t(row)].entry)];
  const int part = rows_[size_t(row)].part;
  entry.views[size_t(part)].openByHand = panel(entry, part) != u"open";
  emit dataChanged(index(row), index(row), {TextRole, TailRole, PanelRole});
}

const Message* MessageListModel::message(const QString& messageId) const {
  const auto found = entryOf_.constFind(messageId);
  return found == entryOf_.cend() ? nullptr : &entries_[size_t(*found)]->message;
}

const Message* MessageListModel::last() const { return entries_.empty() ? nullptr : &entries_.back()->message; }

bool MessageListModel::generating() const { return last() && last()->state == MessageState::Streaming; }

bool MessageListModel::thinking() const { return generating() && entries_.back()->thoughtRuns; }

QString MessageListModel::textOf(const QString& messageId, PartKind kind) const {
  const Message* found = message(messageId);
  if (!found) return {};
  QStringList texts;
  for (const Part& part : found->parts) {
    if (part.kind == kind) texts << part.text;
  }
  return texts.join(QStringLiteral("\n\n"));
}

std::vector<MessageListModel::Row> MessageListModel::rowsOf(int at) const {
  const Message& message = entries_[size_t(at)]->message;
  std::vector<Row> rows;
  if (message.role == ui::Role::User) {
    rows.push_back({at, Kind::Question, 0});
    return rows;
  }
  if (message.turnsLeftOut > 0) rows.push_back({at, Kind::Notice, 0});
  for (int i = 0; i < int(message.parts.size()); ++i) rows.push_back({at, kindOf(message.parts[i].kind), i});
  if (message.state != MessageState::Streaming) {
    rows.push_back({at, Kind::Footer, 0});
  } else if (message.parts.isEmpty()) {
    rows.push_back({at, Kind::Waiting, 0});
  }
  return rows;
}

// Removes the rows of one message that are no more, then inserts those that are new; both lists are in one order.
void MessageListModel::syncRows(int at) {
  const std::vector<Row> wanted = rowsOf(at);
  const int first = firstRow(at);
  for (int row = first; row < int(rows_.size()) && rows_[size_t(row)].entry == at;) {
    if (std::ranges::find(wanted, rows_[size_t(row)]) != wanted.end()) {
      ++row;
      continue;
    }
    beginRemoveRows({}, row, row);
    rows_.erase(rows_.begin() + row);
    endRemoveRows();
  }
  for (int i = 0; i < int(wanted.size()); ++i) {
    const int row = first + i;
    if (row < int(rows_.size()) && rows_[size_t(row)] == wanted[size_t(i)]) continue;
    beginInsertRows({}, row, row);
    rows_.insert(rows_.begin() + row, wanted[size_t(i)]);
    endInsertRows();
  }
}

int MessageListModel::firstRow(int entry) const {
  return int(std::ranges::lower_bound(rows_, entry, {}, &Row::entry) - rows_.begin());
}

int MessageListModel::rowOfPart(int entry, int part) const {
  int row = firstRow(entry);
  while (row < int(rows_.size()) && !(rows_[size_t(row)].isPart() && rows_[size_t(row)].part == part)) ++row;
  return row;
}

void MessageListModel::tick() {
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[rows_.size() - 1 - i];
    const Entry& entry = *entries_[size_t(row.entry)];
    if (!entry.thoughtRuns) continue;
    if (row.kind != Kind::Think || row.part + 1 != int(entry.message.parts.size())) continue;
    const QModelIndex changed = index(int(rows_.size() - 1 - i));
    emit dataChanged(changed, changed, {HeaderRole});
    return;
  }
}

void MessageListModel::updateClock() {
  const bool runs = std::ranges::any_of(entries_, [](const auto& entry) { return entry->thoughtRuns; });
  if (runs == tick_.isActive()) return;
  runs ? tick_.start() : tick_.stop();
}

// Whether an answer can be written again depends on what stands below it.
void MessageListModel::refreshFooters(int exceptEntry) {
  for (int row = int(rows_.size()) - 1, seen = 0; row >= 0 && seen < 2; --row) {
    if (rows_[size_t(row)].kind != Kind::Footer) continue;
    ++seen;
    if (rows_[size_t(row)].entry != exceptEntry) emit dataChanged(index(row), index(row));
  }
}

qint64 MessageListModel::thoughtMs(const Entry& entry, int part) const {
  const bool runs = entry.thoughtRuns && part + 1 == int(entry.message.parts.size());
  return runs ? entry.thoughtBaseMs + entry.clock.elapsed() : entry.message.parts[part].durationMs;
}

bool MessageListModel::partRuns(const Entry& entry, int part) const {
  if (entry.message.state != MessageState::Streaming || part + 1 != int(entry.message.parts.size())) return false;
  return entry.message.parts[part].kind != PartKind::Think || entry.thoughtRuns;
}

QString MessageListModel::panel(const Entry& entry, int part) const {
  const std::optional<bool>& byHand = entry.views[size_t(part)].openByHand;
  if (byHand) return *byHand ? QStringLiteral("open") : QStringLiteral("closed");
  return partRuns(entry, part) ? QStringLiteral("preview") : QStringLiteral("closed");
}

BlockListModel* MessageListModel::blocks(const Row& row) const {
  Entry& entry = *entries_[size_t(row.entry)];
  PartView& view = entry.views[size_t(row.part)];
  if (!view.blocks) {
    view.blocks = std::make_unique<BlockListModel>();
    QQmlEngine::setObjectOwnership(view.blocks.get(), QQmlEngine::CppOwnership);
    view.blocks->append(entry.message.parts[row.part].text);
    if (!partRuns(entry, row.part)) view.blocks->finish();
  }
  return view.blocks.get();
}

QString MessageListModel::kindName(Kind kind) {
  switch (kind) {
    case Kind::Notice:
      return QStringLiteral("notice");
    case Kind::Question:
      return QStringLiteral("question");
    case Kind::Think:
      return QStringLiteral("think");
    case Kind::Answer:
      return QStringLiteral("answer");
    case Kind::Error:
      return QStringLiteral("error");
    case Kind::Waiting:
      return QStringLiteral("waiting");
    case Kind::Footer:
      return QStringLiteral("footer");
  }
  return {};
}

QString MessageListModel::waitingText(const Entry& entry) const {
  if (entry.promptTotal <= 0) return tr("Waiting for the model");
  return tr("Reading the conversation: %1 of %2 tokens").arg(entry.promptDone).arg(entry.promptTotal);
}

int MessageListModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : int(rows_.size()); }

QVariant MessageListModel::partData(const Entry& entry, const Row& row, int role) const {
  const Part& part = entry.message.parts[row.part];
  switch (role) {
    case TextRole:
      return drawable(part.text);
    case TailRole:
      return drawable(tailOf(part.text));
    case DetailsRole:
      return drawable(part.details);
    case HeaderRole: {
      const qint64 ms = thoughtMs(entry, row.part);
      if (partRuns(entry, row.part)) return tr("Thinking for %1").arg(formatDuration(ms));
      return ms > 0 ? tr("Thought for %1").arg(formatDuration(ms)) : tr("Thought");
    }
    case CountRole:
      return part.tokens > 0 ? formatTokens(part.tokens) : QString();
    case RunningRole:
      return partRuns(entry, row.part);
    case PanelRole:
      return panel(entry, row.part);
    case BlocksRole:
      return part.kind == PartKind::Answer ? QVariant::fromValue(blocks(row)) : QVariant();
    case CanContinueRole:
      return false;
    case BuiltinFormatRole:
      return part.templateRefused && &entry.message == last();
    default:
      return {};
  }
}

QVariant MessageListModel::footerData(const Entry& entry, int role) const {
  const Message& message = entry.message;
  switch (role) {
    case TextRole:
      return formatSpeed(message.stats);
    case DetailsRole:
      return explainSpeed(message.stats);
    case VersionRole:
      return message.version;
    case VersionsRole:
      return message.versions;
    case CanContinueRole:
      return &message == last() && canContinue(message);
    case CanRegenerateRole:
      return &message == last();
    case StateTextRole:
      if (message.state == MessageState::Stopped) return tr("Stopped");
      if (message.state == MessageState::Interrupted) return tr("Interrupted");
      return QString();
    default:
      return {};
  }
}

QVariant MessageListModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Row& row = rows_[size_t(index.row())];
  const Entry& entry = *entries_[size_t(row.entry)];
  if (role == KindRole) return kindName(row.kind);
  if (role == MessageIdRole) return entry.message.id;
  switch (row.kind) {
    case Kind::Think:
    case Kind::Answer:
    case Kind::Error:
      return partData(entry, row, role);
    case Kind::Footer:
      return footerData(entry, role);
    case Kind::Question:
      if (role == TextRole) return drawable(entry.message.parts.isEmpty() ? QString() : entry.message.parts[0].text);
      return {};
    case Kind::Waiting:
      return role == TextRole ? QVariant(waitingText(entry)) : QVariant();
    case Kind::Notice:
      if (role != TextRole) return {};
      return tr(
          "The conversation is longer than the model's context: its %n oldest turn(s) were left out of what "
          "the model read.",
          nullptr, entry.message.turnsLeftOut);
  }
  return {};
}

QHash<int, QByteArray> MessageListModel::roleNames() const {
  return {{KindRole, "kind"},
          {MessageIdRole, "messageId"},
          {TextRole, "content"},
          {TailRole, "tail"},
          {DetailsRole, "details"},
          {HeaderRole, "header"},
          {CountRole, "count"},
          {RunningRole, "running"},
          {PanelRole, "panel"},
          {BlocksRole, "blocks"},
          {VersionRole, "version"},
          {VersionsRole, "versions"},
          {CanContinueRole, "canContinue"},
          {CanRegenerateRole, "canRegenerate"},
          {BuiltinFormatRole, "builtinFormat"},
          {StateTextRole, "stateText"}};
}

}  // namespace lemma::ui
