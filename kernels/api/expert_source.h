// Where a backend finds the matrices of experts that are not all in memory. Owner: the engine, longer than every
// program that names it. Any thread of the backend calls it, one layer after another; only wait() is called from
// several at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/api/result.h"

namespace lemma {

// The first bytes of an expert's matrices, laid out as their views say. Null where the expert could not be read.
struct ExpertBytes {
  const std::byte *gate = nullptr, *up = nullptr, *down = nullptr;
};

class ExpertSource {
 public:
  virtual ~ExpertSource() = default;
  // Experts of a layer that hold() takes at a time: 1 or more.
  virtual int most() const = 0;
  // The experts that the rows of this step chose in a layer, rising. What is not there is asked for at once.
  virtual void choose(int layer, std::span<const int32_t> experts) = 0;
  // Those that they may come to choose in a layer to come, the likeliest first: read when nothing else is.
  virtual void guess(int layer, std::span<const int32_t> experts) = 0;
  // Keeps experts of a layer in memory until the next hold() or choose(), and sorts them by when they will be there.
  virtual void hold(int layer, std::span<int32_t> experts) = 0;
  // Waits until an expert that is held is there.
  virtual ExpertBytes wait(int layer, int32_t expert) = 0;
  // Why an expert could not be read since the last call.
  virtual Result<void> takeFailure() = 0;
};

// A layer of such experts; no source: they lie where their views say.
struct ExpertOrigin {
  ExpertSource* source = nullptr;
  int32_t layer = 0;
};

}  // namespace lemma
