// The Nth call on a file fails, once or from then on, for every N until a script runs to its end undisturbed.
#include "tests/storage/fault_vfs.h"
#include "tests/storage_faults/scripts.h"

namespace lemma::storage {
namespace {

int errorOf(FileCall call) {
  switch (call) {
    case FileCall::open:
      return SQLITE_CANTOPEN;
    case FileCall::read:
      return SQLITE_IOERR_READ;
    case FileCall::write:
      return SQLITE_IOERR_WRITE;
    case FileCall::truncate:
      return SQLITE_IOERR_TRUNCATE;
    case FileCall::sync:
      return SQLITE_IOERR_FSYNC;
    case FileCall::lock:
      return SQLITE_IOERR_LOCK;
    case FileCall::shmMap:
      return SQLITE_IOERR_SHMMAP;
    case FileCall::remove:
      return SQLITE_IOERR_DELETE;
  }
  return SQLITE_IOERR;
}

class FailingFiles : public Disturbance {
 public:
  std::string vfs() const override { return vfs_.name(); }
  void begin(int failing, bool forGood) override {
    calls_ = 0;
    vfs_.judgeBy([this, failing, forGood](FileCall call, const std::string&) {
      ++calls_;
      const bool fails = failing > 0 && (forGood ? calls_ >= failing : calls_ == failing);
      return fails ? errorOf(call) : SQLITE_OK;
    });
  }
  int end() override {
    vfs_.judgeBy({});
    return calls_;
  }
  // A failing disk is not a damaged file.
  bool mayFailWith(Err code) const override { return code != Err::internal && code != Err::damaged; }

 private:
  FaultVfs vfs_{"io-errors"};
  int calls_ = 0;
};

// From some write on there is no room; that many writes are the points at which the disk is full.
class FullDisk : public Disturbance {
 public:
  std::string vfs() const override { return vfs_.name(); }
  void begin(int failing, bool forGood) override {
    writes_ = 0;
    vfs_.judgeBy([this, failing, forGood](FileCall call, const std::string&) {
      if (call != FileCall::write) return SQLITE_OK;
      ++writes_;
      return failing > 0 && (forGood ? writes_ >= failing : writes_ == failing) ? SQLITE_FULL : SQLITE_OK;
    });
  }
  int end() override {
    vfs_.judgeBy({});
    return writes_;
  }
  bool mayFailWith(Err code) const override { return code == Err::diskFull; }

 private:
  FaultVfs vfs_{"full-disk"};
  int writes_ = 0;
};

class IoErrorTest : public ScriptTest {};

}  // namespace

TEST_F(IoErrorTest, everyCallOfEveryScript) {
  FailingFiles files;
  disturbEveryScript(files, 1);
}

TEST_F(IoErrorTest, aFullDiskAtEveryWriteOfEveryScript) {
  FullDisk disk;
  disturbEveryScript(disk, 1);
}

}  // namespace lemma::storage
