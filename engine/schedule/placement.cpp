#include "engine/schedule/placement.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "engine/memory/weights.h"
#include "engine/model_file/model_file.h"

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

// "3" or "3-7"; none where it is neither, or goes beyond `count`.
std::optional<std::pair<int, int>> rangeOf(std::string_view text, int64_t count) {
  const size_t dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *first > *last || *last >= count) return std::nullopt;
  return std::pair(*first, *last);
}

// First and last stage.
std::optional<std::pair<int, int>> stagesOf(std::string_view what, int layers) {
  if (what == "embed") return std::pair(0, 0);
  if (what == "head") return std::pair(layers + 1, layers + 1);
  const auto range = rangeOf(what, layers);
  if (!range) return std::nullopt;
  return std::pair(range->first + 1, range->second + 1);
}

// * stands for any characters, also none.
bool matches(std::string_view name, std::string_view pattern) {
  size_t n = 0, p = 0, star = std::string_view::npos, retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++retry;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool names(std::string_view pattern, std::string_view tensor) {
  if (matches(tensor, pattern)) return true;
  constexpr std::string_view kWeight = ".weight";
  return tensor.ends_with(kWeight) && matches(tensor.substr(0, tensor.size() - kWeight.size()), pattern);
}

// What an item that names no stages says of tensors.
class WeightFinder {
 public:
  WeightFinder(PlacedWeights& placed, const ModelFile& file, int layers)
      : placed_(placed), file_(file), layers_(layers) {}

  bool tensors(std::string_view pattern) {
    bool found = false;
    for (const ModelTensor& t : file_.header.tensors) {
      if (!names(pattern, t.name)) continue;
      found = true;
      add(t, 0, spanOf(t));
    }
    return found;
  }

  // Of "3-7:experts" and "3:experts.0-7".
  bool experts(std::string_view what) {
    const size_t colon = what.find(':');
    std::string_view of = what.substr(colon + 1);
    constexpr std::string_view kExperts = "experts";
    const auto layers = rangeOf(what.substr(0, colon), layers_);
    if (!layers || !of.starts_with(kExperts)) return false;
    of.remove_prefix(kExperts.size());
    if (!of.empty() && of[0] != '.') return false;
    bool found = false;
    for (int layer = layers->first; layer <= layers->second; ++layer) {
      for (const char* matrix : {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"}) {
        const std::string name = "blk." + std::to_string(layer) + "." + matrix;
        if (of.empty()) {
          found |= tensors(name) | tensors(name + ".*");
        } else if (const ModelTensor* all = file_.header.tensor(name + ".weight")) {
          const auto range = rangeOf(of.substr(1), all->ne[2]);
          if (!range) return false;
          found = true;
          const bool apart = all->nb[0] != 0;
          const uint64_t plane = apart ? uint64_t(all->nb[2]) : all->bytes / uint64_t(all->ne[2]);
          add(*all, uint64_t(range->first) * plane, uint64_t(range->second - range->first + 1) * plane);
        } else {
          int64_t count = 0;
          while (file_.header.tensor(name + "." + std::to_string(count) + ".weight")) ++count;
          if (count == 0) continue;  // a layer without experts
          const auto range = rangeOf(of.substr(1), count);
          if (!range) return false;
          for (int e = range->first; e <= range->second; ++e) found |= tensors(name + "." + std::to_string(e));
        }
      }
    }
    return found;
  }

 private:
  void add(const ModelTensor& t, uint64_t from, uint64_t bytes) {
    const std::byte* const begin = file_.parts[t.part].bytes.data() + t.offset + from;
    placed_.addRange(begin, begin + bytes);
  }

  PlacedWeights& placed_;
  const ModelFile& file_;
  const int layers_;
};

bool isWeight(const TensorView& v) { return !v.empty() && v.buf.id == 0 && v.buf.host; }

class Placer {
 public:
  Placer(const GraphBuilder& graph, const Placement& placement) : graph_(graph), placement_(placement) {}

  Result<std::vector<PlacedOp>> place() {
    LEMMA_CHECK(placePools());
    std::vector<PlacedOp> placed;
    for (size_t i = 0; i < graph_.ops().size(); ++i) {
      const Op& op = graph_.ops()[i];
      const int stage = graph_.stageOfOp()[i];
      if (op.kind == OpKind::moeFfn) {
        LEMMA_CHECK(placeExperts(op, stage, placed));
        continue;
      }
      LEMMA_TRY(named, deviceOf(op));
      const auto pool = poolOf(op);
      const int device = pool ? deviceOfPool_[*pool] : named.value_or(deviceOfStage(stage));
      placed.push_back({op, stage, device});
    }
    return placed;
  }

 private:
  int deviceOfStage(int stage) const { return placement_.deviceOfStage[size_t(stage)]; }

  static std::optional<uint32_t> poolOf(const Op& op) {
    if (op.kind == OpKind::kvWrite) return op.out[0].buf.id;
    if (op.kind == OpKind::attention || op.kind == OpKind::attentionMla) return op.in[1].buf.id;
    return std::nullopt;
  }

  // A layer's cache lies on the device of whatever attends to it.
  Result<void> placePools() {
    for (size_t i = 0; i < graph_.ops().size(); ++i) {
      const Op& op = graph_.ops()[i];
      const auto pool = poolOf(op);
      if (!pool || op.kind == OpKind::kvWrite) continue;
      LEMMA_TRY(named, deviceOf(op));
      deviceOfPool_[*pool] = named.value_or(deviceOfStage(graph_.stageOfOp()[i]));
    }
    return {};
  }

  Result<void> join(std::optional<PlacedWeights::Place>& place, const TensorView& weight) {
    const auto found = placement_.weights->placeOf(weight);
    if (found && place && found->device != place->device) {
      return fail(Err::badValue, "the plan's " + quotedName(placement_.weights->item(place->item)) + " and " +
                                     quotedName(placement_.weights->item(found->item)) +
                                     " put on two devices what is computed in one go");
    }
    if (found) place = found;
    return {};
  }

  static std::optional<int> device(const std::optional<PlacedWeights::Place>& place) {
    return place ? std::optional(place->device) : std::nullopt;
  }

  Result<std::optional<int>> deviceOf(const Op& op) {
    std::optional<PlacedWeights::Place> place;
    for (const TensorView& in : op.in) {
      if (isWeight(in)) LEMMA_CHECK(join(place, in));
    }
    return device(place);
  }

  // One op for each device that has some of them, each adding to what the one before it made.
  Result<void> placeExperts(const Op& op, int stage, std::vector<PlacedOp>& placed) {
    const size_t experts = op.experts[0]->experts.size();
    std::vector<int> deviceOfExpert;
    std::map<int, size_t> devices;
    for (size_t e = 0; e < experts; ++e) {
      std::optional<PlacedWeights::Place> place;
      for (const auto& set : op.experts) {
        LEMMA_CHECK(join(place, set->experts[e]));
        if (!set->biases.empty()) LEMMA_CHECK(join(place, set->biases[e]));
      }
      deviceOfExpert.push_back(device(place).value_or(deviceOfStage(stage)));
      ++devices[deviceOfExpert.back()];
    }
    Op part = op;
    for (const auto& [device, count] : devices) {
      if (devices.size() > 1) {
        auto elsewhere = std::make_shared<std::vector<bool>>(experts);
        for (size_t e = 0; e < experts; ++e) (*elsewhere)[e] = deviceOfExpert[e] != device;
        part.elsewhere = std::move(elsewhere);
      }
      placed.push_back({part, stage, device});
      part.in[3] = part.out[0];
    }
    return {};
  }

  const GraphBuilder& graph_;
  const Placement& placement_;
  std::map<uint32_t, int> deviceOfPool_;  // by the number of its buffer
};

}  // namespace

void PlacedWeights::add(std::string item, int device) { items_.push_back({std::move(item), device}); }

void PlacedWeights::addRange(const std::byte* begin, const std::byte* end) {
  ranges_.push_back({begin, end, items_.size() - 1});
}

std::optional<PlacedWeights::Place> PlacedWeights::placeOf(const TensorView& weight) {
  const std::byte* const at = weight.data();
  std::optional<size_t> item;
  for (const Range& r : ranges_) {
    if (at < r.begin || at >= r.end) continue;
    items_[r.item].found = true;
    item = r.item;
  }
  if (!item) return std::nullopt;
  return Place{items_[*item].device, *item};
}

Result<void> PlacedWeights::allFound() const {
  for (const Item& item : items_) {
    if (item.found) continue;
    return fail(Err::badValue,
                "the plan's " + quotedName(item.text) + " names nothing that is computed with by itself");
  }
  return {};
}

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

Result<Placement> placementOf(std::string_view plan, std::span<const std::string> devices, int layers,
                              const ModelFile& file) {
  Placement placement{.deviceOfStage = std::vector<int>(size_t(layers) + 2, 0)};
  if (plan == "auto") return placement;
  for (const std::string_view item : split(plan)) {
    const size_t equals = item.find('=');
    const std::string_view what = item.substr(0, equals);
    const auto wrong = [&] {
      return fail(
          Err::badValue,
          quotedName(item) + " is no part of a plan: it wants embed, head, layers 0 to " + std::to_string(layers - 1) +
              " as in 3-7, experts of layers as in 3-7:experts or 3:experts.0-7, or a tensor of the model as in "
              "blk.3.ffn_down, then = and a device");
    };
    if (equals == std::string_view::npos) return wrong();
    const auto device = std::ranges::find(devices, item.substr(equals + 1));
    if (const auto stages = stagesOf(what, layers)) {
      if (device != devices.end()) {
        std::fill(placement.deviceOfStage.begin() + stages->first, placement.deviceOfStage.begin() + stages->second + 1,
                  int(device - devices.begin()));
      }
    } else {
      placement.weights->add(std::string(item), int(device - devices.begin()));
      WeightFinder finder(*placement.weights, file, layers);
      if (what.find(':') != std::string_view::npos ? !finder.experts(what) : !finder.tensors(what)) return wrong();
    }
    if (device == devices.end()) {
      return fail(Err::badValue, "the plan's " + quotedName(item) + " names a device that the model was not given");
    }
  }
  return placement;
}

Result<std::vector<PlacedOp>> placeOps(const GraphBuilder& graph, const Placement& placement) {
  return Placer(graph, placement).place();
}

}  // namespace lemma
