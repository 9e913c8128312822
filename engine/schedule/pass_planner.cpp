#include "engine/schedule/pass_planner.h"

namespace lemma {

int PassPlanner::chunk(int batchRows, bool othersWait) const {
  int rows = kPromptChunk;
  if (othersWait) rows = msOfRow_ > 0 ? int(std::min<double>(kPromptChunk, kPromptMs / msOfRow_)) : 2 * kLeastChunk;
  return std::min(std::max(rows, kLeastChunk), batchRows);
}

void PassPlanner::tookPrompt(int rows, double ms) {
  if (rows < kLeastChunk / 2 || ms <= 0) return;  // what is short says little of a row
  const double now = ms / rows;
  // A pass that another program held up says little about the next.
  msOfRow_ = msOfRow_ == 0 ? now : (msOfRow_ + std::min(now, 3 * msOfRow_)) / 2;
}

std::span<const PassPlanner::Piece> PassPlanner::plan(std::span<const Waiting> waiting, int batchRows) {
  const int most = std::min(kDecodeRows, batchRows);
  pieces_.clear();
  const auto first =
      size_t(std::ranges::find_if(waiting, [&](const Waiting& w) { return w.id >= turn_; }) - waiting.begin());
  int room = most;
  uint64_t leftOut = 0;
  size_t prompt = waiting.size();
  for (size_t i = 0; i < waiting.size(); ++i) {
    const size_t index = (first + i) % waiting.size();
    const Waiting& w = waiting[index];
    if (w.stays) continue;
    if (w.ofPrompt > most) {
      prompt = std::min(prompt, index);
      continue;
    }
    // What is more than a pass holds takes what is left; the others are computed whole or not at all.
    const int rows = w.rows > most ? room : w.rows;
    if (rows > 0 && rows <= room) {
      pieces_.push_back({index, rows});
      room -= rows;
    } else if (leftOut == 0) {
      leftOut = w.id;
    }
  }
  if (prompt < waiting.size() && (pieces_.empty() || promptTurn_)) {
    const int rows = chunk(batchRows, !pieces_.empty());
    pieces_.assign(1, {prompt, promptPiece(waiting[prompt].ofPrompt, rows, kDecodeRows + 1)});
  } else {
    turn_ = leftOut;
  }
  promptTurn_ = !promptTurn_;
  return pieces_;
}

}  // namespace lemma
