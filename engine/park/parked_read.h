// Brings the parked beginning of a prompt back into the cache, a few pages at a time, so that a cancel is heard and
// other answers go on meanwhile. Owner: a running request; the engine's thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/model.h"
#include "engine/park/parked_folder.h"
#include "engine/park/parking.h"

namespace lemma {

class ParkedRead {
 public:
  // `seq` holds the first `held` of `tokens` and may lose its last page's part. Null where nothing more is parked.
  static std::unique_ptr<ParkedRead> begin(Parking& parking, Model& model, SeqId seq, std::span<const Token> tokens,
                                           int held);

  // Reads for about `time`; false when there is nothing left to read, or it cannot be. The sequence holds what was
  // read. `makeRoom`: frees pages of the cache, false where none are left.
  bool step(std::chrono::milliseconds time, const std::function<bool()>& makeRoom);

 private:
  ParkedRead(Parking& parking, Model& model, SeqId seq, std::span<const Token> tokens,
             std::vector<Parking::Stretch> stretches);
  Result<void> open(const Parking::Stretch& stretch);
  bool readPage(const std::function<bool()>& makeRoom);

  Parking& parking_;
  Model& model_;
  const SeqId seq_;
  const std::vector<Token> tokens_;
  const std::vector<Parking::Stretch> stretches_;
  size_t at_ = 0;
  std::optional<ParkedReader> file_;
  std::vector<std::byte> page_;
};

}  // namespace lemma
