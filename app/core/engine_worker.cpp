#include "app/core/engine_worker.h"

#include <utility>
#include <variant>

#include "engine/park/parked_folder.h"

namespace lemma::app {

EngineWorker::EngineWorker() : thread_([this](const std::stop_token& stop) { loop(stop); }) {}

EngineWorker::~EngineWorker() {
  {
    std::lock_guard lock(mutex_);
    loadStop_.request_stop();
    for (const auto& [ticket, id] : requests_) engine_.cancel(id);
  }
  thread_.request_stop();
  thread_.join();
}

void EngineWorker::post(Job job) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void EngineWorker::load(LoadOptions options, std::function<void(LoadProgress)> progress, LoadDone done) {
  std::stop_token stop;
  {
    std::lock_guard lock(mutex_);
    loadStop_.request_stop();
    loadStop_ = std::stop_source();
    stop = loadStop_.get_token();
  }
  post([this, options = std::move(options), progress = std::move(progress), done = std::move(done), stop] {
    done(engine_.load(options, progress, stop));
  });
}

void EngineWorker::cancelLoad() {
  std::lock_guard lock(mutex_);
  loadStop_.request_stop();
}

EngineWorker::Ticket EngineWorker::start(ChatRequest request, Engine::Sink sink) {
  Ticket ticket = 0;
  {
    std::lock_guard lock(mutex_);
    ticket = ++lastTicket_;
    waiting_[ticket] = false;
  }
  post([this, ticket, request = std::move(request), sink = std::move(sink)]() mutable {
    auto forward = [this, ticket, sink](const StreamEvent& event) {
      if (std::holds_alternative<Finished>(event) || std::holds_alternative<Failed>(event)) {
        std::lock_guard lock(mutex_);
        requests_.erase(ticket);
      }
      sink(event);
    };
    const RequestId id = engine_.start(std::move(request), forward);
    std::lock_guard lock(mutex_);
    if (waiting_.extract(ticket).mapped()) engine_.cancel(id);
    requests_[ticket] = id;
  });
  return ticket;
}

void EngineWorker::cancel(Ticket ticket) {
  std::lock_guard lock(mutex_);
  if (auto it = requests_.find(ticket); it != requests_.end()) {
    engine_.cancel(it->second);
  } else if (auto queued = waiting_.find(ticket); queued != waiting_.end()) {
    queued->second = true;
  }
}

void EngineWorker::endThought(Ticket ticket) {
  std::lock_guard lock(mutex_);
  if (auto it = requests_.find(ticket); it != requests_.end()) engine_.endThought(it->second);
}

void EngineWorker::forget(std::string conversation, std::string folder) {
  post([this, conversation = std::move(conversation), folder = std::move(folder)] {
    engine_.forget(conversation);
    forgetParked(folder, conversation);  // also what another model left
  });
}

void EngineWorker::countTokens(ChatRequest request, std::function<void(Result<int>)> done) {
  post([this, request = std::move(request), done = std::move(done)] { done(engine_.countTokens(request)); });
}

void EngineWorker::loop(const std::stop_token& stop) {
  bool busy = false;
  while (!stop.stop_requested()) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      if (!busy) wake_.wait(lock, stop, [this] { return !jobs_.empty(); });
      if (!jobs_.empty()) {
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
    }
    if (job) {
      job();
      busy = true;  // there may be something to compute now
      continue;
    }
    busy = engine_.step();
  }
  engine_.unload();  // ends what runs, so that every sink hears its last event
}

}  // namespace lemma::app
