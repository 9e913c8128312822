// Chooses what a pass computes for the requests that run side by side. Pure but for what it is told of earlier passes:
// no clock, no model. Owner: the Engine; engine thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace lemma {

// How many of the tokens that wait a prompt's next pass reads: at most `most`, but no more than leaves `least` for the
// last pass, since fewer rows would be computed by another family of kernels, to other bits.
inline int promptPiece(int waiting, int most, int least) {
  const int piece = std::min(waiting, most), rest = waiting - piece;
  return rest > 0 && rest < least && piece >= 2 * least ? piece - (least - rest) : piece;
}

class PassPlanner {
 public:
  // Rows up to this many are one kernel family (goldens: bitwise class), so answers that are generated side by side
  // are the same bits as alone. Longer stretches are prompts and run by themselves.
  static constexpr int kDecodeRows = 8;
  static constexpr int kPromptChunk = 256;  // rows between two progress events
  // While answers stand still for a prompt, its pieces take about this long, which eyes do not see as a stop, but have
  // rows enough that unpacking the weights for them pays.
  static constexpr double kPromptMs = 60;
  static constexpr int kLeastChunk = 32;

  struct Waiting {
    uint64_t id = 0;     // ascending
    int rows = 0;        // of its text that the cache does not hold
    int ofPrompt = 0;    // those of them that a prompt's passes read, in pieces of more than kDecodeRows; else 0
    bool stays = false;  // nothing is computed for it now
  };
  struct Piece {
    size_t index = 0;  // of the waiting one
    int rows = 0;
  };
  // Answers in progress go first, side by side and by turns where they are many; a prompt gets every other pass to
  // itself. Nothing where all stay. The pieces live until the next call.
  std::span<const Piece> plan(std::span<const Waiting> waiting, int batchRows);
  // What a prompt's pass took.
  void tookPrompt(int rows, double ms);

 private:
  int chunk(int batchRows, bool othersWait) const;

  std::vector<Piece> pieces_;
  uint64_t turn_ = 0;  // who is first among the answers
  bool promptTurn_ = true;
  double msOfRow_ = 0;  // of a prompt; 0 = not known
};

}  // namespace lemma
