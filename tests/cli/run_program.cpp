#include "tests/cli/run_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/cli/options.h"
#include "tests/support/temporary_folder.h"

namespace lemma::cli {
namespace {

void execute(const std::vector<std::string>& arguments, const RunOptions& options) {
  for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv{const_cast<char*>(LEMMA_CLI)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(LEMMA_CLI, argv.data());
  _exit(99);
}

float halfToFloat(uint16_t half) {
  const int exponent = (half >> 10) & 31, mantissa = half & 1023;
  const float magnitude = exponent == 0    ? std::ldexp(float(mantissa), -24)
                          : exponent == 31 ? (mantissa ? NAN : INFINITY)
                                           : std::ldexp(float(mantissa + 1024), exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

}  // namespace

Ran runCli(const std::vector<std::string>& arguments, const RunOptions& options) {
  signal(SIGPIPE, SIG_IGN);  // a program that does not read its stdin must not end the test
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) return {};
  const pid_t pid = fork();
  if (pid == 0) {
    signal(SIGPIPE, SIG_DFL);
    dup2(in[0], 0), dup2(out[1], 1), dup2(err[1], 2);
    execute(arguments, options);
  }
  close(in[0]), close(out[1]), close(err[1]);
  fcntl(in[1], F_SETFL, O_NONBLOCK);
  Ran ran;
  size_t written = 0;
  bool stdinOpen = true;
  const auto deadline = std::chrono::steady_clock::now() + options.timeout;
  std::array<pollfd, 3> fds{{{in[1], POLLOUT, 0}, {out[0], POLLIN, 0}, {err[0], POLLIN, 0}}};
  while (fds[1].fd >= 0 || fds[2].fd >= 0) {
    if (stdinOpen && written == options.input.size()) close(in[1]), stdinOpen = false, fds[0].fd = -1;
    if (std::chrono::steady_clock::now() > deadline) kill(pid, SIGKILL);
    poll(fds.data(), fds.size(), 100);
    if (fds[0].revents) {
      const ssize_t n = write(in[1], options.input.data() + written, options.input.size() - written);
      written = n < 0 ? options.input.size() : written + size_t(n);
    }
    for (int i : {1, 2}) {
      if (fds[size_t(i)].fd < 0 || !fds[size_t(i)].revents) continue;
      std::array<char, 65536> buffer;
      const ssize_t n = read(fds[size_t(i)].fd, buffer.data(), buffer.size());
      if (n <= 0) {
        fds[size_t(i)].fd = -1;
      } else {
        (i == 1 ? ran.out : ran.err).append(buffer.data(), size_t(n));
        if (i == 1 && options.onOutput) options.onOutput(ran.out, pid);
      }
    }
  }
  if (stdinOpen) close(in[1]);
  close(out[0]), close(err[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

std::string goldensFolder() {
  const auto folder = std::filesystem::path(LEMMA_TESTS_DIR).parent_path().parent_path() / "shared/goldens";
  return std::filesystem::is_directory(folder) ? folder.string() : "";
}

std::string smolModel() {
  const std::string path = defaultModelPath();
  return std::filesystem::exists(path) ? path : "";
}

std::string temporaryPath(const std::string& name) {
  static const test::TemporaryFolder kFolder;
  return kFolder / name;
}

std::string temporaryFile(const std::string& name, const std::string& content) {
  const std::string path = temporaryPath(name);
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::string slurp(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

nlohmann::ordered_json parsed(const std::string& text) {
  auto value = nlohmann::ordered_json::parse(text, nullptr, false);
  EXPECT_FALSE(value.is_discarded()) << text.substr(0, 400);
  return value.is_discarded() ? nlohmann::ordered_json() : value;
}

Npy readNpy(const std::string& path) {
  const std::string file = slurp(path);
  Npy npy;
  if (file.size() < 10 || file.compare(0, 6, "\x93NUMPY") != 0) return npy;
  const size_t headerSize = uint8_t(file[8]) + 256u * uint8_t(file[9]);
  const std::string header = file.substr(10, headerSize);
  const bool half = header.find("'<f2'") != std::string::npos;
  if (!half && header.find("'<f4'") == std::string::npos) return npy;
  size_t count = 1;
  std::istringstream shape(header.substr(header.find("'shape': (") + 10));
  for (int n; shape >> n; shape.ignore(1)) npy.shape.push_back(n), count *= size_t(n);
  const char* data = file.data() + 10 + headerSize;
  const size_t size = half ? 2 : 4;
  if (file.size() != 10 + headerSize + count * size) return {};
  npy.data.resize(count);
  for (size_t i = 0; i < count; ++i) {
    if (half) {
      uint16_t h;
      std::memcpy(&h, data + i * 2, 2);
      npy.data[i] = halfToFloat(h);
    } else {
      std::memcpy(&npy.data[i], data + i * 4, 4);
    }
  }
  return npy;
}

}  // namespace lemma::cli
