// The tables of the newest schema as shapes that loose rows are told apart by. The shapes are read from a database that
// the migrations have just made, so the schema is written down only once.
// Owner: salvage(); one thread.
#pragma once

#include <string>
#include <vector>

#include "storage/salvage/cells.h"
#include "storage/sqlite/db.h"

namespace lemma::storage {

struct Column {
  std::string name, type;  // INTEGER, REAL, TEXT or BLOB, as every table is STRICT
  bool nullable = true;
  bool isRowid = false;  // stored as NULL; its value is the row's id
};

struct Table {
  std::string name;
  bool withoutRowid = false;
  std::vector<Column> columns;  // as they follow one another in a row
};

Result<std::vector<Table>> tablesOf(Db& db);

// May the row be one of this table's? Rows from before the table gained its last columns may.
bool fits(const Row& row, const Table& table);

}  // namespace lemma::storage
