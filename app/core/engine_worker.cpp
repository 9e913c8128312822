#include "app/core/engine_worker.h"

#include <pthread.h>

#include <atomic>
#include <deque>
#include <map>
#include <stop_token>
#include <string_view>
#include <utility>
#include <variant>

#include "app/core/stall_clock.h"
#include "engine/api/work_count.h"
#include "engine/model.h"
#include "engine/park/parked_folder.h"

namespace lemma::app {

namespace {

// A program that ends waits so long for an engine in which nothing goes on.
constexpr std::chrono::milliseconds kLongestEnd{5'000};

constexpr std::string_view kStalled = "Nothing went on in the engine for ";

}  // namespace

bool isStall(const Error& error) { return error.code == Err::deviceLost && error.what.starts_with(kStalled); }

struct EngineWorker::Core {
  struct Job {
    std::function<void(Core&)> run;
    bool forAnyEngine = false;  // the next engine does it where this one was given up before
  };
  struct Asked {
    Engine::Sink sink;
    std::optional<RequestId> id;  // none while it is queued
    bool cancelled = false;       // while it was queued
  };

  WorkCount work;  // before the engine, which counts there
  Engine engine;

  std::mutex mutex;
  std::condition_variable wake, over;
  std::optional<LoadOptions> inUse;  // of the model that answers
  uint64_t memoryBytes = 0;          // that it takes beside the mapped file
  std::deque<Job> jobs;
  std::stop_source loadStop, reloadStop;
  Ticket reloading = 0;                // who waits for the model to be loaded again
  std::map<Ticket, Asked> asked;       // neither finished nor given up
  std::map<uint64_t, LoadDone> loads;  // likewise
  uint64_t lastLoad = 0;
  bool ending = false, ended = false;

  void post(std::function<void(Core&)> run, bool forAnyEngine = false) {
    {
      const std::lock_guard lock(mutex);
      jobs.push_back({std::move(run), forAnyEngine});
    }
    wake.notify_one();
  }

  Result<ModelInfo> load(LoadOptions options, const std::function<void(LoadProgress)>& progress, std::stop_token stop) {
    options.work = &work;
    auto loaded = engine.load(options, progress, std::move(stop));
    if (loaded) {
      const std::lock_guard lock(mutex);
      inUse = std::move(options);
      memoryBytes = engine.model()->memory().own();
    }
    return loaded;
  }

  // With `mutex` held.
  void endAll() {
    ending = true;
    loadStop.request_stop();
    reloadStop.request_stop();
    for (const auto& [ticket, a] : asked) {
      if (a.id) engine.cancel(*a.id);
    }
  }

  void begin(Ticket ticket, ChatRequest request);
  void tell(Ticket ticket, const StreamEvent& event);
  void loop();
};

void EngineWorker::Core::tell(Ticket ticket, const StreamEvent& event) {
  Engine::Sink sink;
  {
    const std::lock_guard lock(mutex);
    const auto it = asked.find(ticket);
    if (it == asked.end()) return;  // it was given up
    sink = it->second.sink;
    if (std::holds_alternative<Finished>(event) || std::holds_alternative<Failed>(event)) asked.erase(it);
  }
  sink(event);
}

void EngineWorker::Core::begin(Ticket ticket, ChatRequest request) {
  if (!engine.model() && inUse) {  // this engine follows one that was given up
    std::stop_token stop;
    {
      const std::lock_guard lock(mutex);
      const auto it = asked.find(ticket);
      if (it == asked.end()) return;
      reloading = ticket;
      reloadStop = std::stop_source();
      if (it->second.cancelled || ending) reloadStop.request_stop();
      stop = reloadStop.get_token();
    }
    const auto loaded = load(*inUse, {}, stop);
    if (!loaded && loaded.error().code != Err::cancelled) return tell(ticket, Failed{loaded.error()});
  }
  const RequestId id =
      engine.start(std::move(request), [this, ticket](const StreamEvent& event) { tell(ticket, event); });
  const std::lock_guard lock(mutex);
  const auto it = asked.find(ticket);
  if (it == asked.end() || it->second.cancelled) engine.cancel(id);
  if (it != asked.end()) it->second.id = id;
}

void EngineWorker::Core::loop() {
  pthread_setname_np(pthread_self(), "lemma-engine");
  for (bool busy = false;;) {
    Job job;
    {
      std::unique_lock lock(mutex);
      if (!busy) wake.wait(lock, [this] { return ending || !jobs.empty(); });
      if (ending) break;
      if (!jobs.empty()) {
        job = std::move(jobs.front());
        jobs.pop_front();
      }
    }
    work.add();
    if (job.run) {
      job.run(*this);
      busy = true;  // there may be something to compute now
      continue;
    }
    busy = engine.step();
  }
  engine.unload();  // ends what runs, so that every sink hears its last event
  // Told with the lock held: who waits for it may let go of all this at once.
  const std::lock_guard lock(mutex);
  ended = true;
  over.notify_all();
}

EngineWorker::EngineWorker(Options options) : options_(options), core_(std::make_shared<Core>()) {
  thread_ = std::thread([core = core_] { core->loop(); });
  watchdog_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

EngineWorker::~EngineWorker() {
  watchdog_.request_stop();
  watchdog_.join();
  Core& core = *core_;
  std::unique_lock lock(core.mutex);
  core.endAll();
  core.wake.notify_all();
  StallClock clock(std::min<std::chrono::milliseconds>(options_.stallAfter, kLongestEnd));
  while (!core.ended && !clock.look(std::chrono::steady_clock::now(), true, core.work.total())) {
    core.over.wait_for(lock, clock.between());
  }
  if (core.ended) {
    lock.unlock();
    thread_.join();
    return;
  }
  const auto asked = std::exchange(core.asked, {});  // nobody listens any more
  core.loads.clear();
  thread_.detach();
}

std::shared_ptr<EngineWorker::Core> EngineWorker::core() const {
  const std::lock_guard lock(mutex_);
  return core_;
}

void EngineWorker::load(LoadOptions options, std::function<void(LoadProgress)> progress, LoadDone done) {
  const std::lock_guard outer(mutex_);
  Core& core = *core_;
  std::stop_token stop;
  uint64_t id = 0;
  {
    const std::lock_guard lock(core.mutex);
    core.loadStop.request_stop();
    core.loadStop = std::stop_source();
    stop = core.loadStop.get_token();
    core.loads[id = ++core.lastLoad] = std::move(done);
  }
  core.post([options = std::move(options), progress = std::move(progress), id, stop](Core& own) {
    auto loaded = own.load(options, progress, stop);
    LoadDone told;
    {
      const std::lock_guard lock(own.mutex);
      if (auto entry = own.loads.extract(id)) told = std::move(entry.mapped());
    }
    if (told) told(std::move(loaded));
  });
}

void EngineWorker::cancelLoad() {
  const auto own = core();
  const std::lock_guard lock(own->mutex);
  own->loadStop.request_stop();
}

EngineWorker::Ticket EngineWorker::start(ChatRequest request, Engine::Sink sink) {
  const std::lock_guard outer(mutex_);
  const Ticket ticket = ++lastTicket_;
  {
    const std::lock_guard lock(core_->mutex);
    core_->asked[ticket] = {.sink = std::move(sink), .id = {}};
  }
  core_->post([ticket, request = std::move(request)](Core& own) mutable { own.begin(ticket, std::move(request)); });
  return ticket;
}

void EngineWorker::cancel(Ticket ticket) {
  const auto own = core();
  const std::lock_guard lock(own->mutex);
  const auto it = own->asked.find(ticket);
  if (it == own->asked.end()) return;
  if (it->second.id) {
    own->engine.cancel(*it->second.id);
  } else {
    it->second.cancelled = true;
    if (own->reloading == ticket) own->reloadStop.request_stop();
  }
}

void EngineWorker::endThought(Ticket ticket) {
  const auto own = core();
  const std::lock_guard lock(own->mutex);
  const auto it = own->asked.find(ticket);
  if (it != own->asked.end() && it->second.id) own->engine.endThought(*it->second.id);
}

void EngineWorker::forget(std::string conversation, std::string folder) {
  const std::lock_guard outer(mutex_);
  core_->post(
      [conversation = std::move(conversation), folder = std::move(folder)](Core& own) {
        own.engine.forget(conversation);
        forgetParked(folder, conversation);  // also what another model left
      },
      true);
}

void EngineWorker::countTokens(ChatRequest request, std::function<void(Result<int>)> done) {
  const std::lock_guard outer(mutex_);
  core_->post(
      [request = std::move(request), done = std::move(done)](Core& own) { done(own.engine.countTokens(request)); });
}

std::optional<EngineWorker::Stall> EngineWorker::lastStall() const {
  const std::lock_guard lock(mutex_);
  return lastStall_;
}

void EngineWorker::watch(const std::stop_token& stop) {
  StallClock clock(options_.stallAfter);
  std::unique_lock lock(watchMutex_);
  while (!watchWake_.wait_for(lock, stop, clock.between(), [&stop] { return stop.stop_requested(); })) {
    const auto own = core();
    bool busy = false;
    {
      const std::lock_guard inner(own->mutex);
      busy = !own->asked.empty() || !own->loads.empty();
    }
    if (!clock.look(std::chrono::steady_clock::now(), busy, own->work.total())) continue;
    restart();
    clock = StallClock(options_.stallAfter);  // the new engine's count may pass where the old one's stands
  }
}

void EngineWorker::restart() {
  std::shared_ptr<Core> old;
  std::thread oldThread;
  std::map<Ticket, Core::Asked> asked;
  std::map<uint64_t, LoadDone> loads;
  {
    const std::lock_guard outer(mutex_);
    old = core_;
    auto fresh = std::make_shared<Core>();
    const std::lock_guard lock(old->mutex);
    old->endAll();
    asked = std::exchange(old->asked, {});
    loads = std::exchange(old->loads, {});
    fresh->inUse = old->inUse;
    for (Core::Job& job : old->jobs) {
      if (job.forAnyEngine) fresh->jobs.push_back(std::move(job));
    }
    old->jobs.clear();
    core_ = fresh;
    oldThread = std::exchange(thread_, std::thread([fresh] { fresh->loop(); }));
  }
  Stall stall;
  {
    std::unique_lock lock(old->mutex);
    stall.ended = old->over.wait_for(lock, options_.grace, [&] { return old->ended; });
  }
  if (stall.ended) {
    oldThread.join();
  } else {
    stall.bytesKept = old->memoryBytes;
    oldThread.detach();
  }
  {
    const std::lock_guard lock(mutex_);
    lastStall_ = stall;
  }
  const Error why{Err::deviceLost,
                  std::string(kStalled) +
                      std::to_string(std::chrono::duration_cast<std::chrono::seconds>(options_.stallAfter).count()) +
                      " seconds, so it was given up."};
  for (const auto& [ticket, a] : asked) a.sink(Failed{why});
  for (const auto& [id, done] : loads) done(tl::unexpected(why));
}

}  // namespace lemma::app
