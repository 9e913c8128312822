// Where setup puts the model of a fresh machine, for tests that need a real one and skip without it.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace lemma::test {

inline std::filesystem::path defaultModel() {
  const char* data = std::getenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path base =
      data && *data ? std::filesystem::path(data) : std::filesystem::path(home ? home : "") / ".local" / "share";
  return base / "lemma" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
}

}  // namespace lemma::test
