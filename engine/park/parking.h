// Conversations' caches that are kept on disk, so that a conversation that is opened again, in another run of the
// program too, is not read anew. A file holds a stretch of one; what is known of a prompt is a chain of stretches, each
// found by its tokens. Files are written by a thread of its own, from copies, so that nothing waits for the disk; the
// least recently used go when the quota is reached. Whatever is wrong with a file or the disk costs time only: one
// sentence, and the prompt is computed. Owner: the Engine; all calls on its thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/api/engine.h"
#include "engine/park/parked_file.h"

namespace lemma {

class Parking {
 public:
  // `quotaBytes` above 0. The folder is made and looked through by the thread.
  Parking(ParkingOptions options, CacheShape shape);
  // What waits is written, for at most kClosing.
  ~Parking();

  static constexpr std::chrono::seconds kClosing{2};
  // Fewer tokens than this are not worth a file, nor a look at the disk.
  static constexpr int kLeastGain = 16;

  // Pages that hold positions [begin, end) of what was asked for; begin is a whole page.
  struct Stretch {
    std::string name;
    int begin = 0, end = 0;
  };
  // What is on disk of the beginning of `tokens`, in order, as far as it goes beyond the first `held` of them.
  std::vector<Stretch> find(std::span<const Token> tokens, int held);

  // Copies the page that starts at a position.
  using PageOf = std::function<Result<void>(int page, std::span<std::byte> out)>;
  // Keeps what is not on disk yet of the cache of `tokens`.
  void park(std::span<const Token> tokens, std::string_view conversation, const PageOf& pageOf);

  // Removes everything that was written for a conversation.
  void forget(std::string_view conversation);
  // A file turned out to be wrong: it is removed, and said once.
  void reject(const std::string& name, const Error& why);

  const CacheShape& shape() const { return shape_; }
  const std::string& folder() const { return options_.folder; }

  // Until everything that waits is written: for tests and measurements.
  void flush();

 private:
  struct Known {
    int first = 0;
    std::vector<Token> tokens;
    bool written = false;
  };
  struct Job {
    std::string name, conversation;
    ParkedHeader header;
    std::unique_ptr<std::byte[]> pages;
    uint64_t bytes = 0;
    std::vector<std::string> replaces;  // files that this one holds too
  };
  using Index = std::map<std::string, Known>;

  std::vector<Stretch> chain(std::span<const Token> tokens, int held, bool onlyWritten) const;
  std::optional<Job> jobFor(std::span<const Token> tokens, int first, std::string_view conversation,
                            const PageOf& pageOf) const;
  void run();
  void scan();
  void write(Job& job);
  bool makeRoom(uint64_t bytes);
  void giveUp(const std::string& sentence);
  void say(const std::string& sentence) const;

  const ParkingOptions options_;
  const CacheShape shape_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Index index_;           // under the mutex, as all below
  std::deque<Job> jobs_;  // the first is being written
  uint64_t waiting_ = 0;  // bytes of the jobs
  bool scanned_ = false, writing_ = false, broken_ = false, closing_ = false;
  std::chrono::steady_clock::time_point deadline_;
  std::thread thread_;  // last member: it uses the others
};

}  // namespace lemma
