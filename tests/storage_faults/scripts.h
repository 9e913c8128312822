// Scripts of everything the store does, as data, and what runs each with one call failing, once or from then on.
// Pass: a change that was acknowledged is there; one that failed is wholly there or not at all; the database is sound;
// the error has a sentence; and once calls succeed again the same open store works again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/storage/fixture.h"

namespace lemma::storage {

// What is made to fail.
class Disturbance {
 public:
  virtual ~Disturbance() = default;
  virtual std::string vfs() const { return {}; }      // the stores are opened with it
  virtual void begin(int failing, bool forGood) = 0;  // call number `failing` fails; 0: none, calls are counted
  virtual int end() = 0;                              // how many calls there were; from now on all succeed
  virtual bool mayFailWith(Err code) const = 0;
};

using Step = std::function<Result<void>(Store&)>;

struct Script {
  const char* name;
  std::function<void(const std::string&)> files;  // puts the database there; it does not exist yet
  Step before;                                    // undisturbed
  Step change;                                    // disturbed; nothing: opening itself is
  Step synced = {};                               // what of `before` outlives a power loss, where that is not all
};

class ScriptTest : public ::testing::Test {
 protected:
  ScriptTest();

  std::vector<Script> scripts();
  // Every `stride`th call of every script fails, beginning with the first.
  void disturbEveryScript(Disturbance& disturbance, int stride);

  std::string path() const { return folder_ / "lemma.db"; }
  void wipe();
  Result<Store> open(const std::string& vfs = {}) {
    return Store::open(path(), {.clock = [this] { return now_; }, .vfs = vfs, .salvage = true});
  }
  std::string content();             // every row of every table, and the schema
  std::string contentOpenedAgain();  // as the program finds it at its next start

 private:
  struct Outcome {
    int calls = 0;  // while disturbed
    bool acknowledged = false;
    std::string content;  // after it was opened again, undisturbed
  };
  Outcome run(const Script& script, Disturbance& disturbance, int failing, bool forGood);
  Sending sending(const char* words, bool fresh = false);

  const std::vector<DraftDelta> kDeltas = {{PartKind::think, "let me see", 3, 5},
                                           {PartKind::answer, std::string(9000, 'a'), 2000, 6}};
  TempFolder folder_{true};
  Millis now_ = 1'800'000'000'000;
  IdGenerator ids_{[this] { return now_; }};
  const ConversationId conversation_ = ids_.conversation(), other_ = ids_.conversation(), binned_ = ids_.conversation();
  const Sending first_ = sending("q1", true), second_ = sending("q2"), third_ = sending("q3");
  const MessageId fresh_ = ids_.message();
  std::string clean_, crashed_, crashedWal_;
};

}  // namespace lemma::storage
