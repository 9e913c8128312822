#include "app/core/paths.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace lemma::app {

namespace {

std::string folder(const char* variable, const char* fallbackBelowHome) {
  const char* value = std::getenv(variable);
  if (value && value[0] == '/') return std::string(value) + "/lemma";
  const char* home = std::getenv("HOME");
  return std::string(home && home[0] == '/' ? home : "/tmp") + fallbackBelowHome + "/lemma";
}

}  // namespace

std::string Paths::defaultModel() const { return data + "/models/SmolLM2-135M-Instruct.Q4_1.gguf"; }

Paths pathsFromEnvironment() {
  Paths p;
  p.data = folder("XDG_DATA_HOME", "/.local/share");
  p.state = folder("XDG_STATE_HOME", "/.local/state");
  p.cache = folder("XDG_CACHE_HOME", "/.cache");
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  p.runtime = runtime && runtime[0] == '/' ? runtime : p.data;
  return p;
}

Result<void> makeFolders(const Paths& paths) {
  namespace fs = std::filesystem;
  for (const std::string& f : {paths.data, paths.state}) {
    std::error_code error;
    const bool existed = fs::exists(f, error);
    fs::create_directories(f, error);
    if (error || !fs::is_directory(f, error)) {
      return fail(Err::unreadable, "Lemma's folder " + f + " cannot be made: " + error.message() + ".");
    }
    if (!existed) fs::permissions(f, fs::perms::owner_all, error);
  }
  return {};
}

}  // namespace lemma::app
