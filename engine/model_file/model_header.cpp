#include "engine/model_file/model_header.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace lemma {
namespace {

// Positions sorted by name; a name that occurs twice is an error.
template <class Names>
Result<std::vector<uint32_t>> sortedByName(size_t count, std::string_view kind, const Names& nameOf) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return nameOf(a) < nameOf(b); });
  for (size_t i = 1; i < count; ++i) {
    if (nameOf(order[i]) == nameOf(order[i - 1])) {
      return fail(Err::badValue, "the " + std::string(kind) + " " + quotedName(nameOf(order[i])) + " occurs twice");
    }
  }
  return order;
}

template <class Names>
std::optional<uint32_t> findSorted(const std::vector<uint32_t>& order, std::string_view wanted, const Names& nameOf) {
  const auto it = std::lower_bound(order.begin(), order.end(), wanted,
                                   [&](uint32_t i, std::string_view w) { return nameOf(i) < w; });
  if (it == order.end() || nameOf(*it) != wanted) return std::nullopt;
  return *it;
}

std::string the(std::string_view key) { return "the key " + quotedName(key); }

template <class T>
Result<T> required(const GgufValue* value, std::string_view key, std::string_view wanted, std::optional<T> got) {
  if (!value) return fail(Err::notFound, the(key) + " is missing");
  if (!got) {
    return fail(Err::badValue, the(key) + " is of type " + std::string(name(value->type())) + " and does not hold " +
                                   std::string(wanted));
  }
  return std::move(*got);
}

}  // namespace

std::string quotedName(std::string_view name) {
  constexpr size_t kMost = 64;
  std::string out = "\"";
  for (const char c : name.substr(0, kMost)) out += (c < 0x20 || c > 0x7e) ? '?' : c;
  if (name.size() > kMost) out += "...";
  return out + "\"";
}

Result<void> ModelHeader::indexKeys() {
  LEMMA_TRY(order, sortedByName(kv.size(), "key", [&](uint32_t i) { return std::string_view(kv[i].first); }));
  kvByName_ = std::move(order);
  return {};
}

Result<void> ModelHeader::indexTensors() {
  LEMMA_TRY(order,
            sortedByName(tensors.size(), "tensor", [&](uint32_t i) { return std::string_view(tensors[i].name); }));
  tensorsByName_ = std::move(order);
  return {};
}

uint64_t spanOf(const ModelTensor& t) {
  if (t.nb[0] == 0) return t.bytes;
  const int64_t block = typeInfo(t.type)->block;
  int64_t span = typeInfo(t.type)->blockBytes + (t.ne[0] / block - 1) * t.nb[0];
  for (size_t i = 1; i < 4; ++i) span += (t.ne[i] - 1) * t.nb[i];
  return uint64_t(span);
}

const GgufValue* ModelHeader::find(std::string_view key) const {
  const auto at = findSorted(kvByName_, key, [&](uint32_t i) { return std::string_view(kv[i].first); });
  return at ? &kv[*at].second : nullptr;
}

const ModelTensor* ModelHeader::tensor(std::string_view name) const {
  const auto at = findSorted(tensorsByName_, name, [&](uint32_t i) { return std::string_view(tensors[i].name); });
  return at ? &tensors[*at] : nullptr;
}

Result<uint64_t> ModelHeader::u64(std::string_view key) const {
  const GgufValue* value = find(key);
  return required(value, key, "a whole number from 0", value ? value->asU64() : std::nullopt);
}

Result<double> ModelHeader::f64(std::string_view key) const {
  const GgufValue* value = find(key);
  LEMMA_TRY(number, required(value, key, "a number", value ? value->asF64() : std::nullopt));
  if (!std::isfinite(number)) return fail(Err::badValue, the(key) + " is not a finite number");
  return number;
}

Result<bool> ModelHeader::flag(std::string_view key) const {
  const GgufValue* value = find(key);
  return required(value, key, "true or false", value ? value->asBool() : std::nullopt);
}

Result<std::string> ModelHeader::str(std::string_view key) const {
  const GgufValue* value = find(key);
  const auto got = value ? value->asString() : std::nullopt;
  return required(value, key, "a text", got ? std::optional<std::string>(*got) : std::nullopt);
}

Result<uint64_t> ModelHeader::u64Or(std::string_view key, uint64_t fallback) const {
  return find(key) ? u64(key) : fallback;
}
Result<double> ModelHeader::f64Or(std::string_view key, double fallback) const {
  return find(key) ? f64(key) : fallback;
}
Result<bool> ModelHeader::flagOr(std::string_view key, bool fallback) const { return find(key) ? flag(key) : fallback; }
Result<std::string> ModelHeader::strOr(std::string_view key, std::string fallback) const {
  return find(key) ? str(key) : std::move(fallback);
}

}  // namespace lemma
