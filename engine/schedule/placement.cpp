#include "engine/schedule/placement.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "engine/model_file/model_header.h"

namespace lemma {
namespace {

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t at = 0;;) {
    const size_t end = std::min(text.find(',', at), text.size());
    out.push_back(text.substr(at, end - at));
    if (end == text.size()) return out;
    at = end + 1;
  }
}

std::optional<int> number(std::string_view text) {
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < 0) return std::nullopt;
  return n;
}

// First and last stage.
std::optional<std::pair<int, int>> stagesOf(std::string_view what, int layers) {
  if (what == "embed") return std::pair(0, 0);
  if (what == "head") return std::pair(layers + 1, layers + 1);
  const size_t dash = what.find('-');
  const auto first = number(what.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(what.substr(dash + 1));
  if (!first || !last || *first > *last || *last >= layers) return std::nullopt;
  return std::pair(*first + 1, *last + 1);
}

}  // namespace

Result<std::vector<std::string>> deviceList(std::string_view names) {
  std::vector<std::string> out;
  for (const std::string_view name : split(names)) {
    if (name.empty() || std::ranges::find(out, name) != out.end()) {
      return fail(Err::badValue,
                  "the list of devices " + quotedName(names) + " names one twice, or nothing between two commas");
    }
    out.emplace_back(name);
  }
  return out;
}

Result<Placement> placementOf(std::string_view plan, std::span<const std::string> devices, int layers) {
  Placement placement{std::vector<int>(size_t(layers) + 2, 0)};
  if (plan == "auto") return placement;
  for (const std::string_view item : split(plan)) {
    const size_t equals = item.find('=');
    const auto stages = stagesOf(item.substr(0, equals), layers);
    if (equals == std::string_view::npos || !stages) {
      return fail(Err::badValue, quotedName(item) + " is no part of a plan: it wants embed, head, or layers 0 to " +
                                     std::to_string(layers - 1) + " as in 3-7, then = and a device");
    }
    const auto device = std::ranges::find(devices, item.substr(equals + 1));
    if (device == devices.end()) {
      return fail(Err::badValue, "the plan's " + quotedName(item) + " names a device that the model was not given");
    }
    std::fill(placement.deviceOfStage.begin() + stages->first, placement.deviceOfStage.begin() + stages->second + 1,
              int(device - devices.begin()));
  }
  return placement;
}

}  // namespace lemma
