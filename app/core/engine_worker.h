// The one thread that owns the Engine, and one that watches it. Everything here may be called from any thread and
// returns at once; callbacks run on the worker's thread, or on the watching one where the engine was given up, so
// receivers post on to their own.
// Where something is to be done and nothing goes on for Options::stallAfter, every request and load ends with an error
// that isStall() knows, and the engine is started anew; the model that was in use is loaded again by the next request.
// A thread cannot be ended from outside: one that does not come back keeps what it owns until the program ends. Owner:
// AppServices. The destructor cancels what runs and joins, unless the thread does not come back.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine/api/engine.h"

namespace lemma::app {

bool isStall(const Error& error);

class EngineWorker {
 public:
  using Ticket = uint64_t;
  using LoadDone = std::function<void(Result<ModelInfo>)>;

  struct Options {
    std::chrono::milliseconds stallAfter{30'000};
    std::chrono::milliseconds grace{2'000};  // so long a cancelled engine may take to end before it is left alone
  };
  // What became of an engine that was given up.
  struct Stall {
    bool ended = false;      // it ended when it was cancelled; else its thread is still there
    uint64_t bytesKept = 0;  // the memory that it holds then, beside the mapped file
  };

  EngineWorker() : EngineWorker(Options{}) {}
  explicit EngineWorker(Options options);
  ~EngineWorker();
  EngineWorker(const EngineWorker&) = delete;
  EngineWorker& operator=(const EngineWorker&) = delete;

  // A load that is still going on is stopped first: the person chose another model.
  void load(LoadOptions options, std::function<void(LoadProgress)> progress, LoadDone done);
  void cancelLoad();

  // The sink gets every event of this request, the last one Finished or Failed.
  Ticket start(ChatRequest request, Engine::Sink sink);
  void cancel(Ticket ticket);
  void endThought(Ticket ticket);

  // Removes what is parked of a conversation in `folder`, and parks no more of what runs of it.
  void forget(std::string conversation, std::string folder);

  // `done` is not called where the engine is given up meanwhile.
  void countTokens(ChatRequest request, std::function<void(Result<int>)> done);

  // The last time; set before the first request hears of it.
  std::optional<Stall> lastStall() const;

 private:
  struct Core;  // an engine and all that its thread touches; kept alive by that thread, too

  std::shared_ptr<Core> core() const;
  void watch(const std::stop_token& stop);
  void restart();

  const Options options_;
  mutable std::mutex mutex_;  // before a Core's
  std::shared_ptr<Core> core_;
  std::thread thread_;  // of core_
  std::optional<Stall> lastStall_;
  Ticket lastTicket_ = 0;
  std::mutex watchMutex_;
  std::condition_variable_any watchWake_;
  std::jthread watchdog_;  // last member: ends before the rest goes
};

}  // namespace lemma::app
