// The cells of b-tree pages as rows, without the tree above them.
// Pure over a PageFile. Nothing a page says is believed before it was checked against the page's and the file's size; a
// cell that does not fit is left out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "storage/result.h"
#include "storage/salvage/pages.h"

namespace lemma::storage {

struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};
using Value = std::variant<std::monostate, int64_t, double, std::string, Blob>;

struct Row {
  std::optional<int64_t> rowid;  // absent on index pages: of an index, or of a table WITHOUT ROWID
  std::vector<Value> values;
};

enum class PageKind : uint8_t { none = 0, innerIndex = 2, innerTable = 5, leafIndex = 10, leafTable = 13 };
PageKind kindOf(uint32_t number, std::span<const uint8_t> page);

// The pages below an inner page, as far as there can be such pages.
std::vector<uint32_t> childrenOf(const PageFile& pages, uint32_t number, std::span<const uint8_t> page);

// Hands out the rows that lie on this page, with what of them lies on overflow pages. Fails where the disk or `found`
// does.
Result<void> eachRow(const PageFile& pages, uint32_t number, std::span<const uint8_t> page,
                     const std::function<Result<void>(Row&)>& found);

}  // namespace lemma::storage
