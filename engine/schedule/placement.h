// Which device computes which part of a model. Pure values and functions, any thread; PlacedWeights: one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/schedule/pass_plan.h"
#include "kernels/api/result.h"

namespace lemma {

struct ModelFile;

// Weights that a plan names by themselves: the op that reads one runs on the device that the plan gives it.
class PlacedWeights {
 public:
  // Of the items that hold a weight the last one counts.
  void add(std::string item, int device);
  void addRange(const std::byte* begin, const std::byte* end);  // of the item added last

  struct Place {
    int device = 0;
    size_t item = 0;
  };
  std::optional<Place> placeOf(const TensorView& weight);
  const std::string& item(size_t i) const { return items_[i].text; }
  // badValue where an item was of no use: nothing that it names is read by an op.
  Result<void> allFound() const;

 private:
  struct Item {
    std::string text;
    int device = 0;
    bool found = false;
  };
  struct Range {
    const std::byte *begin = nullptr, *end = nullptr;
    size_t item = 0;
  };
  std::vector<Item> items_;
  std::vector<Range> ranges_;
};

struct Placement {
  // As an index into the executor's devices: [0] embed, [1 + layer], [layers + 1] head.
  std::vector<int> deviceOfStage;
  std::shared_ptr<PlacedWeights> weights = std::make_shared<PlacedWeights>();
};

// "cpu,reference" -> its names, in order; badValue where one is empty or comes twice.
Result<std::vector<std::string>> deviceList(std::string_view names);

// `plan` is "auto" or a list of WHAT=DEVICE, DEVICE one of `devices`, WHAT
//   embed, head, a layer (3) or layers (3-7);
//   experts of layers: 3:experts, 3-7:experts, or some of them: 3:experts.0-7;
//   a tensor by its name in GGUF, with or without ".weight", where * stands for anything: blk.3.ffn_down, blk.*.attn_q.
// What no item names is the first device's. Of items that name the same the last one holds; tensors and experts go
// before the layers they are of.
Result<Placement> placementOf(std::string_view plan, std::span<const std::string> devices, int layers,
                              const ModelFile& file);

// The ops of a graph, each on the device that `placement` gives it; a mixture whose experts are on several becomes
// several. badValue where the plan puts on two devices what one op reads.
Result<std::vector<PlacedOp>> placeOps(const GraphBuilder& graph, const Placement& placement);

}  // namespace lemma
