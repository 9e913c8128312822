// The options that several commands share: what they are called, their ranges, and the engine's values they become.
// Plain values; add...() binds a struct to a CLI11 command and must be outlived by it. Main thread.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "engine/api/engine.h"
#include "engine/api/types.h"

namespace lemma::cli {

// Options whose value is a decimal number within [low, high]; anything else is a sentence and exit code 2.
CLI::Option* addInteger(CLI::App& app, const std::string& names, int& value, int64_t low, int64_t high,
                        const std::string& help);
CLI::Option* addIntegers(CLI::App& app, const std::string& names, std::vector<int>& values, int64_t low, int64_t high,
                         const std::string& help);  // "1,2,3"
CLI::Option* addNumber(CLI::App& app, const std::string& names, std::optional<float>& value, double low, double high,
                       const std::string& help);

inline constexpr int kMaxContext = 1 << 22;  // tokens, for --ctx and everything that must fit into it

struct ModelOptions {
  std::string path;  // empty = defaultModelPath()
  std::string device = "cpu";
  std::string target;  // from --device cpu:TARGET
  std::string place = "auto";
  int threads = 0, promptThreads = 0, context = 0, batch = 512;
  std::string kv = "f16";
  ExpertPlace experts = ExpertPlace::automatic;
  int expertMegabytes = 0;  // 0 = what is free
};

// ${XDG_DATA_HOME:-~/.local/share}/lemma/models/SmolLM2-135M-Instruct.Q4_1.gguf
std::string defaultModelPath();

// ${XDG_CACHE_HOME:-~/.cache}/lemma/parked, as the window has it
std::string parkedFolder();

const std::vector<std::string>& cacheTypes();  // of --kv

CLI::Option* addModelPath(CLI::App& app, std::string& path);   // -m alone
void addComputeOptions(CLI::App& app, ModelOptions& options);  // --device ... --kv, --experts, --expert-memory
void addContextOption(CLI::App& app, ModelOptions& options);   // --ctx

LoadOptions loadOptions(const ModelOptions& options);

struct SamplingOptions {
  std::optional<float> temperature, topP, minP, repeat, presence, frequency;
  std::optional<int> topK;
  std::optional<uint64_t> seed;
  bool greedy = false;
  std::vector<std::string> stop;
  int maxTokens = 0;
};

void addSamplingOptions(CLI::App& app, SamplingOptions& options);

// What was given on the command line over what the model recommends. A seed that was not given is chosen by chance.
SamplerSettings samplerSettings(const SamplingOptions& options, const SamplerSettings& recommended);

struct ThinkOptions {
  ThinkBudget budget;
};
void addThinkOption(CLI::App& app, ThinkOptions& options);
std::optional<ThinkBudget> parseThink(const std::string& text);  // off, low, medium, high, max or a number of tokens

// CLI11 knows short options of one letter only: `-tb` becomes `--tb` before it looks.
std::vector<std::string> withLongNames(int argc, const char* const* argv);

}  // namespace lemma::cli
