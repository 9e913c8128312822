#include "storage/salvage/tables.h"

#include <algorithm>

namespace lemma::storage {
namespace {

bool hasType(const Value& value, const Column& column) {
  if (column.isRowid || std::holds_alternative<std::monostate>(value))
    return std::holds_alternative<std::monostate>(value) && (column.isRowid || column.nullable);
  if (std::holds_alternative<int64_t>(value)) return column.type == "INTEGER" || column.type == "REAL";
  if (std::holds_alternative<double>(value)) return column.type == "REAL";
  return column.type == (std::holds_alternative<std::string>(value) ? "TEXT" : "BLOB");
}

}  // namespace

Result<std::vector<Table>> tablesOf(Db& db) {
  std::vector<Table> tables;
  STORE_TRY(rows,
            db.prepare("SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict"));
  for (;;) {
    STORE_TRY(row, rows.step());
    if (!row) return tables;
    Table table{.name = rows.text(0), .withoutRowid = rows.integer(1) != 0, .columns = {}};
    // A table without row ids keeps the columns of its key in front.
    STORE_TRY(columns, db.query("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1)"
                                " ORDER BY CASE WHEN ?2 AND pk > 0 THEN pk ELSE 1000 + cid END",
                                table.name, table.withoutRowid));
    int keys = 0;
    for (;;) {
      STORE_TRY(column, columns.step());
      if (!column) break;
      const bool key = columns.integer(3) > 0;
      keys += key;
      table.columns.push_back({.name = columns.text(0),
                               .type = columns.text(1),
                               .nullable = columns.integer(2) == 0 && !(key && table.withoutRowid),
                               .isRowid = key && !table.withoutRowid && columns.text(1) == "INTEGER"});
    }
    if (keys > 1)
      for (Column& column : table.columns) column.isRowid = false;
    tables.push_back(std::move(table));
  }
}

bool fits(const Row& row, const Table& table) {
  if (row.rowid.has_value() == table.withoutRowid || row.values.size() > table.columns.size()) return false;
  for (size_t i = 0; i < row.values.size(); ++i)
    if (!hasType(row.values[i], table.columns[i])) return false;
  return std::all_of(table.columns.begin() + static_cast<ptrdiff_t>(row.values.size()), table.columns.end(),
                     [](const Column& column) { return column.nullable; });
}

}  // namespace lemma::storage
