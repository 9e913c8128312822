// Runs lemma-cli as a person does: a process with arguments, stdin, and two streams to read. For tests, one thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lemma::cli {

struct Ran {
  int code = -1;  // exit code; 128 + signal where one killed it
  std::string out, err;
};

struct RunOptions {
  std::string input;
  // Called whenever stdout has grown, with all of it and the process's id; to send a signal in mid-stream.
  std::function<void(const std::string& out, int pid)> onOutput;
  std::map<std::string, std::string> environment;  // set on top of the test's own
  std::chrono::milliseconds timeout{200'000};      // then SIGKILL, seen as code 137
};

Ran runCli(const std::vector<std::string>& arguments, const RunOptions& options = {});

// The golden files beside the repository; empty where they are absent.
std::string goldensFolder();
// The default model of this machine; empty where it is absent.
std::string smolModel();
// A file in the test's temporary folder.
std::string temporaryFile(const std::string& name, const std::string& content);
std::string temporaryPath(const std::string& name);
std::string slurp(const std::string& path);

nlohmann::ordered_json parsed(const std::string& text);  // a test failure and null where it is not JSON

struct Npy {
  std::vector<int> shape;
  std::vector<float> data;
};
Npy readNpy(const std::string& path);  // <f4 and <f2, C order

// Leads to GTEST_SKIP with the reason where a file is absent.
#define LEMMA_NEEDS(path, what) \
  if ((path).empty()) GTEST_SKIP() << what << " is not on this machine"

}  // namespace lemma::cli
