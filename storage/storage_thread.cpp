#include "storage/storage_thread.h"

namespace lemma::storage {
StorageThread::StorageThread(Options options, Executor executor, Callbacks callbacks)
    : options_(std::move(options)),
      executor_(std::move(executor)),
      callbacks_(std::move(callbacks)),
      thread_([this] { run(); }) {}

StorageThread::~StorageThread() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StorageThread::push(Job job) {
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() < options_.queueLimit) {
      queue_.push_back(std::move(job));
      wake_.notify_one();
      return;
    }
  }
  job(nullptr, {Err::busy, "Too much is waiting to be saved; the disk does not keep up."});
}

void StorageThread::scheduleSave(std::chrono::milliseconds delay) {
  const SteadyTime at = std::chrono::steady_clock::now() + delay;
  if (saveAt_ && *saveAt_ <= at) return;
  saveAt_ = at;
  wake_.notify_one();
}

void StorageThread::appendDraft(MessageId answer, PartKind kind, std::string_view text, int tokens) {
  const Millis now = options_.store.clock();
  std::lock_guard lock(mutex_);
  auto& deltas = pending_[answer].deltas;
  if (!deltas.empty() && deltas.back().kind == kind) {
    deltas.back().text += text;
    deltas.back().tokens += tokens;
    deltas.back().at = now;
  } else {
    deltas.push_back({kind, std::string(text), tokens, now});
  }
  scheduleSave(options_.draftDelay);
}

void StorageThread::seal(Sealing sealing, std::function<void(Result<void>)> done) {
  std::lock_guard lock(mutex_);
  Pending& pending = pending_[sealing.message];
  pending.sealing = std::move(sealing);
  pending.sealed = std::move(done);
  scheduleSave(std::chrono::milliseconds(0));
}

// Failures that may pass: the text stays in memory and is saved when they do.
bool StorageThread::mayPass(Err code) const {
  switch (code) {
    case Err::diskFull:
    case Err::io:
    case Err::busy:
    case Err::readOnly:
    case Err::moved:
    case Err::outOfMemory:
      return true;
    case Err::damaged:
      return options_.store.salvage && repairsLeft_ > 0;
    default:
      return false;
  }
}

void StorageThread::openStore(bool again) {
  StoreOptions how = options_.store;
  how.ownCheckpoints = false;
  how.checkWhole = how.keepStreaming = again;
  auto opened = Store::open(options_.path, how);
  if (opened)
    store_.emplace(std::move(*opened));
  else
    openError_ = opened.error();
  if (store_ && !store_->report().readOnly) checkpointer_.emplace(options_.path, how.vfs);
  if (callbacks_.opened) {
    const Result<OpenReport> report = store_ ? Result<OpenReport>(store_->report()) : tl::unexpected(openError_);
    executor_([report, tell = callbacks_.opened] { tell(report); });
  }
}

void StorageThread::run() {
  openStore(false);
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto due = [this] { return saveAt_ && *saveAt_ <= std::chrono::steady_clock::now(); };
    if (queue_.empty() && !stopping_ && !due()) {
      if (saveAt_)
        wake_.wait_until(lock, *saveAt_);
      else
        wake_.wait(lock);
      continue;
    }
    std::optional<Job> job;
    if (!queue_.empty()) {
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    const bool last = stopping_ && !job;
    lock.unlock();
    save(last);
    if (job) (*job)(store_ ? &*store_ : nullptr, openError_);
    if (store_ && store_->isDamaged() && !last && options_.store.salvage && repairsLeft_ > 0) {
      // Nobody may have the file open while it is read page by page. If all is sound again only a read had failed.
      --repairsLeft_;
      checkpointer_.reset();
      store_.reset();
      openStore(true);
      std::lock_guard waiting(mutex_);
      if (!pending_.empty()) scheduleSave(std::chrono::milliseconds(0));
    }
    if (checkpointer_ && !last) considerCheckpoint();
    lock.lock();
    if (last) break;
  }
  lock.unlock();
  checkpointer_.reset();
  store_.reset();
}

void StorageThread::save(bool last) {
  PendingMap pending;
  {
    std::lock_guard lock(mutex_);
    pending.swap(pending_);
    saveAt_.reset();
  }
  std::optional<Error> trouble;
  for (auto& [id, one] : pending) {
    auto result = saveOne(id, one);
    if (!result && mayPass(result.error().code) && !last) {
      trouble = result.error();
      keep(id, std::move(one));
      continue;
    }
    if (!result) trouble = result.error();
    if (one.sealed) executor_([result, sealed = std::move(one.sealed)] { sealed(result); });
  }
  if (!pending.empty()) reportTrouble(trouble);
}

Result<void> StorageThread::saveOne(MessageId id, Pending& pending) {
  if (!store_) return tl::unexpected(openError_);
  STORE_CHECK(store_->appendDraft(id, pending.deltas));
  pending.deltas.clear();  // on the disk now; a seal that fails must not add them again
  if (pending.sealing) return store_->seal(*pending.sealing);
  return {};
}

void StorageThread::keep(MessageId id, Pending failed) {
  std::lock_guard lock(mutex_);
  Pending& now = pending_[id];  // what came meanwhile follows
  failed.deltas.insert(failed.deltas.end(), std::make_move_iterator(now.deltas.begin()),
                       std::make_move_iterator(now.deltas.end()));
  now.deltas = std::move(failed.deltas);
  if (failed.sealing) {
    now.sealing = std::move(failed.sealing);
    now.sealed = std::move(failed.sealed);
  }
  saveAt_.reset();
  scheduleSave(options_.retryDelay);
}

void StorageThread::considerCheckpoint() {
  const int pages = store_->logPages();
  if (pages == pagesSeen_) return;  // nothing was committed
  pagesSeen_ = pages;
  checkpointer_->want(pages >= options_.logPages &&
                      (pages >= options_.logPagesStreaming || !store_->isStreaming().value_or(true)));
}

void StorageThread::reportTrouble(const std::optional<Error>& error) {
  if (error.has_value() == inTrouble_) return;
  inTrouble_ = error.has_value();
  if (callbacks_.draftTrouble) executor_([error, tell = callbacks_.draftTrouble] { tell(error); });
}

}  // namespace lemma::storage
