// Lemma's engine: loads one model and answers chat requests, streaming thought and answer.
// Owner: one thread makes it, calls load(), start(), step() and unload(), and destroys it.
// cancel() and endThought() may be called from any thread. No Qt, no storage, no clock but the steady one.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/api/types.h"
#include "kernels/api/result.h"

namespace lemma {

class Model;
class ProductObserver;
class Proposer;
class WorkCount;

// Conversations' caches on disk, so that one that is opened again is not read anew.
struct ParkingOptions {
  std::string folder;       // empty = nothing is parked, nor looked for
  uint64_t quotaBytes = 0;  // most that all of it may take; 0 = nothing is parked, and what there is is removed
  std::function<void(const std::string&)> notice;  // one sentence where it does not work; any thread
};
inline constexpr uint64_t kParkingQuota = 4ull << 30;  // what the programs use where nobody says otherwise

// Where the experts of a model lie while it runs.
enum class ExpertPlace : uint8_t {
  automatic,  // mapped where the model fits the memory that is free, else disk
  mapped,     // in pages of the file, like all other weights
  disk,       // read when they are chosen, and kept in memory of their own as far as it goes
};

struct LoadOptions {
  std::string path;
  int context = 0;              // tokens; 0 = what the model allows, at most 8192
  int batch = 512;              // most rows of one forward pass
  int threads = 0;              // generation; 0 = all cores
  int promptThreads = 0;        // prompts; 0 = as threads
  std::string kvType = "f16";   // f16, q8_0, fp8, f32
  std::string backend = "cpu";  // an entry of backendList(), or several with commas between
  std::string place = "auto";   // which of them computes what, as placementOf() reads it
  std::string target;           // cpu: force an instruction set
  ExpertPlace experts = ExpertPlace::automatic;
  uint64_t expertMemory = 0;    // bytes for experts from the disk; 0 = what is free and nothing else needs
  bool vocabularyOnly = false;  // tokenizer and metadata, no weights
  bool draft = false;           // also the layer that guesses the token after next, where the model has one
  std::string draftModel;       // a smaller model of the same vocabulary that guesses; empty = none
  std::function<std::unique_ptr<Proposer>()> proposer;  // guesses in place of all others, each guess is checked
  ParkingOptions parking;
  WorkCount* work = nullptr;            // is told of each piece of work that was done; outlives the model
  ProductObserver* observer = nullptr;  // is shown the inputs of matrix products, which slows them; outlives the model
};

struct LoadProgress {
  uint64_t bytesDone = 0, bytesTotal = 0;
};

class Engine {
 public:
  using Sink = std::function<void(const StreamEvent&)>;

  Engine();
  ~Engine();

  // Replaces the loaded model only when the new one is ready; on failure the old one stays.
  Result<ModelInfo> load(const LoadOptions& options, const std::function<void(LoadProgress)>& progress = {},
                         std::stop_token stop = {});
  void unload();
  const Model* model() const;
  Model* model();

  // Queues a request; the sink is called from step(), last with Finished or Failed.
  RequestId start(ChatRequest request, Sink sink);
  // Does one piece of work (a chunk of prompt, or one token for each running answer, more where guesses were right).
  // False when nothing is left to do.
  bool step();

  void cancel(RequestId id);      // what was generated stays; Finished says cancelled
  void endThought(RequestId id);  // "Answer now": closes the thought at the next whole code point

  // Removes what is parked of a conversation (ChatRequest::conversation), and parks no more of what runs of it.
  void forget(const std::string& conversation);
  // Waits until everything is written that is to be parked.
  void flushParked();

  // Tokens that the rendered conversation takes, for the context meter.
  Result<int> countTokens(const ChatRequest& request) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lemma
