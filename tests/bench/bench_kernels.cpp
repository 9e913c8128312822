// Speed of the cpu backend on the default model's shape, without an engine: prompt and generation in tokens/s, beside
// what this machine's memory and multipliers allow. Not a test; run it alone on the machine.
//   bench-kernels [--type Q4_1] [--head Q8_0] [--threads 2] [--target vnni] [--prompt 512] [--generate 128]
//                 [--depth 0] [--rounds 5]
//   bench-kernels --format all|NAME [--k 1536] [--n 8960] [--rows 512] [--megabytes 96] [--threads 1]
//                 [--target vnni] [--rounds 5]
// The second form: every weight format by itself, matrices of k x n, few rows and many. Few megabytes of matrices stay
// in a cache and show what the kernels need, many show what memory gives.
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

// Products of one format by itself, over as many matrices as take `span` bytes.
class FormatBench {
 public:
  FormatBench(Backend& backend, int64_t k, int64_t n, int rows, uint64_t span)
      : backend_(backend), k_(k), n_(n), rows_(rows), span_(span) {
    rows = std::max(rows, 8);  // eight are timed too
    in_ = contiguous(memory(uint64_t(k * rows) * 4), 0, Type::F32, {k, rows});
    out_ = contiguous(memory(uint64_t(n * rows) * 4), 0, Type::F32, {n, rows});
    auto* const x = reinterpret_cast<float*>(in_.data());
    for (int64_t i = 0; i < k * rows; ++i) x[i] = float(int(random_() >> 8)) * 0x1p-23f - 1;
  }

  // One line of a Markdown table.
  void report(const TypeInfo& type, int rounds) {
    const uint64_t bytes = *rowBytes(type.type, k_) * uint64_t(n_);
    const int matrices = int(std::max<uint64_t>(2, span_ / bytes));
    const BufferRef weights = memory(bytes * uint64_t(matrices));
    fill(type, weights.host, bytes * uint64_t(matrices));
    const auto view = [&](int i, int rows) {
      Op op{.kind = OpKind::matMul,
            .in = {in_, contiguous(weights, uint64_t(i) * bytes, type.type, {k_, n_})},
            .out = {out_}};
      op.in[0].ne[1] = op.out[0].ne[1] = rows;
      return op;
    };
    std::vector<Op> few, many;
    for (int i = 0; i < matrices; ++i) few.push_back(view(i, 1));
    for (int i = 0; i < 2; ++i) many.push_back(view(i, rows_));
    const double perToken = timeOf(few, 1, rounds) / matrices, perPrompt = timeOf(many, rows_, rounds) / 2;
    const double eight = timeOf(few, 8, rounds) / matrices;
    const double operations = 2.0 * double(k_) * double(n_);
    std::printf("| %s | %.2f | %.1f | %.1f | %.1f | %.0f |\n", std::string(type.name).c_str(),
                double(bytes) * 8 / double(k_ * n_), double(bytes) / perToken / 1e9, operations / perToken / 1e9,
                operations * 8 / eight / 1e9, operations * rows_ / perPrompt / 1e9);
    std::fflush(stdout);
    backend_.release(weights);
  }

 private:
  BufferRef memory(uint64_t bytes) { return *backend_.alloc(bytes, Space::host, Usage::weights); }

  void fill(const TypeInfo& type, std::byte* to, uint64_t bytes) {
    const uint64_t row = *rowBytes(type.type, k_), rows = std::min<uint64_t>(61, bytes / row);
    std::vector<float> values(static_cast<size_t>(k_));
    for (uint64_t r = 0; r < rows; ++r) {
      for (float& v : values) v = float(int(random_() >> 8)) * 0x1p-23f - 1;
      if (!drawsBlocks(type)) type.encode(values.data(), to + r * row, k_);
    }
    if (drawsBlocks(type)) randomBlocks(type, k_ * int64_t(rows), 1, random_, to);
    for (uint64_t at = rows * row; at < bytes; ++at) to[at] = to[at - rows * row];
  }

  // Seconds of one pass over the ops: processor time, since other programs may run.
  double timeOf(const std::vector<Op>& ops, int rows, int rounds) {
    auto program = backend_.compile(ops, {.rows = rows});
    if (!program) return std::puts(program.error().what.c_str()), 0;
    const CancelFlag go(false);
    double best = 1e9;
    for (int round = 0; round < rounds + 1; ++round) {
      const double start = processorSeconds();
      auto fence = backend_.submit(**program, {.rows = rows}, {}, go);
      if (!fence || !backend_.wait(*fence, kNoDeadline)) return 0;
      if (round > 0) best = std::min(best, processorSeconds() - start);
    }
    return best;
  }

  Backend& backend_;
  int64_t k_, n_;
  int rows_;
  uint64_t span_;
  TensorView in_, out_;
  std::mt19937 random_{5};
};

int formats(Backend& backend, const std::string& which, int64_t k, int64_t n, int rows, uint64_t span, int rounds) {
  std::printf("%s, %lld x %lld, best of %d by processor time\n\n", backend.info().name.c_str(),
              static_cast<long long>(k), static_cast<long long>(n), rounds);
  std::printf("| format | bits | 1 row GB/s | 1 row GOP/s | 8 rows GOP/s | %d rows GOP/s |\n", rows);
  std::printf("|---|---|---|---|---|---|\n");
  FormatBench bench(backend, k, n, rows, span);
  for (const TypeInfo& type : typeTable()) {
    if (standsAlone(type) && (which == "all" || which == type.name)) bench.report(type, rounds);
  }
  return 0;
}

int main(int argc, char** argv) {
  std::map<std::string, std::string> options{
      {"--type", "Q4_1"},    {"--head", "Q8_0"}, {"--threads", "2"},   {"--target", ""}, {"--prompt", "512"},
      {"--generate", "128"}, {"--depth", "0"},   {"--rounds", "5"},    {"--format", ""}, {"--k", "1536"},
      {"--n", "8960"},       {"--rows", "512"},  {"--megabytes", "96"}};
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  const auto number = [&](const char* name) { return std::atoi(options[name].c_str()); };
  const TypeInfo *type = typeInfo(options["--type"]), *head = typeInfo(options["--head"]);
  if (!type || !head) return std::puts("unknown type"), 2;
  auto backend = backendEntry("cpu")->make({.threads = number("--threads"), .target = options["--target"]});
  if (!backend) return std::puts(backend.error().what.c_str()), 2;

  if (const std::string& which = options["--format"]; !which.empty()) {
    return formats(**backend, which, number("--k"), number("--n"), number("--rows"),
                   uint64_t(number("--megabytes")) << 20, number("--rounds"));
  }
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
