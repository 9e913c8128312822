// The thread that owns the Store. Work is queued and answered; drafts of a streaming answer are gathered and saved on
// time. Owner: whoever makes it; every public function may be called from any thread and never waits for the disk. All
// callbacks run through the Executor given at the start, which must bring them to the thread that wants them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "storage/checkpointer.h"
#include "storage/store.h"

namespace lemma::storage {

class StorageThread {
 public:
  using Executor = std::function<void(std::function<void()>)>;

  struct Options {
    std::string path;  // of the database
    StoreOptions store;
    size_t queueLimit = 1024;                    // calls that wait; one more is answered `busy`
    std::chrono::milliseconds draftDelay{100};   // text outlives a kill this long after it came, plus one commit
    std::chrono::milliseconds retryDelay{2000};  // after a failed save of drafts
    // Pages of the write-ahead log from which on it is moved into the database: while no answer streams, as the commit
    // after that starts the log anew and syncs it first, which a draft should not wait for; and from when on even so.
    int logPages = 1000;
    int logPagesStreaming = 65536;  // 256 MiB
  };
  struct Callbacks {
    // At the start, and again whenever the database was found damaged and had to be opened anew.
    std::function<void(Result<OpenReport>)> opened;
    // Answers being streamed cannot be saved (disk full, file moved...); nullopt: they are being saved again. What
    // could not be saved is kept and tried again.
    std::function<void(std::optional<Error>)> draftTrouble;
  };

  StorageThread(Options options, Executor executor, Callbacks callbacks);
  ~StorageThread();  // does what is queued, saves what is gathered, closes the database; callbacks may still be posted
  StorageThread(const StorageThread&) = delete;
  StorageThread& operator=(const StorageThread&) = delete;

  // Runs work(Store&) -> Result<T> on the storage thread, then done(Result<T>) through the executor. Calls keep their
  // order, and see all drafts and seals that were given before them.
  template <class Work, class Done>
  void call(Work work, Done done) {
    using R = std::invoke_result_t<Work&, Store&>;
    push([this, work = std::move(work), done = std::move(done)](Store* store, const Error& error) mutable {
      auto result = std::make_shared<R>(store ? work(*store) : R(tl::unexpected(error)));
      executor_([result, done = std::move(done)]() mutable { done(std::move(*result)); });
    });
  }

  // More of a streaming answer; `at` is set here. Cheap: saved together with what else comes within draftDelay.
  void appendDraft(MessageId answer, PartKind kind, std::string_view text, int tokens = 0);
  // The answer is over. Its drafts are saved first; on a full or failing disk both are kept and tried again. done gets
  // the final result.
  void seal(Sealing sealing, std::function<void(Result<void>)> done = {});

 private:
  using Job = std::function<void(Store*, const Error&)>;  // no Store: could not be opened, or the queue was full
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Pending {
    std::vector<DraftDelta> deltas;
    std::optional<Sealing> sealing;
    std::function<void(Result<void>)> sealed;
  };
  using PendingMap = std::map<MessageId, Pending>;

  void push(Job job);
  void scheduleSave(std::chrono::milliseconds delay);  // with mutex_ held
  void run();
  void openStore(bool again);
  void save(bool last);
  bool mayPass(Err code) const;
  Result<void> saveOne(MessageId id, Pending& pending);
  void keep(MessageId id, Pending pending);
  void considerCheckpoint();
  void reportTrouble(const std::optional<Error>& error);

  const Options options_;
  const Executor executor_;
  const Callbacks callbacks_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  PendingMap pending_;
  std::optional<SteadyTime> saveAt_;
  bool stopping_ = false;

  // Only on the storage thread:
  std::optional<Store> store_;
  std::optional<Checkpointer> checkpointer_;
  int pagesSeen_ = 0;  // of the log when a checkpoint was last thought of
  Error openError_;
  int repairsLeft_ = 3;  // a disk that damages what was just repaired is not worth a fourth
  bool inTrouble_ = false;

  std::thread thread_;  // last: starts when everything above is ready
};

}  // namespace lemma::storage
