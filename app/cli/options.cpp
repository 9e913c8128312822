#include "app/cli/options.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>

#include "app/cli/input.h"
#include "engine/api/devices.h"

namespace lemma::cli {
namespace {

constexpr int kMaxThreads = 1024;

int64_t integerOrThrow(const std::string& name, std::string_view text, int64_t low, int64_t high) {
  const auto value = parseInteger(text);
  if (!value || *value < low || *value > high) {
    throw CLI::ValidationError(name, "'" + std::string(text) + "' is not a whole number from " + std::to_string(low) +
                                         " to " + std::to_string(high));
  }
  return *value;
}

std::string shortNumber(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

// "-t,--threads" -> "--threads"; what error sentences call an option.
std::string longName(const std::string& names) { return names.substr(names.rfind(',') + 1); }

std::string devices() {
  std::string names;
  for (const std::string_view name : deviceNames()) names.append(names.empty() ? "" : ", ").append(name);
  return names;
}

// The backend knows its own targets; of several devices one may have one.
void setDevices(ModelOptions& options, const std::string& text) {
  const auto known = deviceNames();
  options.device.clear();
  options.target.clear();
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string one = text.substr(at, end - at), name = one.substr(0, one.find(':'));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw CLI::ValidationError("--device", "'" + name + "' is not a device of this build; it has " + devices());
    }
    options.device += (at == 0 ? "" : ",") + name;
    if (name.size() < one.size()) options.target = one.substr(name.size() + 1);
    at = end + 1;
  }
}

// The XDG base directory specification: a relative path counts as unset.
std::string baseFolder(const char* variable, const char* belowHome) {
  const char* value = std::getenv(variable);
  const char* home = std::getenv("HOME");
  return value && value[0] == '/' ? value : std::string(home ? home : "") + belowHome;
}

}  // namespace

CLI::Option* addInteger(CLI::App& app, const std::string& names, int& value, int64_t low, int64_t high,
                        const std::string& help) {
  return app
      .add_option_function<std::string>(
          names,
          [&value, names, low, high](const std::string& text) {
            value = int(integerOrThrow(longName(names), text, low, high));
          },
          help)
      ->type_name("N")
      ->default_str(std::to_string(value));
}

CLI::Option* addIntegers(CLI::App& app, const std::string& names, std::vector<int>& values, int64_t low, int64_t high,
                         const std::string& help) {
  std::string defaults;
  for (const int value : values) defaults += (defaults.empty() ? "" : ",") + std::to_string(value);
  return app
      .add_option_function<std::string>(
          names,
          [&values, names, low, high](const std::string& text) {
            values.clear();
            for (size_t at = 0; at <= text.size();) {
              const size_t end = std::min(text.find(',', at), text.size());
              values.push_back(
                  int(integerOrThrow(longName(names), std::string_view(text).substr(at, end - at), low, high)));
              at = end + 1;
            }
          },
          help)
      ->type_name("N[,N...]")
      ->default_str(defaults);
}

CLI::Option* addNumber(CLI::App& app, const std::string& names, std::optional<float>& value, double low, double high,
                       const std::string& help) {
  return app
      .add_option_function<std::string>(
          names,
          [&value, names, low, high](const std::string& text) {
            const auto number = parseNumber(text);
            if (!number || *number < low || *number > high) {
              throw CLI::ValidationError(longName(names), "'" + text + "' is not a number from " + shortNumber(low) +
                                                              " to " + shortNumber(high));
            }
            value = float(*number);
          },
          help)
      ->type_name("X");
}

std::string defaultModelPath() {
  return baseFolder("XDG_DATA_HOME", "/.local/share") + "/lemma/models/SmolLM2-135M-Instruct.Q4_1.gguf";
}

std::string parkedFolder() { return baseFolder("XDG_CACHE_HOME", "/.cache") + "/lemma/parked"; }

const std::vector<std::string>& cacheTypes() {
  static const std::vector<std::string> kTypes{"f16", "q8_0", "fp8", "f32"};
  return kTypes;
}

CLI::Option* addModelPath(CLI::App& app, std::string& path) {
  return app.add_option("-m,--model", path, "Model: a GGUF file, the first of a split one, or a Hugging Face folder")
      ->type_name("FILE")
      ->default_str("the default model");
}

void addComputeOptions(CLI::App& app, ModelOptions& options) {
  app.add_option_function<std::string>(
         "--device", [&options](const std::string& text) { setDevices(options, text); },
         "Where to compute: " + devices() + ", or cpu:TARGET to force an instruction set; several with commas between")
      ->type_name("LIST")
      ->default_str(options.device);
  app.add_option(
         "--place", options.place,
         "How the model is laid out over devices: auto, all on the first one; or WHAT=DEVICE with commas "
         "between, where WHAT is embed, head, a layer or layers (0-14), experts of layers (3-7:experts, "
         "3:experts.0-7), or a tensor by its name, * standing for anything (blk.3.ffn_down, blk.*.attn_q): what "
         "multiplies by it is computed there; the rest is the first one's")
      ->type_name("PLAN")
      ->default_str(options.place);
  addInteger(app, "-t,--threads", options.threads, 1, kMaxThreads, "Threads that generate")->default_str("all cores");
  addInteger(app, "--tb,--threads-batch", options.promptThreads, 1, kMaxThreads, "Threads that read prompts; also -tb")
      ->default_str("as -t");
  addInteger(app, "--batch", options.batch, 1, 16384, "Most tokens of one forward pass");
  app.add_option("--kv", options.kv,
                 "Type of the cache of keys and values: f16; q8_0 takes 53 % of its room and fp8 50 %, at mean KL "
                 "divergences of 0.0008 and 0.014 where f16 has 0.000001 (SmolLM2, resources/docs/exactness.md)")
      ->check(CLI::IsMember(cacheTypes()))
      ->type_name("f16|q8_0|fp8|f32")
      ->default_str(options.kv);
  static const std::map<std::string, ExpertPlace> kPlaces{
      {"auto", ExpertPlace::automatic}, {"mapped", ExpertPlace::mapped}, {"disk", ExpertPlace::disk}};
  app.add_option_function<std::string>(
         "--experts", [&options](const std::string& place) { options.experts = kPlaces.at(place); },
         "Where the experts of a model lie: mapped like other weights, or on disk, read when they are chosen and "
         "kept as far as memory goes; auto: disk where the model is larger than the memory that is free")
      ->check(CLI::IsMember({"auto", "mapped", "disk"}))
      ->type_name("auto|mapped|disk")
      ->default_str("auto");
  addInteger(app, "--expert-memory", options.expertMegabytes, 1, 1 << 30, "Megabytes for experts from the disk")
      ->default_str("what is free");
}

void addContextOption(CLI::App& app, ModelOptions& options) {
  addInteger(app, "--ctx", options.context, 1, kMaxContext, "Tokens of context")
      ->default_str("what the model allows, at most 8192");
}

LoadOptions loadOptions(const ModelOptions& options) {
  LoadOptions load;
  load.path = options.path.empty() ? defaultModelPath() : options.path;
  load.context = options.context;
  load.batch = options.batch;
  load.threads = options.threads;
  load.promptThreads = options.promptThreads;
  load.kvType = options.kv;
  load.experts = options.experts;
  load.expertMemory = uint64_t(options.expertMegabytes) * 1'000'000;
  load.backend = options.device;
  load.place = options.place;
  load.target = options.target;
  return load;
}

void addSamplingOptions(CLI::App& app, SamplingOptions& options) {
  const SamplerSettings usual;
  const auto number = [&](const std::string& name, std::optional<float>& value, double low, double high, float fallback,
                          const std::string& help) {
    addNumber(app, name, value, low, high, help)->default_str("the model's, else " + shortNumber(fallback));
  };
  number("--temp", options.temperature, 0, 100, usual.temperature, "Temperature; 0 is greedy");
  app.add_option_function<std::string>(
         "--top-k",
         [&options](const std::string& text) { options.topK = int(integerOrThrow("--top-k", text, 0, 1 << 24)); },
         "Keep the K likeliest tokens; 0 keeps all")
      ->type_name("N")
      ->default_str("the model's, else " + std::to_string(usual.topK));
  number("--top-p", options.topP, 0, 1, usual.topP, "Keep the likeliest tokens up to this sum; 1 keeps all");
  number("--min-p", options.minP, 0, 1, usual.minP, "Drop tokens below this share of the likeliest; 0 keeps all");
  number("--repeat", options.repeat, 0.01, 100, usual.repeat, "Penalty on repeated tokens; 1 is none");
  number("--presence", options.presence, -100, 100, usual.presence, "Penalty on tokens that were used; 0 is none");
  number("--frequency", options.frequency, -100, 100, usual.frequency, "Penalty for each use of a token; 0 is none");
  app.add_option_function<std::string>(
         "--seed",
         [&options](const std::string& text) {
           options.seed = uint64_t(integerOrThrow("--seed", text, 0, std::numeric_limits<int64_t>::max()));
         },
         "Seed of the sampler")
      ->type_name("N")
      ->default_str("by chance");
  app.add_flag("--greedy", options.greedy, "Always take the likeliest token");
  app.add_option("--stop", options.stop, "End the answer before this text; repeatable")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return text.empty() ? std::string("the text is empty") : std::string(); });
  addInteger(app, "--max-tokens", options.maxTokens, 1, kMaxContext, "Most tokens of the answer")
      ->default_str("what the context holds");
}

SamplerSettings samplerSettings(const SamplingOptions& options, const SamplerSettings& recommended) {
  SamplerSettings s = recommended;
  s.temperature = options.temperature.value_or(s.temperature);
  s.topK = options.topK.value_or(s.topK);
  s.topP = options.topP.value_or(s.topP);
  s.minP = options.minP.value_or(s.minP);
  s.repeat = options.repeat.value_or(s.repeat);
  s.presence = options.presence.value_or(s.presence);
  s.frequency = options.frequency.value_or(s.frequency);
  if (options.greedy) s.temperature = 0;
  // 32 bits by chance, so that a reader of the JSON whose numbers are doubles gets the seed whole.
  s.seed = options.seed ? *options.seed : std::random_device{}();
  return s;
}

std::optional<ThinkBudget> parseThink(const std::string& text) {
  using Kind = ThinkBudget::Kind;
  if (text == "off") return ThinkBudget{Kind::off, 0};
  if (text == "low") return ThinkBudget{Kind::tokens, kThinkLow};
  if (text == "medium") return ThinkBudget{Kind::tokens, kThinkMedium};
  if (text == "high") return ThinkBudget{Kind::tokens, kThinkHigh};
  if (text == "max") return ThinkBudget{Kind::max, 0};
  const auto tokens = parseInteger(text);
  if (!tokens || *tokens < 0 || *tokens > kMaxContext) return std::nullopt;
  return *tokens == 0 ? ThinkBudget{Kind::off, 0} : ThinkBudget{Kind::tokens, int(*tokens)};
}

void addThinkOption(CLI::App& app, ThinkOptions& options) {
  app.add_option_function<std::string>(
         "--think",
         [&options](const std::string& text) {
           const auto budget = parseThink(text);
           if (!budget) {
             throw CLI::ValidationError("--think",
                                        "'" + text + "' is not off, low, medium, high, max or a number of tokens");
           }
           options.budget = *budget;
         },
         "How long to think first: off, low (512 tokens), medium (2048), high (8192), max (the context) or a number")
      ->type_name("EFFORT")
      ->default_str("medium");
}

std::vector<std::string> withLongNames(int argc, const char* const* argv) {
  std::vector<std::string> args;
  bool options = true;  // nothing after "--" is an option
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    if (arg == "--") options = false;
    if (options && (arg == "-tb" || arg.rfind("-tb=", 0) == 0)) arg.insert(0, "-");
    args.push_back(std::move(arg));
  }
  return args;
}

}  // namespace lemma::cli
