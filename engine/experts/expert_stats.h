// What an ExpertCache has done so far. Plain values, any thread.
#pragma once

#include <cstdint>

namespace lemma {

struct ExpertStats {
  uint64_t budgetBytes = 0, expertBytes = 0;  // in memory at most, and of the largest expert there
  uint64_t held = 0, experts = 0;             // how many fit, and how many there are
  bool ring = false, direct = false;          // read through io_uring, past the page cache
  uint64_t passes = 0;                        // of all layers
  uint64_t chosen = 0;                        // experts, each counted once a layer and pass
  uint64_t present = 0;                       // of those: in memory when they were chosen
  uint64_t underway = 0;                      // being read by then, since they were guessed
  uint64_t fromGuess = 0;                     // of those present: because they were guessed
  uint64_t guessed = 0, guessedRight = 0;     // experts named one layer ahead, and those of them that were chosen
  uint64_t bytesRead = 0;
  double waitedSeconds = 0;  // by computing threads, added up

  ExpertStats since(const ExpertStats& before) const;  // what was counted
};

}  // namespace lemma
