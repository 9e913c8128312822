// Experts of a model that does not fit memory: read from the disk when rows choose them, kept in a budget of bytes as
// long as they are chosen often. One expert's gate, up and down are read and dropped together.
// Owner: the Model, longer than every program compiled with it. Set up by the engine's thread; afterwards the backend's
// threads call it as ExpertSource says, and one thread of its own reads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/experts/direct_file.h"
#include "engine/experts/expert_stats.h"
#include "engine/experts/read_queue.h"
#include "engine/model_file/model_file.h"
#include "kernels/api/op.h"

namespace lemma {

class ExpertCache final : public ExpertSource {
 public:
  enum class Reads : uint8_t { best, threads };  // threads: without io_uring

  // `file` must outlive the cache.
  explicit ExpertCache(const ModelFile& file, Reads reads = Reads::best);
  ~ExpertCache() override;
  ExpertCache(const ExpertCache&) = delete;
  ExpertCache& operator=(const ExpertCache&) = delete;

  // Before start(): the experts of a layer, and how many of them a row passes. No source where a matrix lies in no
  // file.
  ExpertOrigin add(const ExpertSet& gate, const ExpertSet& up, const ExpertSet& down, int chosenOfARow);
  // Bytes of the file that were added, and the least budget that start() takes.
  uint64_t bytes() const { return bytes_; }
  uint64_t leastBudget() const { return uint64_t(chosenOfARow_) * slotBytes_; }
  // Opens the files and takes memory; `budget` counts whole experts. outOfMemory where one row's do not fit.
  Result<void> start(uint64_t budget);
  ExpertStats stats() const;

  int most() const override { return most_; }
  void choose(int layer, std::span<const int32_t> experts) override;
  void guess(int layer, std::span<const int32_t> experts) override;
  void hold(int layer, std::span<int32_t> experts) override;
  ExpertBytes wait(int layer, int32_t expert) override;
  Result<void> takeFailure() override;

 private:
  enum class State : uint8_t { absent, queued, reading, present };
  struct Extent {  // of a file, whole blocks
    uint64_t offset = 0;
    uint32_t bytes = 0, needed = 0;  // the last block may reach beyond the end of the file
    uint32_t file = 0, place = 0;    // in files_, and in the slot
  };
  struct Unit {  // an expert of a layer
    std::atomic<State> state{State::absent};
    bool held = false, expected = false;  // not to be dropped; while nothing else can be
    bool byGuess = false, failed = false;
    uint8_t extents = 0;
    uint32_t unread = 0;  // pieces that are being read or wait for it
    int32_t slot = -1;
    Extent extent[3];
    uint32_t at[3] = {};  // where gate, up and down begin in the slot
  };
  struct Layer {
    size_t first = 0;  // of its units
    int experts = 0;
    std::vector<int32_t> guessed, ahead;  // the last guess; what was chosen and is not held yet
    std::vector<float> share;             // of its passes in which an expert was chosen, recent ones counting more
  };
  struct Slot {
    int64_t unit = -1;
    int32_t layer = 0;
  };
  struct Piece {
    size_t unit = 0;
    DiskRead read;
    uint32_t needed = 0, file = 0;
    bool guess = false;
  };

  ExpertBytes bytesOf(const Unit& u) const;
  void place(const TensorView (&matrices)[3], Unit& u);
  void ask(size_t unit, bool urgent);
  void expect(size_t unit, bool first);
  void keep(size_t unit);
  void letGo();
  void forgetExpected(Layer& l);
  void forgetGuesses();
  void countChoice(Layer& l, std::span<const int32_t> experts);
  int64_t takeSlot(bool urgent);
  bool beginUnit(size_t unit, bool urgent, int32_t layer);
  bool nextPiece(Piece& piece);
  void finish(const DiskDone& done);
  void endPiece(const Piece& piece, std::string failure);
  void wakeReader();
  void serve();

  const ModelFile& file_;
  const Reads reads_;
  std::deque<Unit> units_;
  std::vector<Layer> layers_;
  std::vector<size_t> parts_;      // of the model that experts lie in
  std::vector<DirectFile> files_;  // those, opened by start()
  uint64_t bytes_ = 0, slotBytes_ = 0;
  int chosenOfARow_ = 0, most_ = 1;
  std::byte* memory_ = nullptr;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  // by mutex_, with all of Unit but what state publishes
  std::vector<Slot> slots_;
  std::vector<float> rarity_;            // of each unit: layers until it is chosen, beside those to its own layer
  int layer_ = 0;                        // that was chosen last
  std::deque<size_t> urgent_, guesses_;  // units that wait for a slot
  std::deque<Piece> urgentPieces_, guessPieces_;
  std::vector<Piece> running_;  // by tag
  std::vector<uint32_t> freeTags_;
  std::vector<size_t> held_;
  size_t expected_ = 0;
  int urgentRunning_ = 0, guessesRunning_ = 0;
  std::string failure_;
  ExpertStats stats_;
  bool asleep_ = false, ending_ = false;

  std::unique_ptr<ReadQueue> queue_;  // submit() and wait() by the reader
  std::thread reader_;
};

}  // namespace lemma
