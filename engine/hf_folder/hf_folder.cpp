#include "engine/hf_folder/hf_folder.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/hf_folder/checked_json.h"
#include "engine/hf_folder/config_translation.h"
#include "engine/hf_folder/family.h"
#include "engine/hf_folder/paired_experts.h"
#include "engine/model_file/content_id.h"
#include "engine/model_file/mapped_file.h"
#include "engine/safetensors/safetensors.h"

namespace lemma {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kConfigBytes = 4 << 20;
constexpr uint64_t kIndexBytes = 64 << 20;
constexpr uint64_t kTokenizerBytes = 128 << 20;
constexpr size_t kShards = 4096;
constexpr size_t kTensors = 1 << 20;
constexpr int64_t kNormWidth = 1 << 20;

std::string_view textOf(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

tl::unexpected<Error> about(const std::string& path, const Error& error) {
  return fail(error.code, path + ": " + error.what);
}

class Opening {
 public:
  explicit Opening(const std::string& folder) : folder_(folder) {}

  Result<ModelFile> open() {
    LEMMA_TRY(config, required("config.json", kConfigBytes));
    auto parsed = parseCheckedJson(textOf(*config));
    if (!parsed) return about(path("config.json"), parsed.error());
    model_.tokenizer.modelConfig = textOf(*config);
    LEMMA_CHECK(translate(*parsed));
    LEMMA_CHECK(readTexts());
    LEMMA_CHECK(openShards());
    LEMMA_CHECK(nameTensors());
    if (family_ && family_->pairedExperts) {
      if (const auto apart = takePairedExpertsApart(model_.header.tensors); !apart)
        return about(folder_, apart.error());
    }
    for (auto& [name, numbers] : translated_.numbers) add(name, std::move(numbers));
    if (family_ && family_->normsLessOne) LEMMA_CHECK(addOneToNorms());
    ModelHeader& header = model_.header;
    if (header.tensors.size() > kTensors) {
      return fail(Err::tooLarge, folder_ + " holds more than the " + std::to_string(kTensors) + " tensors allowed");
    }
    header.kv = std::move(translated_.kv);
    if (const auto indexed = header.indexKeys(); !indexed) return about(folder_, indexed.error());
    if (const auto indexed = header.indexTensors(); !indexed) return about(folder_, indexed.error());
    const ModelTensor* table = header.tensor("token_embd.weight");
    if (table) model_.tokenizer.rows = table->ne[1];
    model_.unfit = std::move(translated_.unfit);
    model_.id = contentId(contents_);
    return std::move(model_);
  }

 private:
  std::string path(std::string_view name) const { return (fs::path(folder_) / name).string(); }

  // A text of the folder, mapped; it is part of what the model is known by.
  Result<std::shared_ptr<MappedFile>> required(const std::string& name, uint64_t most) {
    LEMMA_TRY(file, MappedFile::open(path(name)));
    if (file->bytes().size() > most) {
      return fail(Err::tooLarge, path(name) + " has " + std::to_string(file->bytes().size()) +
                                     " bytes, more than the " + std::to_string(most) + " allowed");
    }
    contents_.push_back({file->bytes(), file->bytes().size()});
    model_.files.push_back(file);
    model_.bytes += file->bytes().size();
    return file;
  }
  // Null where the folder has none.
  Result<std::shared_ptr<MappedFile>> optional(const std::string& name, uint64_t most) {
    std::error_code ignored;
    if (!fs::exists(path(name), ignored)) return std::shared_ptr<MappedFile>();
    return required(name, most);
  }
  // `text` is what the file holds.
  Result<json> optionalJson(const std::string& name, std::string_view& text) {
    LEMMA_TRY(file, optional(name, kConfigBytes));
    if (!file) return json::object();
    text = textOf(*file);
    auto parsed = parseCheckedJson(textOf(*file));
    if (!parsed) return about(path(name), parsed.error());
    return parsed;
  }

  void set(std::string_view key, GgufValue value) { translated_.kv.emplace_back(std::string(key), std::move(value)); }

  Result<void> translate(const json& config) {
    ConfigReader reader(&config);
    const auto type = reader.text("model_type");
    if (!type) reader.missing("model_type");
    if (const auto read = reader.result(); !read) return about(path("config.json"), read.error());
    family_ = hfFamily(*type);
    if (!family_) {
      set("general.architecture", GgufValue::of(std::string_view(*type)));
      return {};
    }
    json text = json::parse(family_->defaults);
    if (family_->seesToo) {
      const json* part = reader.object("text_config");
      if (!part) reader.missing("text_config");
      if (const auto read = reader.result(); !read) return about(path("config.json"), read.error());
      text.update(*part);
      if (reader.has("quantization_config")) text["quantization_config"] = config["quantization_config"];
    } else {
      text.update(config);
    }
    auto translated = ConfigTranslation(text, *family_).translate();
    if (!translated) return about(path("config.json"), translated.error());
    translated_ = std::move(*translated);
    return {};
  }

  // The model's name, how it reads and writes, its chat template and the sampling its makers advise.
  Result<void> readTexts() {
    std::error_code ignored;
    const fs::path whole = fs::canonical(folder_, ignored);
    if (!whole.filename().empty()) set("general.name", GgufValue::of(std::string_view(whole.filename().string())));

    TokenizerFiles& files = model_.tokenizer;
    LEMMA_TRY(tokenizer, optional("tokenizer.json", kTokenizerBytes));
    if (tokenizer) files.tokenizer = textOf(*tokenizer);
    LEMMA_TRY(config, optionalJson("tokenizer_config.json", files.config));
    LEMMA_CHECK(optionalJson("special_tokens_map.json", files.specialTokens));
    LEMMA_TRY(ownFile, optional("chat_template.jinja", kConfigBytes));
    std::string chatTemplate = ownFile ? std::string(textOf(*ownFile)) : templateIn(config);
    if (chatTemplate.empty()) {
      std::string_view text;
      LEMMA_TRY(processor, optionalJson("chat_template.json", text));  // beside models that also see
      chatTemplate = templateIn(processor);
    }
    if (!chatTemplate.empty()) set("tokenizer.chat_template", GgufValue::of(std::string_view(chatTemplate)));

    LEMMA_TRY(generation, optionalJson("generation_config.json", files.generationConfig));
    static constexpr std::pair<const char*, const char*> kSampling[] = {{"temperature", "temp"},
                                                                        {"top_k", "top_k"},
                                                                        {"top_p", "top_p"},
                                                                        {"min_p", "min_p"},
                                                                        {"repetition_penalty", "penalty_repeat"}};
    ConfigReader reader(&generation);
    for (const auto& [theirs, ours] : kSampling) {
      if (const auto number = reader.real(theirs)) set("general.sampling." + std::string(ours), GgufValue::of(*number));
    }
    if (const auto read = reader.result(); !read) return about(path("generation_config.json"), read.error());
    return {};
  }

  // A text, or a list of named ones of which "default" is meant, else the only one.
  static std::string templateIn(const json& config) {
    const auto it = config.find("chat_template");
    if (it == config.end()) return {};
    if (it->is_string()) return it->get<std::string>();
    if (!it->is_array()) return {};
    for (const json& entry : *it) {
      if (!entry.is_object() || !entry.contains("template") || !entry["template"].is_string()) continue;
      if (it->size() == 1 || entry.value("name", json()) == "default") return entry["template"].get<std::string>();
    }
    return {};
  }

  Result<void> openShards() {
    std::error_code ignored;
    if (fs::exists(path("model.safetensors"), ignored)) return openShard("model.safetensors");
    if (!fs::exists(path("model.safetensors.index.json"), ignored)) {
      return fail(Err::notFound, folder_ + " holds neither model.safetensors nor model.safetensors.index.json");
    }
    LEMMA_TRY(file, required("model.safetensors.index.json", kIndexBytes));
    const std::string where = path("model.safetensors.index.json");
    auto index = parseCheckedJson(textOf(*file));
    if (!index) return about(where, index.error());
    const auto map = index->find("weight_map");
    if (map == index->end() || !map->is_object()) {
      return fail(Err::badValue, where + ": the key \"weight_map\" is missing or not an object");
    }
    std::set<std::string> shards;
    for (const auto& [tensor, name] : map->items()) {
      if (!name.is_string()) return fail(Err::badValue, where + ": " + quotedName(tensor) + " is not in a file");
      const auto& shard = name.get_ref<const std::string&>();
      if (!shard.ends_with(".safetensors") || shard.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
        return fail(Err::badValue, where + ": " + quotedName(tensor) + " is said to lie in " + quotedName(shard) +
                                       ", which is not a safetensors file of this folder");
      }
      shards.insert(shard);
    }
    if (shards.size() > kShards)
      return fail(Err::tooLarge, where + " names more than " + std::to_string(kShards) + " files");
    for (const std::string& shard : shards) LEMMA_CHECK(openShard(shard));
    for (const auto& [tensor, name] : map->items()) {
      const auto it = partOf_.find(tensor);
      if (it != partOf_.end() && model_.parts[it->second].path == path(name.get_ref<const std::string&>())) continue;
      return fail(Err::notFound, path(name.get_ref<const std::string&>()) + " does not hold the tensor " +
                                     quotedName(tensor) + ", though model.safetensors.index.json says so");
    }
    return {};
  }

  Result<void> openShard(const std::string& name) {
    LEMMA_TRY(file, MappedFile::open(path(name)));
    auto header = parseSafetensors(file->bytes(), file->bytes().size());
    if (!header) return about(path(name), header.error());
    const auto part = uint32_t(model_.parts.size());
    for (ModelTensor& t : header->tensors) {
      t.part = part;
      if (!partOf_.emplace(t.name, part).second) {
        return fail(Err::badValue, path(name) + ": the tensor " + quotedName(t.name) + " is in another file too");
      }
      model_.header.tensors.push_back(std::move(t));
    }
    contents_.push_back({file->bytes().first(size_t(header->headerBytes)), file->bytes().size()});
    model_.bytes += file->bytes().size();
    model_.parts.push_back({path(name), file->bytes(), file});
    model_.files.push_back(file);
    return {};
  }

  // Of a model that sees, too, what reads and writes text.
  void keepTextModel() {
    constexpr std::string_view kOlder = "language_model.", kNewer = "model.language_model.";
    std::erase_if(model_.header.tensors, [&](ModelTensor& t) {
      if (t.name.starts_with(kOlder)) {
        t.name.erase(0, kOlder.size());
      } else if (t.name.starts_with(kNewer)) {
        t.name.replace(0, kNewer.size(), "model.");
      } else {
        return t.name != "lm_head.weight";
      }
      return false;
    });
  }

  Result<void> nameTensors() {
    if (!family_) return {};
    if (family_->seesToo) keepTextModel();
    bool head = false;
    for (ModelTensor& t : model_.header.tensors) {
      if (t.name == "lm_head.weight") {
        if (translated_.tied) continue;  // a copy of the table, which counts
        head = true;
      }
      t.name = ggufName(*family_, t.name);
    }
    if (head || translated_.tied) return {};
    return fail(Err::notFound, folder_ +
                                   ": the tensor lm_head.weight is missing, and config.json does not say that the "
                                   "embeddings are tied");
  }

  // A tensor that lies in no file: keeps its numbers in memory.
  void add(const std::string& name, std::vector<float> values) {
    const auto kept = std::make_shared<const std::vector<float>>(std::move(values));
    const auto bytes = std::as_bytes(std::span(*kept));
    ModelTensor t{
        .name = name, .type = Type::F32, .rank = 1, .part = uint32_t(model_.parts.size()), .bytes = bytes.size()};
    t.ne[0] = int64_t(kept->size());
    model_.header.tensors.push_back(std::move(t));
    model_.parts.push_back({"", bytes, kept});
  }

  // GGUF's norms hold their weight whole: the only numbers of a folder that are not used where they lie.
  Result<void> addOneToNorms() {
    std::vector<ModelTensor> norms;
    std::erase_if(model_.header.tensors, [&](const ModelTensor& t) {
      if (t.name.ends_with("norm.weight")) norms.push_back(t);
      return t.name.ends_with("norm.weight");
    });
    for (const ModelTensor& t : norms) {
      const TypeInfo* type = typeInfo(t.type);
      if (t.rank != 1 || t.ne[0] < 1 || t.ne[0] > kNormWidth || !type || !type->decode || type->block != 1) {
        return fail(Err::badValue, folder_ + ": the tensor " + quotedName(t.name) + " is not the weight of a norm");
      }
      std::vector<float> values(size_t(t.ne[0]));
      type->decode(model_.parts[t.part].bytes.data() + t.offset, values.data(), t.ne[0]);
      for (float& v : values) v += 1;
      add(t.name, std::move(values));
    }
    return {};
  }

  const std::string folder_;
  const HfFamily* family_ = nullptr;
  TranslatedConfig translated_;
  ModelFile model_;
  std::vector<ContentPart> contents_;                    // views into model_.files
  std::map<std::string, uint32_t, std::less<>> partOf_;  // of a tensor by its name in the folder
};

}  // namespace

Result<ModelFile> openHfFolder(const std::string& folder) { return Opening(folder).open(); }

}  // namespace lemma
