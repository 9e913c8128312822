// What this process has taken: time of the processor, which a busy machine does not change, and memory of its own. Test
// code only; any thread.
#pragma once

#include <ctime>
#include <fstream>
#include <string>

namespace lemma::test {

// Seconds of processor time, all threads together.
inline double processorSeconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) / 1e9;
}

// Bytes that belong to no file, in RAM or swapped out: what a leak takes, wherever it is.
inline double ownBytes() {
  std::ifstream status("/proc/self/status");
  double sum = 0;
  for (std::string key; status >> key; status.ignore(1000, '\n')) {
    double kib = 0;
    if ((key == "RssAnon:" || key == "VmSwap:") && status >> kib) sum += kib * 1024;
  }
  return sum;
}

// The same counted page by page, so exact, but slower.
inline double countedOwnBytes() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  double sum = 0;
  for (std::string line; std::getline(rollup, line);) {
    for (const char* key : {"Anonymous:", "Swap:"}) {
      if (line.starts_with(key)) sum += std::stod(line.substr(std::string(key).size())) * 1024;
    }
  }
  return sum;
}

}  // namespace lemma::test
