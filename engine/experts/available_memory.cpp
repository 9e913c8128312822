#include "engine/experts/available_memory.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>
#include <vector>

namespace lemma {
namespace {

std::optional<uint64_t> numberIn(std::string_view text) {
  const size_t from = text.find_first_of("0123456789");
  if (from == std::string_view::npos) return std::nullopt;
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data() + from, text.data() + text.size(), n);
  return error == std::errc() ? std::optional(n) : std::nullopt;
}

// The first line of the file that begins with `key`, as a number; "max" is none.
std::optional<uint64_t> numberOf(const std::string& path, std::string_view key = "") {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return numberIn(std::string_view(line).substr(key.size()));
  }
  return std::nullopt;
}

struct Files {
  std::string_view limit, used, cache[2];
};
constexpr Files kV1{"/memory.limit_in_bytes", "/memory.usage_in_bytes", {"total_inactive_file ", "total_active_file "}};
constexpr Files kV2{"/memory.max", "/memory.current", {"inactive_file ", "active_file "}};

// What one group leaves; nothing where it has no limit.
std::optional<uint64_t> leftIn(const std::string& group, const Files& files) {
  const auto limit = numberOf(std::string(group).append(files.limit));
  const auto used = numberOf(std::string(group).append(files.used));
  if (!limit || !used) return std::nullopt;
  uint64_t taken = *used;
  for (const std::string_view kind : files.cache) {
    taken -= std::min(taken, numberOf(std::string(group).append("/memory.stat"), kind).value_or(0));
  }
  return *limit - std::min(*limit, taken);
}

}  // namespace

uint64_t availableMemory(const std::string& root) {
  constexpr uint64_t kUnknown = UINT64_MAX;
  const auto machine = numberOf(root + "/proc/meminfo", "MemAvailable:");
  uint64_t least = machine ? *machine * 1024 : kUnknown;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // hierarchy:controllers:path
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const auto controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && controllers.find("memory") == std::string_view::npos) continue;  // no other has that in its name
    std::string top = root;
    top += v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    // In a container the path may be that of the host, of which only the group itself is to be seen, at the top.
    for (std::string path = line.substr(second + 1);; path.resize(path.rfind('/'))) {
      if (const auto left = leftIn(std::string(top).append(path), v2 ? kV2 : kV1)) least = std::min(least, *left);
      if (path.find('/') == std::string::npos) break;
    }
  }
  return least == kUnknown ? 0 : least;
}

}  // namespace lemma
