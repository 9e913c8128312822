#include "engine/park/parking.h"

#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

#include "engine/park/parked_folder.h"

namespace lemma {
namespace {

constexpr uint64_t kFileBytes = 64ull << 20;   // of one stretch; longer ones are several
constexpr size_t kMostFiles = 2048;            // in the folder
constexpr uint64_t kMostWaiting = 1ull << 30;  // bytes of copies that wait for the disk
constexpr uint64_t kLeftOnDisk = 1ull << 30;   // for everybody else

uint64_t mostWaiting() {
  const uint64_t machine = uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE));
  return std::min(kMostWaiting, machine / 8);
}

int sameTokens(std::span<const Token> a, std::span<const Token> b) {
  return int(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

Parking::Parking(ParkingOptions options, CacheShape shape)
    : options_(std::move(options)), shape_(std::move(shape)), thread_([this] { run(); }) {}

Parking::~Parking() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    deadline_ = std::chrono::steady_clock::now() + kClosing;
  }
  changed_.notify_all();
  thread_.join();
}

void Parking::say(const std::string& sentence) const {
  if (options_.notice) options_.notice(sentence);
}

std::vector<Parking::Stretch> Parking::chain(std::span<const Token> tokens, int held, bool onlyWritten) const {
  struct Candidate {
    const std::string* name;
    int first, same;
  };
  std::vector<Candidate> candidates;
  for (const auto& [name, known] : index_) {
    if (onlyWritten && !known.written) continue;
    if (const int same = sameTokens(known.tokens, tokens); same > std::max(held, known.first))
      candidates.push_back({&name, known.first, same});
  }
  const auto pageStart = [this](int position) { return position - position % int(shape_.pageTokens); };
  std::vector<Stretch> found;
  for (int covered = held;;) {
    const int begin = pageStart(covered);
    const Candidate* best = nullptr;
    for (const Candidate& c : candidates) {
      if (c.first <= begin && c.same > covered && (!best || c.same > best->same)) best = &c;
    }
    if (!best) return found;
    // A page that ends within is read from the file that knows all of it.
    if (!found.empty()) found.back().end = begin;
    if (!found.empty() && found.back().begin == begin) found.pop_back();
    found.push_back({*best->name, begin, best->same});
    covered = best->same;
  }
}

std::vector<Parking::Stretch> Parking::find(std::span<const Token> tokens, int held) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return scanned_; });
  auto found = chain(tokens, held, true);
  if (found.empty() || found.back().end - held < kLeastGain) return {};
  return found;
}

// The stretch from `first` to the end of `tokens`, copied; nothing where there is no memory, or a page cannot be had.
std::optional<Parking::Job> Parking::jobFor(std::span<const Token> tokens, int first, std::string_view conversation,
                                            const PageOf& pageOf) const {
  const int pageTokens = int(shape_.pageTokens), firstPage = first / pageTokens;
  const int pages = (int(tokens.size()) + pageTokens - 1) / pageTokens - firstPage;
  Job job{.name = parkedName(shape_, tokens, first, conversation),
          .conversation = std::string(conversation),
          .header = {.shape = shape_, .first = first, .tokens = {tokens.begin(), tokens.end()}},
          .bytes = uint64_t(pages) * shape_.pageBytes};
  job.pages.reset(new (std::nothrow) std::byte[job.bytes]);
  if (!job.pages) return std::nullopt;
  for (int i = 0; i < pages; ++i) {
    const std::span page(job.pages.get() + uint64_t(i) * shape_.pageBytes, shape_.pageBytes);
    if (!pageOf(firstPage + i, page)) return std::nullopt;
  }
  return job;
}

void Parking::park(std::span<const Token> tokens, std::string_view conversation, const PageOf& pageOf) {
  const int pageTokens = int(shape_.pageTokens);
  int covered = 0;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return scanned_; });
    if (broken_) return;
    if (const auto known = chain(tokens, 0, false); !known.empty()) covered = known.back().end;
  }
  if (int(tokens.size()) - covered < kLeastGain) return;
  const int pagesOfFile = int(std::clamp<uint64_t>(kFileBytes / shape_.pageBytes, 1, 1 << 16));
  for (int first = covered - covered % pageTokens; first < int(tokens.size()); first += pagesOfFile * pageTokens) {
    const auto upTo = tokens.first(std::min(tokens.size(), size_t(first) + size_t(pagesOfFile) * size_t(pageTokens)));
    const std::string name = parkedName(shape_, upTo, first, conversation);
    {
      const std::lock_guard lock(mutex_);
      if (index_.contains(name)) continue;
      if (waiting_ > 0 && waiting_ + kFileBytes > mostWaiting()) return;  // the disk is slow: at the next answer
    }
    auto job = jobFor(upTo, first, conversation, pageOf);
    if (!job) return;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [other, known] : index_) {
        const int end = int(known.tokens.size());
        if (known.first >= first && sameTokens(known.tokens, upTo) == end) job->replaces.push_back(other);
      }
      index_[name] = {.first = first, .tokens = job->header.tokens};
      waiting_ += job->bytes;
      jobs_.push_back(std::move(*job));
    }
    changed_.notify_all();
  }
}

void Parking::forget(std::string_view conversation) {
  {
    const std::lock_guard lock(mutex_);
    // A file that is being written is removed by its writer, who does not find it here any more.
    std::erase_if(index_, [&](const auto& entry) { return isOfConversation(entry.first, conversation); });
  }
  forgetParked(options_.folder, conversation);
}

void Parking::reject(const std::string& name, const Error& why) {
  {
    const std::lock_guard lock(mutex_);
    index_.erase(name);
  }
  if (why.code == Err::notFound) return;  // another program made room
  removeParked(options_.folder, name);
  say("The parked conversation " + options_.folder + "/" + name + " is not used and was removed: " + why.what + ".");
}

void Parking::flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return scanned_ && jobs_.empty() && !writing_; });
}

void Parking::giveUp(const std::string& sentence) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = !std::exchange(broken_, true);
  }
  if (first) say(sentence + ". Conversations are not parked until the model is loaded again.");
}

// Reads the headers of the files that may be of use.
void Parking::scan() {
  Index found;
  const auto made = makeParkedFolder(options_.folder);
  if (made) {
    for (const ParkedFile& file : listParked(options_.folder)) {
      if (!isOfShape(file.name, shape_)) continue;
      auto reader = ParkedReader::open(options_.folder, file.name);
      if (reader && reader->header().shape != shape_) reader = fail(Err::badValue, "it is of another model or cache");
      if (reader) {
        found[file.name] = {.first = reader->header().first, .tokens = reader->header().tokens, .written = true};
      } else {
        reject(file.name, reader.error());
      }
    }
  }
  {
    const std::lock_guard lock(mutex_);
    index_ = std::move(found);
    scanned_ = true;
  }
  changed_.notify_all();
  if (!made) giveUp("Conversations cannot be parked: " + made.error().what);
}

// Removes what was used longest ago until `bytes` more fit. False where they never would.
bool Parking::makeRoom(uint64_t bytes) {
  if (bytes > options_.quotaBytes) return false;
  std::vector<ParkedFile> files = listParked(options_.folder);
  uint64_t used = 0;
  for (const ParkedFile& f : files) used += f.bytes;
  size_t left = files.size();
  for (const ParkedFile& f : files) {
    if (used + bytes <= options_.quotaBytes && left < kMostFiles) break;
    removeParked(options_.folder, f.name);
    used -= f.bytes;
    --left;
    const std::lock_guard lock(mutex_);
    index_.erase(f.name);
  }
  return true;
}

void Parking::write(Job& job) {
  const uint64_t pageBytes = shape_.pageBytes;
  for (uint64_t at = 0; at < job.bytes; at += pageBytes)
    job.header.pageChecks.push_back(pageCheck({job.pages.get() + at, pageBytes}));
  const std::vector<std::byte> header = encodeParked(job.header);
  const auto goesOn = [this] {
    const std::lock_guard lock(mutex_);
    return !closing_ || std::chrono::steady_clock::now() < deadline_;
  };
  Result<void> done = fail(Err::cancelled, "it is larger than the quota");
  if (makeRoom(header.size() + job.bytes)) {
    done = bytesFree(options_.folder) < kLeftOnDisk + job.bytes
               ? fail(Err::unreadable, "the disk of " + options_.folder + " is nearly full")
               : writeParked(options_.folder, job.name, header, {job.pages.get(), job.bytes}, goesOn);
  }
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = index_.find(job.name);
    wanted = entry != index_.end();
    if (wanted && done) entry->second.written = true;
    if (wanted && !done) index_.erase(entry);
    if (done && wanted) {
      for (const std::string& name : job.replaces) index_.erase(name);
    }
  }
  if (!wanted) {  // forgotten meanwhile
    removeParked(options_.folder, job.name);
  } else if (done) {
    for (const std::string& name : job.replaces) removeParked(options_.folder, name);
  } else if (done.error().code != Err::cancelled) {
    giveUp("A conversation cannot be parked: " + done.error().what);
  }
}

void Parking::run() {
  scan();
  for (;;) {
    Job job;
    bool give = false;
    {
      std::unique_lock lock(mutex_);
      writing_ = false;
      changed_.notify_all();
      changed_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      writing_ = true;
      give = broken_ || !index_.contains(job.name);
    }
    if (!give) write(job);
    const std::lock_guard lock(mutex_);
    waiting_ -= job.bytes;
    if (give) index_.erase(job.name);
  }
}

}  // namespace lemma
