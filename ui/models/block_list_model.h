// The Markdown blocks of one answer, growing while it streams.
// Owner: the part of MessageListModel that it belongs to. UI thread. Streaming changes the last rows only.
#pragma once

#include <QtQml/qqmlregistration.h>

#include <QAbstractListModel>

#include "ui/markdown/stream.h"

namespace lemma::ui {

class BlockListModel : public QAbstractListModel {
  Q_OBJECT
  QML_ELEMENT
  QML_UNCREATABLE("made by the list of messages")

 public:
  enum Role {
    KindRole = Qt::UserRole,  // "paragraph", "heading", "code", "table", "rule"
    ContentRole,              // SpanText; code: plain
    SourceRole,               // code: verbatim text for the clipboard
    LevelRole,
    LanguageRole,
    CellsRole,    // table: SpanText by row, then column
    ColumnsRole,  // table: number of columns
    AlignsRole,   // table: Qt::Alignment of each column
    ListDepthRole,
    QuoteDepthRole,
    MarkerRole,
    GapRole,  // space above, in px
  };

  explicit BlockListModel(QObject* parent = nullptr);

  void append(const QString& text);
  void finish();

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QHash<int, QByteArray> roleNames() const override;

 private:
  void sync(size_t firstChanged);
  int gapAbove(size_t row) const;

  markdown::Stream stream_;
  std::vector<markdown::Block> rows_;  // as announced to the views; the stream may be a step ahead
};

}  // namespace lemma::ui
