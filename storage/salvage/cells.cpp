#include "storage/salvage/cells.h"

#include <algorithm>
#include <bit>

#include "storage/salvage/bytes.h"

namespace lemma::storage {
namespace {

constexpr uint64_t kLongestRow = 1'000'000'000;  // SQLite's own limit
constexpr size_t kMostColumns = 2000;

// A variable-length integer; nullopt where the bytes end.
std::optional<uint64_t> varint(std::span<const uint8_t> bytes, size_t& at) {
  uint64_t value = 0;
  for (int i = 0; i < 9; ++i) {
    if (at >= bytes.size()) return std::nullopt;
    const uint8_t byte = bytes[at++];
    if (i == 8) return value << 8 | byte;
    value = value << 7 | (byte & 0x7f);
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

int64_t bigEndian(std::span<const uint8_t> bytes) {
  uint64_t value = (bytes[0] & 0x80) ? ~uint64_t{0} : 0;
  for (const uint8_t byte : bytes) value = value << 8 | byte;
  return static_cast<int64_t>(value);
}

uint64_t lengthOf(uint64_t type) {
  constexpr uint8_t kLengths[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
  return type < 10 ? kLengths[type] : (type - 12) / 2;
}

std::optional<std::vector<Value>> valuesOf(std::span<const uint8_t> record) {
  size_t at = 0;
  const auto header = varint(record, at);
  if (!header || *header < at || *header > record.size()) return std::nullopt;
  std::vector<Value> values;
  size_t body = static_cast<size_t>(*header);
  const auto types = record.first(body);
  while (at < types.size()) {
    const auto type = varint(types, at);
    if (!type || *type == 10 || *type == 11 || values.size() >= kMostColumns) return std::nullopt;
    const uint64_t length = lengthOf(*type);
    if (length > record.size() - body) return std::nullopt;
    const auto bytes = record.subspan(body, static_cast<size_t>(length));
    body += bytes.size();
    const auto text = [&] { return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()); };
    if (*type == 0)
      values.emplace_back();
    else if (*type == 7)
      values.emplace_back(std::bit_cast<double>(bigEndian(bytes)));
    else if (*type == 8 || *type == 9)
      values.emplace_back(static_cast<int64_t>(*type - 8));
    else if (*type < 7)
      values.emplace_back(bigEndian(bytes));
    else if (*type % 2 == 0)
      values.emplace_back(Blob{text()});
    else
      values.emplace_back(text());
  }
  if (body != record.size()) return std::nullopt;
  return values;
}

// How much of a payload lies on the page itself.
size_t localBytes(uint64_t payload, uint64_t pageSize, bool table) {
  const uint64_t most = table ? pageSize - 35 : (pageSize - 12) * 64 / 255 - 23;
  if (payload <= most) return static_cast<size_t>(payload);
  const uint64_t least = (pageSize - 12) * 32 / 255 - 23;
  const uint64_t some = least + (payload - least) % (pageSize - 4);
  return static_cast<size_t>(some <= most ? some : least);
}

size_t headerAt(uint32_t number) { return number == 1 ? 100 : 0; }
bool isInner(PageKind kind) { return kind == PageKind::innerIndex || kind == PageKind::innerTable; }

// Where the page's cells begin; those that cannot be are left out.
std::vector<size_t> cellsOf(uint32_t number, std::span<const uint8_t> page, PageKind kind) {
  const size_t header = headerAt(number), pointers = header + (isInner(kind) ? 12 : 8);
  const size_t count = std::min<size_t>(readU16(page, header + 3), (page.size() - pointers) / 2);
  std::vector<size_t> cells;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = readU16(page, pointers + 2 * i);
    if (at >= pointers && at < page.size()) cells.push_back(at);
  }
  return cells;
}

// The payload that begins at `at`; nullopt where its length or its overflow pages make no sense.
Result<std::optional<std::vector<uint8_t>>> payloadAt(const PageFile& pages, std::span<const uint8_t> page, size_t at,
                                                      uint64_t length, bool table) {
  using Payload = std::optional<std::vector<uint8_t>>;
  if (length > kLongestRow || length > uint64_t(pages.count()) * pages.pageSize()) return Payload();
  const size_t local = localBytes(length, page.size(), table);
  if (local > page.size() - at) return Payload();
  std::vector<uint8_t> out(page.begin() + static_cast<ptrdiff_t>(at),
                           page.begin() + static_cast<ptrdiff_t>(at + local));
  if (local == length) return Payload(std::move(out));
  if (page.size() - at - local < 4) return Payload();
  uint32_t next = readU32(page, at + local);
  std::vector<uint8_t> more(page.size());
  while (out.size() < length) {
    if (next < 2 || next > pages.count()) return Payload();
    STORE_CHECK(pages.read(next, more));
    next = readU32(more, 0);
    const size_t count = std::min<size_t>(more.size() - 4, static_cast<size_t>(length) - out.size());
    out.insert(out.end(), more.begin() + 4, more.begin() + 4 + static_cast<ptrdiff_t>(count));
  }
  if (next != 0) return Payload();  // the last page of a row leads nowhere
  return Payload(std::move(out));
}

}  // namespace

PageKind kindOf(uint32_t number, std::span<const uint8_t> page) {
  switch (page[headerAt(number)]) {
    case 2:
    case 5:
    case 10:
    case 13:
      return static_cast<PageKind>(page[headerAt(number)]);
    default:
      return PageKind::none;
  }
}

std::vector<uint32_t> childrenOf(const PageFile& pages, uint32_t number, std::span<const uint8_t> page) {
  const PageKind kind = kindOf(number, page);
  std::vector<uint32_t> children;
  if (!isInner(kind)) return children;
  const auto add = [&](size_t at) {
    if (at > page.size() - 4) return;
    const uint32_t child = readU32(page, at);
    if (child >= 2 && child <= pages.count()) children.push_back(child);
  };
  for (const size_t cell : cellsOf(number, page, kind)) add(cell);
  add(headerAt(number) + 8);
  return children;
}

Result<void> eachRow(const PageFile& pages, uint32_t number, std::span<const uint8_t> page,
                     const std::function<Result<void>(Row&)>& found) {
  const PageKind kind = kindOf(number, page);
  if (kind == PageKind::none || kind == PageKind::innerTable) return {};  // the latter holds keys, no rows
  const bool table = kind == PageKind::leafTable;
  for (const size_t cell : cellsOf(number, page, kind)) {
    size_t at = cell + (kind == PageKind::innerIndex ? 4 : 0);
    const auto length = varint(page, at);
    if (!length) continue;
    Row row;
    if (table) {
      const auto rowid = varint(page, at);
      if (!rowid) continue;
      row.rowid = static_cast<int64_t>(*rowid);
    }
    if (at > page.size()) continue;
    STORE_TRY(payload, payloadAt(pages, page, at, *length, table));
    if (!payload) continue;
    auto values = valuesOf(*payload);
    if (!values || values->empty()) continue;
    row.values = std::move(*values);
    STORE_CHECK(found(row));
  }
  return {};
}

}  // namespace lemma::storage
