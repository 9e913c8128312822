// The rows of a thread: a question is one row; an answer is a row for each of its parts, a notice when old turns were
// left out, and a footer when it has ended. Fed by ports' signals, keeps what the person did to a panel.
// Owner: ChatPageVm. UI thread. Streaming changes or adds the last rows only and never resets.
#pragma once

#include <QtQml/qqmlregistration.h>

#include <QAbstractListModel>
#include <QElapsedTimer>
#include <QHash>
#include <QTimer>
#include <memory>
#include <optional>
#include <vector>

#include "ui/models/block_list_model.h"
#include "ui/ports/chat_values.h"

namespace lemma::ui {

class MessageListModel : public QAbstractListModel {
  Q_OBJECT
  QML_ELEMENT
  QML_UNCREATABLE("made by the chat page's view-model")

 public:
  // In the order in which the rows of one message stand.
  enum class Kind { Notice, Question, Think, Answer, Error, Waiting, Footer };

  enum Role {
    KindRole = Qt::UserRole,  // "notice", "question", "think", "answer", "error", "waiting", "footer"
    MessageIdRole,
    TextRole,           // question, think, error: the text; notice, waiting, footer: what to say
    TailRole,           // think: the last few lines, for the preview
    DetailsRole,        // error: technical text; footer: the figures explained
    HeaderRole,         // think: "Thinking for 3.2 s", "Thought for 12.4 s"
    CountRole,          // think: "482 tokens"
    RunningRole,        // think, answer: this part is being written now
    PanelRole,          // think: "preview" (its tail), "open", "closed"
    BlocksRole,         // answer: BlockListModel
    VersionRole,        // footer: 1-based
    VersionsRole,       // footer
    CanContinueRole,    // footer, error
    CanRegenerateRole,  // footer: only the last answer, when nothing runs
    BuiltinFormatRole,  // error: that the built-in format may answer, and can be asked to now
    StateTextRole,      // footer: "Stopped", "Interrupted", empty when complete
  };

  explicit MessageListModel(QObject* parent = nullptr);
  ~MessageListModel() override;

  void reset(const QList<Message>& messages);
  void add(const Message& message);
  void appendText(const QString& messageId, PartKind kind, const QString& text, int tokens);
  void endThought(const QString& messageId, qint64 durationMs);
  void setPromptProgress(const QString& messageId, int done, int total);
  void replace(const Message& message);

  // The person opened or closed a thought; from then on the program leaves that panel alone.
  Q_INVOKABLE void togglePanel(int row);

  bool contains(const QString& messageId) const { return entryOf_.contains(messageId); }
  const Message* message(const QString& messageId) const;
  const Message* last() const;
  bool generating() const;                                        // the last message is being written
  bool thinking() const;                                          // and it is at its thought
  QString textOf(const QString& messageId, PartKind kind) const;  // all parts of that kind, as written

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QHash<int, QByteArray> roleNames() const override;

 signals:
  void stateChanged();  // generating(), thinking(), last()

 private:
  struct PartView {
    std::unique_ptr<BlockListModel> blocks;  // answer: made when a view first asks
    std::optional<bool> openByHand;
  };
  struct Entry {
    Message message;
    std::vector<PartView> views;  // one a part
    bool thoughtRuns = false;
    qint64 thoughtBaseMs = 0;  // time of the running thought before clock was started
    QElapsedTimer clock;
    int promptDone = 0, promptTotal = 0;
  };
  struct Row {
    int entry = 0;
    Kind kind = Kind::Answer;
    int part = 0;
    bool operator==(const Row&) const = default;
    bool isPart() const { return kind == Kind::Think || kind == Kind::Answer || kind == Kind::Error; }
  };

  std::vector<Row> rowsOf(int entry) const;
  void syncRows(int entry);
  int firstRow(int entry) const;
  int rowOfPart(int entry, int part) const;
  void makeEntry(const Message& message);
  void startThought(Entry& entry, qint64 soFarMs);
  void tick();
  void updateClock();
  void refreshFooters(int exceptEntry);
  qint64 thoughtMs(const Entry& entry, int part) const;
  bool partRuns(const Entry& entry, int part) const;
  QString panel(const Entry& entry, int part) const;
  BlockListModel* blocks(const Row& row) const;
  QVariant partData(const Entry& entry, const Row& row, int role) const;
  QVariant footerData(const Entry& entry, int role) const;
  static QString kindName(Kind kind);
  QString waitingText(const Entry& entry) const;

  std::vector<std::unique_ptr<Entry>> entries_;
  QHash<QString, int> entryOf_;
  std::vector<Row> rows_;
  QTimer tick_;
};

}  // namespace lemma::ui
