// Which device computes which part of a model. Pure values and functions, any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/api/result.h"

namespace lemma {

// Device of each stage as an index into the executor's devices: [0] embed, [1 + layer], [layers + 1] head.
struct Placement {
  std::vector<int> deviceOfStage;
};

// "cpu,reference" -> its names, in order; badValue where one is empty or comes twice.
Result<std::vector<std::string>> deviceList(std::string_view names);

// `plan` is "auto" or a list of WHAT=DEVICE: WHAT is embed, head, a layer (3) or layers (3-7), DEVICE one of `devices`.
// What no item names is the first device's; of items that name the same stage the last one holds.
Result<Placement> placementOf(std::string_view plan, std::span<const std::string> devices, int layers);

}  // namespace lemma
