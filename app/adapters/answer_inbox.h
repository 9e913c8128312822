// Carries an answer's events from the engine's thread to the UI thread, where a 30 Hz timer empties it.
// put() on the worker's thread, take() on the UI thread. Shared: the sink may outlive the window.
#pragma once

#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/api/types.h"

namespace lemma::app {

class AnswerInbox {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Item {
    StreamEvent event;
    Time at;
  };

  // Neighbouring words of one part are joined, so a slow reader costs no memory beyond the text.
  void put(const StreamEvent& event) {
    const Time now = std::chrono::steady_clock::now();
    std::lock_guard lock(mutex_);
    const auto* delta = std::get_if<PartDelta>(&event);
    if (delta && !items_.empty()) {
      if (auto* last = std::get_if<PartDelta>(&items_.back().event); last && last->kind == delta->kind) {
        last->text += delta->text;
        last->tokens = delta->tokens;
        return;
      }
    }
    items_.push_back({event, now});
  }

  std::vector<Item> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(items_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Item> items_;
};

}  // namespace lemma::app
