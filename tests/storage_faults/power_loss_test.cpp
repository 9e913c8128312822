// Power lost at any write of any script: of what no sync had put on the disk each 512 bytes are there or not, in any
// order. Pass: the database is sound, what was acknowledged is there, and what was not is wholly there or not at all.
#include <random>

#include "tests/storage/fault_vfs.h"
#include "tests/storage_faults/scripts.h"

namespace lemma::storage {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSector = 512;
constexpr int kLosses = 2000;

// A file as the disk may hold it.
struct DiskFile {
  std::string bytes;
  bool exists = false;

  void write(size_t at, std::string_view what) {
    if (bytes.size() < at + what.size()) bytes.resize(at + what.size());
    bytes.replace(at, what.size(), what);
    exists = true;
  }
  void apply(const FileChange& change) {
    if (change.call == FileCall::write) {
      write(static_cast<size_t>(change.at), change.bytes);
    } else if (change.call == FileCall::truncate) {
      bytes.resize(std::min(bytes.size(), static_cast<size_t>(change.at)));
    } else if (change.call == FileCall::remove) {
      *this = {};
    }
  }
  // What nobody waited for: all of it, nothing of it, or some of its sectors.
  void applyPerhaps(const FileChange& change, std::mt19937_64& random) {
    const auto fate = random() % 3;
    if (fate == 0) return;
    if (fate == 1 || change.call != FileCall::write) return apply(change);
    for (size_t at = 0; at < change.bytes.size(); at += kSector)
      if (random() % 2) write(static_cast<size_t>(change.at) + at, std::string_view(change.bytes).substr(at, kSector));
  }
};

class PowerLossTest : public ScriptTest {
 protected:
  struct Recording {
    std::map<std::string, std::string> files;  // before the first change
    std::vector<FileChange> changes;
    size_t began = 0, acknowledged = 0;  // changes that came before
  };

  Recording record(const Script& script, FaultVfs& vfs) {
    wipe();
    script.files(path());
    Recording r;
    r.files = filesIn(fs::path(path()).parent_path());
    vfs.watchBy([&r](FileChange change) { r.changes.push_back(std::move(change)); });
    {
      auto store = open(vfs.name());
      EXPECT_TRUE(store) << store.error().what;
      if (store && script.before) {
        EXPECT_TRUE(script.before(*store));
      }
      r.began = r.changes.size();
      if (store && script.change) {
        EXPECT_TRUE(script.change(*store));
      }
      r.acknowledged = r.changes.size();
    }  // closing moves the log into the database and removes it
    vfs.watchBy({});
    return r;
  }

  // The files after so many changes and a power loss.
  void losePower(const Recording& r, size_t changes, std::mt19937_64& random) {
    std::map<std::string, DiskFile> disk;
    for (const auto& [name, bytes] : r.files) disk[name] = {bytes, true};
    std::map<std::string, size_t> synced;  // changes that came before the file's last sync
    for (size_t i = 0; i < changes; ++i)
      if (r.changes[i].call == FileCall::sync) synced[nameOf(r.changes[i])] = i;
    for (size_t i = 0; i < changes; ++i) {
      const std::string name = nameOf(r.changes[i]);
      if (synced.contains(name) && i < synced[name])
        disk[name].apply(r.changes[i]);
      else if (r.changes[i].call != FileCall::sync)
        disk[name].applyPerhaps(r.changes[i], random);
    }
    wipe();
    const fs::path folder = fs::path(path()).parent_path();
    for (const auto& [name, file] : disk)
      if (file.exists) writeFile((folder / name).string(), file.bytes);
  }
  static std::string nameOf(const FileChange& change) { return fs::path(change.file).filename().string(); }
};

}  // namespace

TEST_F(PowerLossTest, atAnyWriteOfEveryScript) {
  FaultVfs vfs("power");
  std::mt19937_64 random(20261126);
  int states = 0, after = 0, before = 0;
  const std::vector<Script> all = scripts();
  for (const Script& script : all) {
    SCOPED_TRACE(script.name);
    const Recording r = record(script, vfs);
    ASSERT_GT(r.changes.size(), r.acknowledged);
    const std::string whole = contentOpenedAgain();
    Script without = script;
    without.change = [](Store&) { return Result<void>(); };
    (void)record(without, vfs);
    const std::string none = contentOpenedAgain();
    without.before = script.synced ? script.synced : script.before;
    (void)record(without, vfs);
    const std::string least = contentOpenedAgain();
    const bool acknowledges = std::string_view(script.name) != "draft";  // a draft is the kernel's, not the disk's
    for (int n = 0; n < kLosses * timesAsMuch() / int(all.size()) + 1; ++n) {
      // Every change in turn, then again with other luck.
      const size_t changes = r.began + size_t(n) % (r.changes.size() - r.began + 1);
      SCOPED_TRACE(changes);
      losePower(r, changes, random);
      const std::string left = contentOpenedAgain();
      ++states;
      after += left == whole;
      before += left == none || left == least;
      if (changes >= r.acknowledged && acknowledges) {
        EXPECT_EQ(left, whole);
      } else {
        EXPECT_TRUE(left == whole || left == none || left == least) << left;
      }
      if (HasFailure()) return;
    }
  }
  std::printf("%d power losses over %zu scripts: %d after the change, %d before it\n", states, all.size(), after,
              before);
  EXPECT_GT(before, states / 20);
  EXPECT_GT(after, states / 20);
}

}  // namespace lemma::storage
