// Runs a fuzz target without libFuzzer: over the seeds of a folder, their prefixes, and seeded damage to them. Whatever
// an input is, the target must come back: no crash, no trap, at most a second of processor time and 256 MiB. All of it
// happens in a child process, so that an input which ends the program can be named and kept.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/support/allocation_meter.h"
#include "tests/support/process_meter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr double kMostSeconds = 1;
constexpr time_t kHangSeconds = 20;  // of processor time; then the child is ended
constexpr size_t kMostBytes = size_t(256) << 20;
constexpr size_t kLongest = 64 << 10;  // of a mutant

struct Seed {
  std::string name, bytes;
};

// What the child is at, for the parent to read when the child is gone.
struct Progress {
  char input[200];
  size_t size;
  unsigned char bytes[kLongest];
  uint64_t prefixes, mutants, peak;
  double slowest;
  char slowestInput[200];
};

[[noreturn]] void tooMuch(const Progress& at, const char* what) {
  std::fprintf(stderr, "%s: %s\n", at.input, what);
  std::_Exit(1);
}

void runOne(Progress& at, const std::string& bytes) {
  at.size = std::min(bytes.size(), kLongest);
  std::memcpy(at.bytes, bytes.data(), at.size);
  const itimerval hang = {{}, {kHangSeconds, 0}};
  setitimer(ITIMER_PROF, &hang, nullptr);
  lemma::test::resetAllocationPeak();
  const double start = lemma::test::processorSeconds();
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const double took = lemma::test::processorSeconds() - start;
  at.peak = std::max<uint64_t>(at.peak, lemma::test::allocationPeak());
  if (took > at.slowest) {
    at.slowest = took;
    std::memcpy(at.slowestInput, at.input, sizeof at.input);
  }
  if (took > kMostSeconds) tooMuch(at, "it takes more than a second of processor time");
  if (at.peak > kMostBytes) tooMuch(at, "it takes more than 256 MiB");
}

// One to four damages: bytes, bits, numbers in binary and in text, pieces gone, doubled or from another seed. Half of
// the mutants keep their length, or a binary format would hardly be read beyond its first field. Longer seeds are
// taken more often.
class Damage {
 public:
  Damage(const std::vector<Seed>& seeds, uint32_t seed) : seeds_(seeds), random_(seed) {
    for (const Seed& s : seeds) total_ += weight(s);
  }

  const Seed& next() {
    size_t at = below(total_);
    for (const Seed& seed : seeds_) {
      if (at < weight(seed)) return seed;
      at -= weight(seed);
    }
    return seeds_.back();
  }

  std::string of(const std::string& seed) {
    std::string mutant = seed;
    const size_t kinds = below(2) ? kSameLength : kAll;
    for (size_t damages = 1 + below(4); damages-- > 0 && !mutant.empty();) once(mutant, below(kinds));
    if (mutant.size() > kLongest) mutant.resize(kLongest);
    return mutant;
  }

 private:
  static constexpr size_t kSameLength = 4, kAll = 10;

  static size_t weight(const Seed& seed) { return seed.bytes.size() + 32; }
  size_t below(size_t n) { return size_t(random_()) % n; }

  void once(std::string& m, size_t kind) {
    static constexpr uint64_t kNumbers[] = {0,      1,      7,        8,   31,         0x7f,       0x80, 0xff,
                                            0x7fff, 0xffff, 1u << 31, ~0u, 1ull << 40, ~0ull >> 1, ~0ull};
    static constexpr const char* kTexts[] = {
        "0",  "-1", "1e400", "2147483648", "18446744073709551616", "null", "{}", "[]", "\"\"", "{{", "}}", "{%",
        "%}", "\n", "\\",    "\xff"};
    const size_t at = below(m.size());
    switch (kind) {
      case 0:
        m[at] = char(random_());
        break;
      case 1:
        m[at] ^= char(1 << below(8));
        break;
      case 2: {  // a number where one may stand
        const uint64_t number = kNumbers[below(std::size(kNumbers))];
        std::memcpy(&m[at], &number, std::min<size_t>(m.size() - at, below(2) ? 8 : 4));
        break;
      }
      case 3: {  // a digit, if there is one behind
        const size_t digit = m.find_first_of("0123456789", at);
        if (digit < m.size()) m[digit] = char('0' + below(10));
        break;
      }
      case 4: {  // a whole number in text
        const size_t digit = m.find_first_of("0123456789", at);
        const size_t end = m.find_first_not_of("0123456789", digit);
        const std::string number = below(3) ? std::to_string(kNumbers[below(std::size(kNumbers))]) : "-1";
        if (digit < m.size()) m.replace(digit, std::min(end, m.size()) - digit, number);
        break;
      }
      case 5:
        m.erase(at, 1 + below(16));
        break;
      case 6:
        m.insert(at, 1 + below(16), char(random_()));
        break;
      case 7:
        m.insert(at, kTexts[below(std::size(kTexts))]);
        break;
      case 8:
        m.insert(at, m.substr(below(m.size()), 1 + below(64)));
        break;
      default: {
        const std::string& other = seeds_[below(seeds_.size())].bytes;
        if (!other.empty()) m.insert(at, other.substr(below(other.size()), 1 + below(64)));
      }
    }
  }

  const std::vector<Seed>& seeds_;
  size_t total_ = 0;
  std::mt19937 random_;
};

void runAll(Progress& at, const std::vector<Seed>& seeds, size_t mutants, uint32_t random) {
  for (const Seed& seed : seeds) {
    std::snprintf(at.input, sizeof at.input, "seed %s", seed.name.c_str());
    runOne(at, seed.bytes);
  }
  if (mutants == 0) return;
  for (const Seed& seed : seeds) {
    const size_t most = std::max<size_t>(mutants / 4, 1024);  // every prefix of a small seed, of a longer one a share
    const size_t step = seed.bytes.size() <= most ? 1 : 1 + seed.bytes.size() * 8 / most;
    for (size_t length = 0; length < seed.bytes.size(); length += step, ++at.prefixes) {
      std::snprintf(at.input, sizeof at.input, "the first %zu bytes of %s", length, seed.name.c_str());
      runOne(at, seed.bytes.substr(0, length));
    }
  }
  Damage damage(seeds, random);
  for (size_t i = 0; i < mutants; ++i, ++at.mutants) {
    const Seed& seed = damage.next();
    std::snprintf(at.input, sizeof at.input, "mutant %zu, of %s", i, seed.name.c_str());
    runOne(at, damage.of(seed.bytes));
  }
}

int report(const Progress& at, int status, const std::string& program) {
  if (status != 0) {
    const auto kept = std::filesystem::current_path() / (program + "-failure");
    std::ofstream(kept, std::ios::binary).write(reinterpret_cast<const char*>(at.bytes), std::streamsize(at.size));
    std::fprintf(stderr, "%s ended the program (%s %d); the input is kept in %s\n", at.input,
                 WIFSIGNALED(status) ? "signal" : "exit", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                 kept.c_str());
    return 1;
  }
  std::printf("%llu prefixes, %llu mutants; slowest %.0f ms (%s), peak %.1f MiB of one input\n",
              static_cast<unsigned long long>(at.prefixes), static_cast<unsigned long long>(at.mutants),
              1e3 * at.slowest, at.slowestInput, double(at.peak) / (1 << 20));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  std::printf("peak of the program %ld MiB\n", usage.ru_maxrss / 1024);
  if (size_t(usage.ru_maxrss) * 1024 > kMostBytes) return 1;
#endif
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4 || !std::filesystem::is_directory(argv[1])) {
    std::fprintf(stderr, "usage: %s FOLDER (of seeds) [MUTANTS [RANDOM SEED]]\n", argv[0]);
    return 2;
  }
  std::vector<Seed> seeds;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    seeds.push_back({entry.path().filename(), std::string((std::istreambuf_iterator<char>(file)), {})});
  }
  std::sort(seeds.begin(), seeds.end(), [](const Seed& a, const Seed& b) { return a.name < b.name; });
  if (seeds.empty()) return std::fprintf(stderr, "no seeds\n"), 1;
  std::printf("%zu seeds\n", seeds.size());
  std::fflush(stdout);

  void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return std::perror("mmap"), 1;
  Progress& at = *static_cast<Progress*>(shared);
  const pid_t child = fork();
  if (child < 0) return std::perror("fork"), 1;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a run that is ended leaves nothing behind
    runAll(at, seeds, argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0,
           argc > 3 ? uint32_t(std::strtoul(argv[3], nullptr, 10)) : 1);
    return 0;
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return std::perror("waitpid"), 1;
  return report(at, status, std::filesystem::path(argv[0]).filename());
}
