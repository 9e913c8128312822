// The one thread that owns the Engine. Everything here may be called from any thread and returns at once;
// callbacks run on the worker's thread, so receivers post on to their own.
// Owner: AppServices. The destructor cancels what runs and joins.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "engine/api/engine.h"

namespace lemma::app {

class EngineWorker {
 public:
  using Ticket = uint64_t;
  using LoadDone = std::function<void(Result<ModelInfo>)>;

  EngineWorker();
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

  void countTokens(ChatRequest request, std::function<void(Result<int>)> done);

 private:
  using Job = std::function<void()>;
  void post(Job job);
  void loop(const std::stop_token& stop);

  Engine engine_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Job> jobs_;
  std::stop_source loadStop_;
  std::map<Ticket, RequestId> requests_;  // started and not yet finished
  std::map<Ticket, bool> waiting_;        // queued, not yet started; true = cancelled meanwhile
  Ticket lastTicket_ = 0;
  std::jthread thread_;  // last member: joined before the rest goes
};

}  // namespace lemma::app
