#include "engine/experts/expert_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace lemma {
namespace {

constexpr int kDepth = 16;            // reads at the same time
constexpr int kGuessDepth = 2;        // of them for guesses: what is needed next waits for these at most
constexpr uint64_t kPiece = 2 << 20;  // bytes of a read
constexpr float kRecent = 1.0f / 16;  // how much the last pass counts in an expert's share
constexpr float kLeastShare = 1e-3f;
constexpr uint64_t kBlock = DirectFile::kAlignment;

constexpr uint64_t blocksDown(uint64_t n) { return n / kBlock * kBlock; }
constexpr uint64_t blocksUp(uint64_t n) { return blocksDown(n + kBlock - 1); }

// Bytes of the file from the first to the last of a matrix, others' rows between its own included.
uint64_t spanOf(const TensorView& m) {
  const TypeInfo& type = *typeInfo(m.type);
  return uint64_t((m.ne[0] / type.block - 1) * m.nb[0] + (m.ne[1] - 1) * m.nb[1] + type.blockBytes);
}

}  // namespace

ExpertStats ExpertStats::since(const ExpertStats& before) const {
  ExpertStats s = *this;
  for (uint64_t ExpertStats::*count :
       {&ExpertStats::passes, &ExpertStats::chosen, &ExpertStats::present, &ExpertStats::underway,
        &ExpertStats::fromGuess, &ExpertStats::guessed, &ExpertStats::guessedRight, &ExpertStats::bytesRead}) {
    s.*count -= before.*count;
  }
  s.waitedSeconds -= before.waitedSeconds;
  return s;
}

ExpertCache::ExpertCache(const ModelFile& file, Reads reads) : file_(file), reads_(reads) {}

ExpertCache::~ExpertCache() {
  if (reader_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    queue_->wake();
    reader_.join();
  }
  queue_.reset();  // nothing is read into the memory any more
  if (memory_) ::munmap(memory_, slots_.size() * slotBytes_);
}

// Matrices that touch in the file are read as one.
void ExpertCache::place(const TensorView (&matrices)[3], Unit& u) {
  struct Part {
    size_t part = 0;
    uint64_t begin = 0, end = 0;  // in the file
    int matrix = 0;
  };
  Part parts[3];
  for (int i = 0; i < 3; ++i) {
    const TensorView& m = matrices[i];
    const auto found = std::ranges::find(file_.parts, m.buf.host, [](const ModelPart& p) { return p.bytes.data(); });
    parts[i] = {size_t(found - file_.parts.begin()), m.off, m.off + spanOf(m), i};
  }
  std::ranges::sort(
      parts, [](const Part& a, const Part& b) { return std::pair(a.part, a.begin) < std::pair(b.part, b.begin); });
  uint64_t used = 0;
  for (const Part& p : parts) {
    auto at = std::ranges::find(parts_, p.part);
    if (at == parts_.end()) at = parts_.insert(at, p.part);
    const auto file = uint32_t(at - parts_.begin());
    Extent* last = u.extents > 0 ? &u.extent[u.extents - 1] : nullptr;
    if (!last || last->file != file || p.begin > last->offset + last->bytes) {
      last = &u.extent[u.extents++];
      *last = {.offset = blocksDown(p.begin), .file = file, .place = uint32_t(used)};
    }
    last->needed = std::max(last->needed, uint32_t(p.end - last->offset));
    last->bytes = uint32_t(blocksUp(last->needed));
    used = last->place + last->bytes;
    u.at[p.matrix] = last->place + uint32_t(p.begin - last->offset);
    bytes_ += p.end - p.begin;
  }
  slotBytes_ = std::max(slotBytes_, used);
}

ExpertOrigin ExpertCache::add(const ExpertSet& gate, const ExpertSet& up, const ExpertSet& down, int chosenOfARow) {
  constexpr uint64_t kMost = uint64_t(1) << 30;  // of an expert: places in a slot have 32 bits
  for (const ExpertSet* set : {&gate, &up, &down}) {
    for (const TensorView& m : set->experts) {
      if (m.buf.space != Space::mapped || spanOf(m) > kMost) return {};
    }
  }
  Layer l;
  l.first = units_.size();
  l.experts = int(gate.experts.size());
  l.share.assign(gate.experts.size(), float(chosenOfARow) / float(l.experts));
  for (size_t e = 0; e < gate.experts.size(); ++e) {
    place({gate.experts[e], up.experts[e], down.experts[e]}, units_.emplace_back());
  }
  layers_.push_back(std::move(l));
  chosenOfARow_ = std::max(chosenOfARow_, chosenOfARow);
  return {this, int32_t(layers_.size() - 1)};
}

Result<void> ExpertCache::start(uint64_t budget) {
  const uint64_t fit = std::min<uint64_t>(budget / slotBytes_, units_.size());
  if (fit < uint64_t(chosenOfARow_)) {
    constexpr uint64_t kMegabyte = 1'000'000;
    return fail(Err::outOfMemory, "there are " + std::to_string(budget / kMegabyte) +
                                      " MB of memory for experts, and the " + std::to_string(chosenOfARow_) +
                                      " that a token passes in a layer take " +
                                      std::to_string(leastBudget() / kMegabyte + 1) + " MB");
  }
  for (const size_t part : parts_) {
    LEMMA_TRY(file, DirectFile::open(file_.parts[part].path, file_.parts[part].bytes.size()));
    files_.push_back(std::move(file));
  }
  const uint64_t bytes = fit * slotBytes_;
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return fail(Err::outOfMemory, "no memory for experts of " + std::to_string(bytes) + " bytes");
  // Small pages are scattered, and a disk takes only so many pieces of memory a request. A wish; refusing costs speed.
  (void)::madvise(memory, bytes, MADV_HUGEPAGE);
  memory_ = static_cast<std::byte*>(memory);
  slots_.resize(fit);
  rarity_.resize(units_.size());
  for (Layer& l : layers_) countChoice(l, {});
  // Half is left for what is read ahead while the other half is computed.
  most_ = std::max(chosenOfARow_, int(fit / 2));
  running_.resize(kDepth);
  for (uint32_t tag = 0; tag < kDepth; ++tag) freeTags_.push_back(tag);
  if (reads_ == Reads::best) queue_ = makeUringQueue(kDepth);
  stats_ = {.budgetBytes = bytes, .expertBytes = slotBytes_, .held = fit, .experts = units_.size()};
  stats_.ring = queue_ != nullptr;
  if (!queue_) queue_ = makeThreadQueue(kDepth);
  reader_ = std::thread([this] { serve(); });
  return {};
}

ExpertStats ExpertCache::stats() const {
  const std::lock_guard lock(mutex_);
  ExpertStats s = stats_;
  s.direct = std::ranges::all_of(files_, &DirectFile::direct);
  return s;
}

// ---- what the backend says

void ExpertCache::choose(int layer, std::span<const int32_t> experts) {
  const std::lock_guard lock(mutex_);
  Layer& l = layers_[size_t(layer)];
  layer_ = layer;
  if (layer == 0) ++stats_.passes;
  letGo();
  forgetGuesses();
  stats_.guessed += l.guessed.size();
  for (const int32_t e : l.guessed) stats_.guessedRight += std::ranges::binary_search(experts, e);
  stats_.chosen += experts.size();
  countChoice(l, experts);
  for (size_t i = 0; i < experts.size(); ++i) {
    const size_t unit = l.first + size_t(experts[i]);
    Unit& u = units_[unit];
    const State state = u.state.load(std::memory_order_relaxed);
    stats_.present += state == State::present;
    stats_.fromGuess += state == State::present && u.byGuess;
    stats_.underway += state == State::reading;
    u.byGuess = false;
    if (i < size_t(most_)) keep(unit);
  }
  forgetExpected(l);
  l.ahead.assign(experts.begin(), experts.end());
  wakeReader();
}

void ExpertCache::guess(int layer, std::span<const int32_t> experts) {
  const std::lock_guard lock(mutex_);
  Layer& l = layers_[size_t(layer)];
  forgetExpected(l);  // of a step that was cut short
  l.guessed.assign(experts.begin(), experts.end());
  for (const int32_t e : experts) expect(l.first + size_t(e), false);
  wakeReader();
}

void ExpertCache::hold(int layer, std::span<int32_t> experts) {
  const std::lock_guard lock(mutex_);
  Layer& l = layers_[size_t(layer)];
  letGo();
  for (const int32_t e : experts) keep(l.first + size_t(e));
  std::ranges::stable_sort(experts, std::greater<>(), [&](int32_t e) {
    return units_[l.first + size_t(e)].state.load(std::memory_order_relaxed);
  });
  std::erase_if(l.ahead, [&](int32_t e) { return units_[l.first + size_t(e)].held; });
  const size_t next = std::min(l.ahead.size(), size_t(most_));
  for (size_t i = next; i-- > 0;) expect(l.first + size_t(l.ahead[i]), true);
  wakeReader();
}

ExpertBytes ExpertCache::wait(int layer, int32_t expert) {
  Unit& u = units_[layers_[size_t(layer)].first + size_t(expert)];
  State state = u.state.load(std::memory_order_acquire);
  if (state == State::present) return bytesOf(u);
  const auto began = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [&] {
    state = u.state.load(std::memory_order_relaxed);
    return state == State::present || state == State::absent;
  });
  stats_.waitedSeconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return state == State::present ? bytesOf(u) : ExpertBytes{};
}

Result<void> ExpertCache::takeFailure() {
  const std::lock_guard lock(mutex_);
  if (failure_.empty()) return {};
  letGo();  // what fails later is nobody's any more
  return fail(Err::unreadable, std::exchange(failure_, {}));
}

ExpertBytes ExpertCache::bytesOf(const Unit& u) const {
  const std::byte* const slot = memory_ + uint64_t(u.slot) * slotBytes_;
  return {slot + u.at[0], slot + u.at[1], slot + u.at[2]};
}

// ---- what is wanted. All below with mutex_ locked.

void ExpertCache::ask(size_t unit, bool urgent) {
  Unit& u = units_[unit];
  const State state = u.state.load(std::memory_order_relaxed);
  if (state == State::absent && failure_.empty()) {
    u.state.store(State::queued, std::memory_order_relaxed);
    u.byGuess = !urgent;
    if (urgent) urgent_.push_back(unit);
  } else if (state == State::reading && urgent) {  // it was a guess
    for (const Piece& p : guessPieces_) {
      if (p.unit == unit) urgentPieces_.push_back(p);
    }
    std::erase_if(guessPieces_, [&](const Piece& p) { return p.unit == unit; });
  } else if (state == State::queued && urgent && std::erase(guesses_, unit) > 0) {
    urgent_.push_back(unit);
  }
}

// Read it when nothing else is, and then keep it until its layer has chosen.
void ExpertCache::expect(size_t unit, bool first) {
  Unit& u = units_[unit];
  if (u.held || u.expected || expected_ >= slots_.size() - size_t(most_)) return;
  u.expected = true;
  ++expected_;
  if (u.state.load(std::memory_order_relaxed) != State::absent || !failure_.empty()) return;
  ask(unit, false);
  first ? guesses_.push_front(unit) : guesses_.push_back(unit);
}

void ExpertCache::keep(size_t unit) {
  Unit& u = units_[unit];
  expected_ -= u.expected;
  u.expected = false;
  u.held = true;
  held_.push_back(unit);
  ask(unit, true);
}

void ExpertCache::letGo() {
  for (const size_t unit : held_) units_[unit].held = false;
  held_.clear();
}

// What was expected of a layer and did not come.
void ExpertCache::forgetExpected(Layer& l) {
  for (auto* list : {&l.guessed, &l.ahead}) {
    for (const int32_t e : *list) {
      Unit& u = units_[l.first + size_t(e)];
      expected_ -= u.expected;
      u.expected = u.byGuess = false;
    }
    list->clear();
  }
}

// Those that are not being read yet.
void ExpertCache::forgetGuesses() {
  for (const size_t unit : guesses_) {
    Unit& u = units_[unit];
    u.state.store(State::absent, std::memory_order_relaxed);
    expected_ -= u.expected;
    u.expected = false;
  }
  guesses_.clear();
}

// An expert that is chosen in a share p of its layer's passes is chosen next in the pass after 1/p - 1 others.
void ExpertCache::countChoice(Layer& l, std::span<const int32_t> experts) {
  if (!experts.empty()) {
    for (float& share : l.share) share *= 1 - kRecent;
    for (const int32_t e : experts) l.share[size_t(e)] += kRecent;
  }
  for (size_t e = 0; e < l.share.size(); ++e) {
    rarity_[l.first + e] = float(layers_.size()) * (1 / std::max(l.share[e], kLeastShare) - 1);
  }
}

// ---- reading

// A free slot, else that of the expert that will be chosen last by what is known: layers follow each other, so one of
// the layer that was just computed is farther away than one of the next.
int64_t ExpertCache::takeSlot(bool urgent) {
  const auto layers = int32_t(layers_.size());
  for (const bool expectedToo : {false, true}) {
    if (expectedToo && !urgent) break;
    int64_t best = -1;
    float farthest = -1;
    for (size_t i = 0; i < slots_.size(); ++i) {
      const Slot& s = slots_[i];
      if (s.unit < 0) return int64_t(i);
      const int32_t way = s.layer > layer_ ? s.layer - layer_ : s.layer - layer_ + layers;
      const float distance = rarity_[size_t(s.unit)] + float(way);
      if (distance <= farthest) continue;
      const Unit& u = units_[size_t(s.unit)];
      if (u.held || (u.expected && !expectedToo) || u.state.load(std::memory_order_relaxed) != State::present) continue;
      farthest = distance;
      best = int64_t(i);
    }
    if (best < 0) continue;
    Unit& u = units_[size_t(slots_[size_t(best)].unit)];
    u.state.store(State::absent, std::memory_order_relaxed);
    u.slot = -1;
    expected_ -= u.expected;
    u.expected = false;
    slots_[size_t(best)].unit = -1;
    return best;
  }
  return -1;
}

// False where no slot can be had now.
bool ExpertCache::beginUnit(size_t unit, bool urgent, int32_t layer) {
  const int64_t slot = takeSlot(urgent);
  if (slot < 0) return false;
  Unit& u = units_[unit];
  slots_[size_t(slot)] = {int64_t(unit), layer};
  u.slot = int32_t(slot);
  u.failed = false;
  u.state.store(State::reading, std::memory_order_relaxed);
  std::byte* const to = memory_ + uint64_t(slot) * slotBytes_;
  for (const Extent& e : std::span(u.extent).first(u.extents)) {
    for (uint64_t from = 0; from < e.needed; from += kPiece) {
      const auto bytes = uint32_t(std::min(kPiece, e.bytes - from));
      const auto needed = uint32_t(std::min(kPiece, e.needed - from));
      const DiskRead read{
          .file = files_[e.file].descriptor(), .offset = e.offset + from, .to = to + e.place + from, .bytes = bytes};
      (urgent ? urgentPieces_ : guessPieces_).push_back({unit, read, needed, e.file, !urgent});
      ++u.unread;
    }
  }
  return true;
}

bool ExpertCache::nextPiece(Piece& piece) {
  if (ending_) return false;
  const auto layerOf = [this](size_t unit) {
    const auto after = std::ranges::upper_bound(layers_, unit, {}, &Layer::first);
    return int32_t(after - layers_.begin() - 1);
  };
  if (urgentPieces_.empty() && !urgent_.empty() && beginUnit(urgent_.front(), true, layerOf(urgent_.front()))) {
    urgent_.pop_front();
  }
  std::deque<Piece>* from = &urgentPieces_;
  if (urgentPieces_.empty()) {
    // Beside a read that is needed now another only takes its share of the disk.
    if (!urgent_.empty() || urgentRunning_ > 0 || guessesRunning_ >= kGuessDepth) return false;
    while (guessPieces_.empty() && !guesses_.empty()) {
      const size_t unit = guesses_.front();
      guesses_.pop_front();
      if (beginUnit(unit, false, layerOf(unit))) break;
      Unit& u = units_[unit];
      u.state.store(State::absent, std::memory_order_relaxed);
      expected_ -= u.expected;
      u.expected = false;
    }
    if (guessPieces_.empty()) return false;
    from = &guessPieces_;
  }
  piece = from->front();
  piece.guess = from == &guessPieces_;
  from->pop_front();
  ++(piece.guess ? guessesRunning_ : urgentRunning_);
  return true;
}

void ExpertCache::endPiece(const Piece& piece, std::string failure) {
  Unit& u = units_[piece.unit];
  --(piece.guess ? guessesRunning_ : urgentRunning_);
  if (!failure.empty()) {
    u.failed = true;
    if (u.held && failure_.empty()) {
      failure_ = std::move(failure);
      for (auto* waiting : {&urgent_, &guesses_}) {  // they would fail as well, or are of no use any more
        for (const size_t unit : *waiting) units_[unit].state.store(State::absent, std::memory_order_relaxed);
        waiting->clear();
      }
    }
  }
  if (--u.unread > 0 && failure_.empty()) return;
  if (u.unread == 0) {
    if (u.failed) {
      slots_[size_t(u.slot)].unit = -1;
      u.slot = -1;
    }
    u.state.store(u.failed ? State::absent : State::present, std::memory_order_release);
  }
  arrived_.notify_all();
}

void ExpertCache::finish(const DiskDone& done) {
  Piece& p = running_[done.tag];
  DirectFile& file = files_[p.file];
  std::string failure;
  if (done.result < 0) {
    const bool refusedDirect = done.result == -EINVAL && file.direct();
    if (refusedDirect) file.readThroughCache();
    if (refusedDirect || done.result == -EINTR || done.result == -EAGAIN) return queue_->submit(p.read);
    failure = file.path() + " cannot be read: " + std::generic_category().message(-done.result);
  } else {
    const auto got = uint32_t(done.result);
    stats_.bytesRead += got;
    file.forget(p.read.offset, got);
    if (got < p.needed) {
      if (got > 0 && (got % kBlock == 0 || !file.direct())) {  // once more for the rest
        p.read.offset += got;
        p.read.to += got;
        p.read.bytes -= got;
        p.needed -= got;
        return queue_->submit(p.read);
      }
      failure = file.path() + " has become shorter while its model was running";
    }
  }
  const Piece ended = p;
  freeTags_.push_back(done.tag);
  endPiece(ended, std::move(failure));
}

void ExpertCache::wakeReader() {
  if (asleep_ && !freeTags_.empty() && !(urgent_.empty() && urgentPieces_.empty() && guesses_.empty())) {
    asleep_ = false;
    queue_->wake();
  }
}

void ExpertCache::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    for (Piece piece; !freeTags_.empty() && nextPiece(piece);) {
      piece.read.tag = freeTags_.back();
      freeTags_.pop_back();
      running_[piece.read.tag] = piece;
      queue_->submit(piece.read);
    }
    if (ending_ && freeTags_.size() == running_.size()) return;
    asleep_ = true;
    lock.unlock();
    DiskDone done[kDepth];
    const size_t count = queue_->wait(done);
    lock.lock();
    asleep_ = false;
    for (size_t i = 0; i < count; ++i) finish(done[i]);
  }
}

}  // namespace lemma
