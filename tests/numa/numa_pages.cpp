// What the cpu backend does on a machine with two NUMA nodes, seen in the system's own books: on which node pages lie,
// where threads may run, how much memory is private. tests/numa/run starts it on such a machine.
// Usage: numa-pages FOLDER     FOLDER on a disk, with 20 MB free. Exit: 0 holds, 1 something does not, 77 not two
// nodes.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/shares.h"

namespace lemma {
namespace {

bool failed = false;
void check(bool holds, const std::string& what) {
  std::printf("%s: %s\n", holds ? "holds" : "FAILS", what.c_str());
  failed |= !holds;
}

[[noreturn]] void giveUp(const std::string& why) {
  std::printf("FAILS: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T take(Result<T> r) {
  if (!r) giveUp(r.error().what);
  return std::move(*r);
}

// Pages of a range by node; the last count is of those that are not in memory.
struct Pages {
  size_t of[2] = {}, absent = 0;
  size_t all() const { return of[0] + of[1] + absent; }
  std::string text() const {
    return std::to_string(of[0]) + " pages on node 0, " + std::to_string(of[1]) + " on node 1" +
           (absent ? ", " + std::to_string(absent) + " not in memory" : "");
  }
};

Pages pagesOf(const std::byte* begin, const std::byte* end) {
  const auto page = uintptr_t(sysconf(_SC_PAGESIZE));
  std::vector<void*> pages;
  for (uintptr_t at = uintptr_t(begin) / page * page; at < uintptr_t(end) / page * page; at += page) {
    pages.push_back(reinterpret_cast<void*>(at));
  }
  std::vector<int> status(pages.size());
  if (syscall(SYS_move_pages, 0, pages.size(), pages.data(), nullptr, status.data(), 0) != 0) giveUp("move_pages");
  Pages p;
  for (const int s : status) ++(s == 0 || s == 1 ? p.of[s] : p.absent);
  return p;
}

void runOnNode(const cpu::TopologyNode& node) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int p : node.processors) CPU_SET(p, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) giveUp("sched_setaffinity");
}

long privateKilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stol(line.substr(8));
  }
  giveUp("no RssAnon");
}

// ---- a file of weights, mapped as the engine maps it
constexpr int64_t kWidth = 512, kHidden = 2048, kVocabulary = 4096, kExperts = 8, kTopK = 2;
constexpr int kMostRows = 10;  // emulated processors are slow; tests/kernels has more of them

class Weights {
 public:
  explicit Weights(const std::string& path) : path_(path) {
    gate = place(kWidth, kHidden);
    up = place(kWidth, kHidden);
    down = place(kHidden, kWidth);
    head = place(kWidth, kVocabulary);
    for (int e = 0; e < 3 * kExperts; ++e) {
      experts[e / kExperts].push_back(e < 2 * kExperts ? place(kWidth, kHidden) : place(kHidden, kWidth));
    }
    std::ofstream file(path, std::ios::binary);
    const TypeInfo& type = *typeInfo(Type::Q4_0);
    std::mt19937 random(11);
    std::vector<float> values(37 * 512);
    std::vector<char> bytes(values.size() / size_t(type.block) * type.blockBytes);
    file.write("an odd beginning of a file", 13);
    for (float& x : values) x = (float(random() >> 8) * 0x1p-23f - 1) * 0.05f;
    type.encode(values.data(), reinterpret_cast<std::byte*>(bytes.data()), int64_t(values.size()));
    for (uint64_t at = 13; at < size_; at += bytes.size()) {  // the same again and again, which is quicker
      file.write(bytes.data(), std::streamsize(std::min<uint64_t>(bytes.size(), size_ - at)));
    }
    file.close();
    sync();
    std::ofstream("/proc/sys/vm/drop_caches") << 1;
    map();
    all = {gate, up, down, head};
    for (auto& set : experts) all.insert(all.end(), set.begin(), set.end());
    for (TensorView* m : {&gate, &up, &down, &head}) m->buf = buffer();
    for (TensorView& m : all) m.buf = buffer();
    for (auto& set : experts) {
      for (TensorView& m : set) m.buf = buffer();
    }
  }
  ~Weights() {
    munmap(start_, size_);
    std::filesystem::remove(path_);
  }
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;

  // Every page into this process's tables, from the node that this thread is on.
  void readAll() const {
    volatile int sum = 0;
    for (uint64_t at = 0; at < size_; at += 4096) sum = sum + int(begin()[at]);
  }
  const std::byte* begin() const { return static_cast<const std::byte*>(start_); }
  const std::byte* end() const { return begin() + size_; }
  uint64_t size() const { return size_; }

  TensorView gate, up, down, head;
  std::vector<TensorView> experts[3], all;

 private:
  TensorView place(int64_t k, int64_t n) {
    const TensorView v = contiguous({}, size_, Type::Q4_0, {k, n});
    size_ += *rowBytes(Type::Q4_0, k) * uint64_t(n);
    return v;
  }
  void map() {
    const int file = open(path_.c_str(), O_RDONLY);
    start_ = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (start_ == MAP_FAILED) giveUp("mmap");
    madvise(start_, size_, MADV_HUGEPAGE);
  }
  BufferRef buffer() const { return {.space = Space::mapped, .bytes = size_, .host = static_cast<std::byte*>(start_)}; }

  std::string path_;
  uint64_t size_ = 13;
  void* start_ = nullptr;
};

// x -> a gated network, experts, and a head over all of it: 1, 8 and 10 rows, every output.
std::vector<float> compute(Backend& backend, const Weights& w) {
  const auto floats = [&](int64_t width) {
    return contiguous(take(backend.alloc(uint64_t(width * kMostRows * 4), Space::host, Usage::activations)), 0,
                      Type::F32, {width, kMostRows});
  };
  TensorView x = floats(kWidth), g = floats(kHidden), u = floats(kHidden), y = floats(kWidth), z = floats(kWidth),
             logits = floats(kVocabulary), share = floats(kTopK), ids = floats(kTopK);
  ids.type = Type::I32;
  std::mt19937 random(5);
  for (int64_t i = 0; i < kWidth * kMostRows; ++i) {
    reinterpret_cast<float*>(x.data())[i] = float(random() >> 8) * 0x1p-23f - 1;
  }
  for (int r = 0; r < kMostRows; ++r) {
    for (int i = 0; i < kTopK; ++i) {
      reinterpret_cast<int32_t*>(ids.data())[r * kTopK + i] = int32_t((r + i * 3) % kExperts);
      reinterpret_cast<float*>(share.data())[r * kTopK + i] = 0.5f;
    }
  }
  std::vector<Op> ops;
  const auto add = [&](OpKind kind, std::array<TensorView, 4> in, TensorView out) -> Op& {
    return ops.emplace_back(Op{.kind = kind, .in = in, .out = {out}});
  };
  add(OpKind::matMul, {x, w.gate}, g);
  add(OpKind::matMul, {x, w.up}, u);
  add(OpKind::glu, {g, u}, g);
  add(OpKind::matMul, {g, w.down, {}, x}, y);
  Op& moe = add(OpKind::moeFfn, {y, ids, share, y}, z);
  for (size_t s = 0; s < 3; ++s) {
    auto set = std::make_shared<ExpertSet>();
    set->experts = w.experts[s];
    moe.experts[s] = set;
  }
  add(OpKind::matMul, {z, w.head}, logits);
  const auto program = take(backend.compile(ops, {.rows = kMostRows}));
  std::vector<float> out;
  const CancelFlag go(false);
  for (const int rows : {1, 8, kMostRows}) {
    const Fence done = take(backend.submit(*program, {.rows = rows}, {}, go));
    if (const auto r = backend.wait(done, kNoDeadline); !r) giveUp(r.error().what);
    const auto* from = reinterpret_cast<const float*>(logits.data());
    out.insert(out.end(), from, from + int64_t(rows) * kVocabulary);
  }
  return out;
}

std::vector<float> computeOn(const cpu::Topology& topology, const Weights& w) {
  const auto backend = take(makeCpuBackend({.threads = 4, .promptThreads = 4}, topology));
  return compute(*backend, w);
}

bool sameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Pages that lie on the node of the rows in them, of all; a matrix's last page belongs to what begins in it.
Pages pagesAtHome(const Weights& w) {
  const std::vector<int> threads{2, 2};
  const cpu::Shares shares{threads};
  Pages home;
  for (const TensorView& m : w.all) {
    for (int node = 0; node < 2; ++node) {
      const Pages p = pagesOf(m.data() + shares.first(m.ne[1], node) * m.nb[1],
                              m.data() + shares.first(m.ne[1], node + 1) * m.nb[1]);
      home.of[node] += p.of[node];
      home.absent += p.all() - p.of[node];
    }
  }
  return home;
}

void threadsAreBound(const cpu::Topology& machine) {
  const auto backend = take(makeCpuBackend({.threads = 3, .promptThreads = 4}, machine));
  int onNode[2] = {};
  for (int patience = 0; patience < 200 && onNode[0] + onNode[1] < 4; ++patience) {
    usleep(20'000);
    onNode[0] = onNode[1] = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
      cpu_set_t set;
      if (sched_getaffinity(std::stoi(entry.path().filename()), sizeof set, &set) != 0) continue;
      for (int n = 0; n < 2; ++n) {
        const auto& processors = machine.nodes[size_t(n)].processors;
        int of = 0;
        for (const int p : processors) of += CPU_ISSET(p, &set) != 0;
        onNode[n] += of == int(processors.size()) && CPU_COUNT(&set) == of;
      }
    }
  }
  check(onNode[0] == 2 && onNode[1] == 2, "of four threads " + std::to_string(onNode[0]) + " are bound to node 0 and " +
                                              std::to_string(onNode[1]) + " to node 1");
}

void cacheIsInterleaved(const cpu::Topology& machine) {
  const auto backend = take(makeCpuBackend({.threads = 4}, machine));
  constexpr uint64_t kBytes = 32 << 20;
  const BufferRef cache = take(backend->alloc(kBytes, Space::host, Usage::kvCache));
  std::memset(cache.host, 1, kBytes);
  const Pages p = pagesOf(cache.host, cache.host + kBytes);
  check(p.absent == 0 && p.of[0] > p.all() * 2 / 5 && p.of[1] > p.all() * 2 / 5, "a cache is interleaved: " + p.text());
}

void run(const std::string& folder) {
  const cpu::Topology machine = cpu::machineTopology();
  for (const cpu::TopologyNode& n : machine.nodes) {
    std::printf("node %d: %d cores, processors", n.memory, n.cores);
    for (const int p : n.processors) std::printf(" %d", p);
    std::printf("\n");
  }
  if (machine.nodes.size() != 2) {
    std::printf("skipped: this machine has not two nodes\n");
    std::exit(77);
  }
  cpu::Topology one{{machine.nodes[0]}};
  one.nodes[0].cores = machine.cores();
  one.nodes[0].processors.insert(one.nodes[0].processors.end(), machine.nodes[1].processors.begin(),
                                 machine.nodes[1].processors.end());
  cpu_set_t everywhere;
  sched_getaffinity(0, sizeof everywhere, &everywhere);
  threadsAreBound(machine);
  cacheIsInterleaved(machine);

  const Weights w(folder + "/weights");
  runOnNode(machine.nodes[0]);
  w.readAll();
  sched_setaffinity(0, sizeof everywhere, &everywhere);
  const Pages before = pagesOf(w.begin(), w.end());
  std::printf("the file as node 0 read it: %s\n", before.text().c_str());
  check(before.of[1] < before.all() / 100, "the file lies on node 0 at first");

  const std::vector<float> expected = computeOn(one, w);
  const Pages still = pagesOf(w.begin(), w.end());
  check(still.of[1] == before.of[1], "taken for one node, the machine's pages stay: " + still.text());

  {
    const pid_t other = fork();  // has the file mapped too: its pages may not be moved
    if (other == 0) {
      w.readAll();
      pause();
      _exit(0);
    }
    sleep(2);
    const std::vector<float> got = computeOn(machine, w);
    const Pages shared = pagesOf(w.begin(), w.end());
    check(shared.of[1] == before.of[1], "what another program has mapped too stays: " + shared.text());
    check(sameBits(got, expected), "and the bits are those of one node");
    kill(other, SIGKILL);
    waitpid(other, nullptr, 0);
  }

  const long privateBefore = privateKilobytes();
  {
    const auto backend = take(makeCpuBackend({.threads = 4, .promptThreads = 4}, machine));
    const std::vector<float> got = compute(*backend, w);
    const long grown = privateKilobytes() - privateBefore;
    const Pages home = pagesAtHome(w), total = pagesOf(w.begin(), w.end());
    std::printf("the file after 1, 8 and 10 rows on two nodes: %s\n", total.text().c_str());
    check(home.of[0] > 0 && home.of[1] > 0 && home.absent * 100 <= home.all(),
          "of " + std::to_string(home.all()) + " pages of weights " + std::to_string(home.of[0] + home.of[1]) +
              " lie on the node of their rows");
    check(sameBits(got, expected), "the bits are those of one node");
    check(grown * 1024 < long(w.size() / 5), "no second copy: " + std::to_string(grown) + " kB of private memory for " +
                                                 std::to_string(w.size() / 1024) + " kB of weights");
  }
}

}  // namespace
}  // namespace lemma

int main(int count, char** arguments) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (count != 2) {
    std::printf("usage: numa-pages FOLDER\n");
    return 2;
  }
  lemma::run(arguments[1]);
  return lemma::failed ? 1 : 0;
}
