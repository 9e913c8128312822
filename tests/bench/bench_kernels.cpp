// Speed of the cpu backend on the default model's shape, without an engine: prompt and generation in tokens/s, beside
// what this machine's memory and multipliers allow. Not a test; run it alone on the machine.
//   bench-kernels [--type Q4_1] [--head Q8_0] [--threads 2] [--target vnni] [--prompt 512] [--generate 128]
//                 [--depth 0] [--rounds 5]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <thread>

#include "kernels/api/backend_list.h"
#include "tests/support/llama_shape.h"

namespace lemma::test {
namespace {

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Of all threads: on a busy machine the steadier figure, with one thread (waiting threads spin).
double processorSeconds() { return double(std::clock()) / CLOCKS_PER_SEC; }

// GB/s of all threads together over `bytes` of memory, read twice and timed the second time.
double readBandwidth(uint64_t bytes, int threads) {
  std::vector<uint64_t> memory(bytes / 8, 1);
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    std::vector<std::thread> team;
    std::vector<uint64_t> sums(static_cast<size_t>(threads));
    const double start = seconds();
    for (int t = 0; t < threads; ++t) {
      team.emplace_back([&, t] {
        const size_t each = memory.size() / size_t(threads), from = each * size_t(t);
        uint64_t sum[8] = {};
        for (size_t i = from; i + 8 <= from + each; i += 8) {
          for (size_t j = 0; j < 8; ++j) sum[j] += memory[i + j];
        }
        for (uint64_t s : sum) sums[size_t(t)] += s;
      });
    }
    for (std::thread& t : team) t.join();
    best = std::max(best, double(bytes) / (seconds() - start) / 1e9);
    if (sums[0] == 0) std::puts("?");
  }
  return best;
}

class Times {
 public:
  void start() { wallStart_ = seconds(), processorStart_ = processorSeconds(); }
  void stop() {
    wall_.push_back(seconds() - wallStart_);
    processor_.push_back(processorSeconds() - processorStart_);
  }
  void report(const char* what, int count) {
    if (count == 0) return;
    std::sort(wall_.begin(), wall_.end());
    std::sort(processor_.begin(), processor_.end());
    std::printf("%s: median %.1f tok/s, best %.1f; a processor-second gives %.1f, best %.1f\n", what,
                count / wall_[wall_.size() / 2], count / wall_[0], count / processor_[processor_.size() / 2],
                count / processor_[0]);
  }

 private:
  double wallStart_ = 0, processorStart_ = 0;
  std::vector<double> wall_, processor_;
};

int main(int argc, char** argv) {
  std::map<std::string, std::string> options{{"--type", "Q4_1"}, {"--head", "Q8_0"},  {"--threads", "2"},
                                             {"--target", ""},   {"--prompt", "512"}, {"--generate", "128"},
                                             {"--depth", "0"},   {"--rounds", "5"}};
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  const auto number = [&](const char* name) { return std::atoi(options[name].c_str()); };
  const TypeInfo *type = typeInfo(options["--type"]), *head = typeInfo(options["--head"]);
  if (!type || !head) return std::puts("unknown type"), 2;
  auto backend = backendEntry("cpu")->make({.threads = number("--threads"), .target = options["--target"]});
  if (!backend) return std::puts(backend.error().what.c_str()), 2;

  LlamaShape shape{.matrices = type->type, .head = head->type};
  const int prompt = number("--prompt"), generate = number("--generate"), depth = number("--depth");
  shape.pages = (depth + std::max(prompt, generate)) / shape.pageTokens + 2;
  LlamaOps model(**backend, shape, std::max(prompt, 1), 1);
  std::unique_ptr<Program> other = model.compile({.rows = 1, .wanted = 1});  // for generation
  Times prompts, tokens;
  for (int round = 0; round < number("--rounds"); ++round) {
    prompts.start();
    if (prompt > 0 && !model.run(depth, prompt, 1)) return 1;
    prompts.stop();
    std::swap(model.program, other);
    tokens.start();
    for (int i = 0; i < generate; ++i) {
      if (!model.run(depth + i, 1, 1)) return 1;
    }
    tokens.stop();
    std::swap(model.program, other);
  }
  std::printf("%s, %d threads, %s, weights %.1f MB\n", (*backend)->info().name.c_str(), (*backend)->info().threads,
              options["--type"].c_str(), double(model.weightBytes) / 1e6);
  prompts.report("prompt", prompt);
  tokens.report("generate", generate);
  const double bandwidth = readBandwidth(model.weightBytes, number("--threads"));
  std::printf("reading as many bytes: %.1f GB/s, so at most %.1f tok/s generated\n", bandwidth,
              bandwidth * 1e9 / double(model.weightBytes));
  return 0;
}

}  // namespace
}  // namespace lemma::test

int main(int argc, char** argv) { return lemma::test::main(argc, argv); }
