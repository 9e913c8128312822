#include "ui/models/block_list_model.h"

#include <algorithm>

#include "ui/models/span_text.h"

namespace lemma::ui {
namespace {

QString kindName(markdown::BlockKind kind) {
  switch (kind) {
    case markdown::BlockKind::paragraph:
      return QStringLiteral("paragraph");
    case markdown::BlockKind::heading:
      return QStringLiteral("heading");
    case markdown::BlockKind::code:
      return QStringLiteral("code");
    case markdown::BlockKind::table:
      return QStringLiteral("table");
    case markdown::BlockKind::rule:
      return QStringLiteral("rule");
  }
  return {};
}

QString markerOf(const markdown::Block& block) {
  if (block.task == markdown::Task::open) return QStringLiteral("☐");
  if (block.task == markdown::Task::done) return QStringLiteral("☑");
  return QString::fromStdString(block.marker);
}

Qt::Alignment toQt(markdown::Align align) {
  if (align == markdown::Align::centre) return Qt::AlignHCenter;
  return align == markdown::Align::right ? Qt::AlignRight : Qt::AlignLeft;
}

}  // namespace

BlockListModel::BlockListModel(QObject* parent) : QAbstractListModel(parent) {}

void BlockListModel::append(const QString& text) { sync(stream_.append(text.toStdString())); }

void BlockListModel::finish() { sync(stream_.finish()); }

// Rows before `firstChanged` are as they were. A row whose kind stays is changed in place, so that its item lives on;
// from the first other kind on, rows are removed and inserted, because a delegate is chosen once.
void BlockListModel::sync(size_t firstChanged) {
  const std::vector<markdown::Block>& fresh = stream_.blocks();
  const size_t both = std::min(fresh.size(), rows_.size());
  size_t same = std::min(firstChanged, both);
  const size_t firstInPlace = same;
  for (; same < both && rows_[same].kind == fresh[same].kind; ++same) rows_[same] = fresh[same];
  if (same > firstInPlace) emit dataChanged(index(int(firstInPlace)), index(int(same) - 1));
  if (rows_.size() > same) {
    beginRemoveRows({}, int(same), int(rows_.size()) - 1);
    rows_.resize(same);
    endRemoveRows();
  }
  if (fresh.size() > same) {
    beginInsertRows({}, int(same), int(fresh.size()) - 1);
    rows_.insert(rows_.end(), fresh.begin() + ptrdiff_t(same), fresh.end());
    endInsertRows();
  }
}

int BlockListModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : int(rows_.size()); }

int BlockListModel::gapAbove(size_t row) const {
  if (row == 0) return 0;
  const markdown::Block& above = rows_[row - 1];
  const markdown::Block& block = rows_[row];
  if (block.kind == markdown::BlockKind::heading) return block.level <= 2 ? 20 : 16;
  if (above.kind == markdown::BlockKind::heading) return 8;
  if (block.tight && above.listDepth > 0 && block.listDepth > 0) return 4;
  return 12;
}

QVariant BlockListModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const markdown::Block& block = rows_[size_t(index.row())];
  switch (role) {
    case KindRole:
      return kindName(block.kind);
    case ContentRole:
      if (block.kind == markdown::BlockKind::code) {
        return QVariant::fromValue(SpanText{drawableCode(QString::fromStdString(block.body.text)), {}});
      }
      return QVariant::fromValue(toSpanText(block.body));
    case SourceRole:
      return QString::fromStdString(markdown::plainText(block));
    case LevelRole:
      return block.level;
    case LanguageRole:
      return drawableCode(QString::fromStdString(block.language).left(40));
    case CellsRole: {
      QVariantList cells;
      for (const auto& row : block.table.rows) {
        for (const auto& cell : row) cells << QVariant::fromValue(toSpanText(cell));
      }
      return cells;
    }
    case ColumnsRole:
      return int(block.table.columns.size());
    case AlignsRole: {
      QVariantList aligns;
      for (const auto align : block.table.columns) aligns << int(toQt(align));
      return aligns;
    }
    case ListDepthRole:
      return block.listDepth;
    case QuoteDepthRole:
      return block.quoteDepth;
    case MarkerRole:
      return markerOf(block);
    case GapRole:
      return gapAbove(size_t(index.row()));
    default:
      return {};
  }
}

QHash<int, QByteArray> BlockListModel::roleNames() const {
  return {
      {KindRole, "kind"},           {ContentRole, "content"},       {SourceRole, "source"},   {LevelRole, "level"},
      {LanguageRole, "language"},   {CellsRole, "cells"},           {ColumnsRole, "columns"}, {AlignsRole, "aligns"},
      {ListDepthRole, "listDepth"}, {QuoteDepthRole, "quoteDepth"}, {MarkerRole, "marker"},   {GapRole, "gap"}};
}

}  // namespace lemma::ui
