// The Nth allocation of SQLite fails, once or from then on.
#include <sqlite3.h>

#include "tests/storage_faults/scripts.h"

namespace lemma::storage {
namespace {

int allocations = 0, failing = 0;
bool forGood = false;
sqlite3_mem_methods real;

bool fails() {
  ++allocations;
  return failing > 0 && (forGood ? allocations >= failing : allocations == failing);
}

// In SQLite's place before its first use, as it may not be exchanged later.
const bool installed = [] {
  if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK) return false;
  sqlite3_mem_methods ours = real;
  ours.xMalloc = [](int bytes) { return fails() ? nullptr : real.xMalloc(bytes); };
  ours.xRealloc = [](void* old, int bytes) { return fails() ? nullptr : real.xRealloc(old, bytes); };
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK;
}();

class FailingMemory : public Disturbance {
 public:
  void begin(int number, bool always) override {
    allocations = 0;
    failing = number;
    forGood = always;
  }
  int end() override {
    failing = 0;
    return allocations;
  }
  bool mayFailWith(Err code) const override { return code == Err::outOfMemory; }
};

class MemoryErrorTest : public ScriptTest {};

}  // namespace

TEST_F(MemoryErrorTest, allocationsOfEveryScript) {
  ASSERT_TRUE(installed);
  FailingMemory memory;
  disturbEveryScript(memory, timesAsMuch() > 1 ? 1 : 61);  // there are tens of thousands
}

}  // namespace lemma::storage
