// inspect: what is in a model file or folder, whether or not this build can compute with it.
#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "app/cli/commands/commands.h"
#include "app/cli/exit_code.h"
#include "app/cli/input.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "engine/model_file/model_file.h"
#include "engine/model_file/parameter_count.h"
#include "engine/tokenizer/tokenizer.h"

namespace lemma::cli {
namespace {

constexpr uint64_t kShownEntries = 16;  // of a metadata array; a vocabulary has 100,000

// The double that prints as a float does: 1e-05, not 9.999999747378752e-06.
double shortest(float value) {
  std::array<char, 32> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  double read = value;
  std::from_chars(text.data(), end, read);
  return read;
}

Json scalar(const GgufValue& value) {
  if (const auto text = value.asString()) return *text;
  if (const auto flag = value.asBool()) return *flag;
  if (const auto number = value.asI64()) return *number;
  if (const auto number = value.asU64()) return *number;
  if (const auto number = value.asF64()) return value.type() == GgufType::f32 ? shortest(float(*number)) : *number;
  return nullptr;
}

// Short arrays whole, long ones as {"type", "count", "first"}; arrays of arrays as {"type", "count"}.
Json summary(const GgufValue& value) {
  if (value.type() != GgufType::array) return scalar(value);
  Json first = Json::array();
  const auto take = [&](const auto& entries) {
    for (const auto& entry : entries) {
      if (first.size() == kShownEntries) return;
      first.push_back(entry);
    }
  };
  if (const auto strings = value.asStringArray()) {
    take(*strings);
  } else if (const auto flags = value.asBoolArray()) {
    for (const bool flag : *flags) {
      if (first.size() < kShownEntries) first.push_back(flag);
    }
  } else if (const auto integers = value.asI32Array()) {
    take(*integers);
  } else if (const auto naturals = value.asU64Array()) {
    take(*naturals);
  } else if (const auto numbers = value.asF32Array()) {
    take(*numbers);
  }
  if (first.size() == value.count()) return first;
  Json shown{{"type", std::string(name(value.elementType()))}, {"count", value.count()}};
  if (!first.empty()) shown["first"] = std::move(first);
  return shown;
}

Json valueOf(const ModelHeader& header, std::string_view key) {
  const GgufValue* value = header.find(key);
  return value ? scalar(*value) : Json(nullptr);
}

Json idOf(std::optional<Token> token) { return token ? Json(int32_t(*token)) : Json(nullptr); }

// Of a folder, whose tokenizer is no metadata; one that cannot be read is an error where text is asked for, not here.
Json tokenizerOfFolder(const ModelFile& model) {
  const auto t = Tokenizer::of(model);
  if (!t) return nullptr;
  return {{"model", "tokenizer.json"}, {"pre", nullptr},           {"tokens", (*t)->size()},
          {"bos", idOf((*t)->bos())},  {"eos", idOf((*t)->eos())}, {"add_bos", (*t)->addBos()}};
}

Json tokenizerOf(const ModelFile& model) {
  if (model.ggufVersion == 0) return tokenizerOfFolder(model);
  const ModelHeader& header = model.header;
  const GgufValue* tokens = header.find("tokenizer.ggml.tokens");
  if (!header.find("tokenizer.ggml.model") && !tokens) return nullptr;
  return {{"model", valueOf(header, "tokenizer.ggml.model")},
          {"pre", valueOf(header, "tokenizer.ggml.pre")},
          {"tokens", tokens ? Json(tokens->count()) : Json(nullptr)},
          {"bos", valueOf(header, "tokenizer.ggml.bos_token_id")},
          {"eos", valueOf(header, "tokenizer.ggml.eos_token_id")},
          {"add_bos", valueOf(header, "tokenizer.ggml.add_bos_token")}};
}

Json describe(const std::string& path, const ModelFile& model) {
  const ModelHeader& header = model.header;
  const std::string architecture = header.strOr("general.architecture", "").value_or("");
  const ParameterCount parameters = countParameters(header);
  Json out{{"schema", "lemma.inspect/1"},
           {"path", path},
           {"id", model.id},
           {"bytes", model.bytes},
           {"gguf_version", model.ggufVersion},
           {"architecture", valueOf(header, "general.architecture")},
           {"name", valueOf(header, "general.name")},
           {"licence", valueOf(header, "general.license")},
           {"parameters", {{"all", parameters.all}, {"active", parameters.active}}},
           {"context", valueOf(header, architecture + ".context_length")},
           {"layers", valueOf(header, architecture + ".block_count")},
           {"draft_layers", valueOf(header, architecture + ".nextn_predict_layers")},
           {"embedding", valueOf(header, architecture + ".embedding_length")},
           {"tokenizer", tokenizerOf(model)},
           {"template", valueOf(header, "tokenizer.chat_template")}};
  Json metadata = Json::object(), types = Json::object(), tensors = Json::array();
  for (const auto& [key, value] : header.kv) metadata.emplace(key, summary(value));
  for (const ModelTensor& tensor : header.tensors) {
    const TypeInfo* info = typeInfo(tensor.type);
    const std::string type = info ? std::string(info->name) : std::to_string(uint32_t(tensor.type));
    Json shape = Json::array();
    for (int i = 0; i < tensor.rank; ++i) shape.push_back(tensor.ne[size_t(i)]);
    tensors.push_back({{"name", tensor.name}, {"type", type}, {"shape", std::move(shape)}, {"bytes", tensor.bytes}});
    Json& of = types[type];
    if (of.is_null()) of = {{"tensors", 0}, {"bytes", 0}};
    of["tensors"] = of["tensors"].get<uint64_t>() + 1;
    of["bytes"] = of["bytes"].get<uint64_t>() + tensor.bytes;
  }
  out["metadata"] = std::move(metadata);
  out["types"] = std::move(types);
  out["tensors"] = std::move(tensors);
  return out;
}

// One line of at most `most` bytes, whole code points.
std::string oneLine(const Json& value, size_t most = 100) {
  std::string text =
      value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (text.size() <= most) return text;
  size_t cut = most;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return text.substr(0, cut) + " ... (" + std::to_string(text.size()) + " bytes)";
}

void printHuman(const Json& d) {
  std::string out;
  const auto row = [&](const std::string& label, const std::string& value) {
    out += label + std::string(label.size() < 14 ? 14 - label.size() : 1, ' ') + value + "\n";
  };
  const auto known = [&](const char* label, const char* key) {
    if (!d[key].is_null()) row(label, oneLine(d[key]));
  };
  row("file", d["path"].get<std::string>());
  row("size", humanBytes(d["bytes"].get<uint64_t>()));
  row("content id", d["id"].get<std::string>());
  known("architecture", "architecture");
  known("name", "name");
  known("licence", "licence");
  const uint64_t all = d["parameters"]["all"].get<uint64_t>(), active = d["parameters"]["active"].get<uint64_t>();
  row("parameters", humanCount(all) + (active == all ? "" : ", " + humanCount(active) + " active for a token"));
  known("context", "context");
  known("layers", "layers");
  known("draft layers", "draft_layers");
  known("embedding", "embedding");
  const Json& tokenizer = d["tokenizer"];
  row("tokenizer", tokenizer.is_null() ? "none"
                                       : oneLine(tokenizer["model"]) + ", " +
                                             (tokenizer["pre"].is_null() ? "" : oneLine(tokenizer["pre"]) + ", ") +
                                             oneLine(tokenizer["tokens"]) + " tokens");
  row("template", d["template"].is_null() ? "none" : oneLine(d["template"], 60));
  for (const auto& [type, of] : d["types"].items()) {
    row(type, of["tensors"].dump() + (of["tensors"] == 1 ? " tensor, " : " tensors, ") +
                  humanBytes(of["bytes"].get<uint64_t>()));
  }
  out += "\nmetadata\n";
  for (const auto& [key, value] : d["metadata"].items()) out += "  " + key + " = " + oneLine(value) + "\n";
  out += "\ntensors (the first size runs fastest)\n";
  for (const Json& tensor : d["tensors"]) {
    out += "  " + oneLine(tensor["name"]) + "  " + tensor["type"].get<std::string>() + "  " + tensor["shape"].dump() +
           "  " + humanBytes(tensor["bytes"].get<uint64_t>()) + "\n";
  }
  printText(isTerminal(stdout) ? withoutControls(out) : out);
}

struct InspectOptions {
  std::string model;
  bool json = false;
};

int inspect(const InspectOptions& o) {
  const std::string path = o.model.empty() ? defaultModelPath() : o.model;
  const auto model = openModel(path);
  if (!model) return report(model.error());
  const Json description = describe(path, *model);
  if (o.json) {
    printJson(description, true);
  } else {
    printHuman(description);
  }
  return kDone;
}

}  // namespace

void addInspect(CommandLine& line) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App& app =
      *line.app.add_subcommand("inspect", "What a model file holds: architecture, parameters, metadata, tensors");
  addModelPath(app, options->model);
  app.add_flag("--json", options->json, "One JSON object, schema lemma.inspect/1");
  app.callback([&line, options] { line.chosen = [options] { return inspect(*options); }; });
}

}  // namespace lemma::cli
