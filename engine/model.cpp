#include "engine/model.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "engine/experts/available_memory.h"
#include "engine/experts/expert_cache.h"
#include "engine/memory/weights.h"
#include "engine/model_file/model_file.h"
#include "engine/model_info.h"
#include "engine/models/model_arch.h"
#include "engine/park/cache_identity.h"
#include "engine/schedule/stepper.h"
#include "engine/tokenizer/tokenizer.h"
#include "kernels/api/backend_list.h"
#include "kernels/observe/observing_backend.h"

namespace lemma {
namespace {

constexpr int kPageTokens = 64;
constexpr int kSparePages = 8;  // for sequences that end within a page, and for forks
constexpr int kDefaultContext = 8192;
constexpr int kMostRows = 16'384;

Result<Type> kvTypeOf(const std::string& name) {
  constexpr std::pair<std::string_view, Type> kTypes[] = {
      {"f16", Type::F16}, {"q8_0", Type::Q8_0}, {"fp8", Type::F8_E4M3}, {"f32", Type::F32}};
  for (const auto& [text, type] : kTypes) {
    if (name == text) return type;
  }
  return fail(Err::badValue, "the cache type " + quotedName(name) + " is none of f16, q8_0, fp8 and f32");
}

Result<const ModelArch*> archOf(const ModelHeader& header) {
  LEMMA_TRY(name, header.str("general.architecture"));
  for (const ModelArch* arch : modelArchTable()) {
    if (arch->ggufName == name) return arch;
  }
  return fail(Err::unsupported, "the architecture " + quotedName(name) + " is not one that this build can run");
}

Result<std::unique_ptr<Backend>> makeBackend(const LoadOptions& options, const std::string& name, int id) {
  const BackendEntry* entry = backendEntry(name);
  if (entry)
    return entry->make({.id = DeviceId(id),
                        .threads = options.threads,
                        .promptThreads = options.promptThreads,
                        .target = options.target,
                        .work = options.work});
  std::string known;
  for (const BackendEntry& e : backendList()) known += (known.empty() ? "" : ", ") + std::string(e.name);
  return fail(Err::notFound, "there is no backend " + quotedName(name) + "; this build has " + known);
}

std::string gigabytes(uint64_t bytes) {
  const uint64_t tenths = bytes / 100'000'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GB";
}

Result<void> checkFitsMemory(const KvLayout& layout, int layers, int context) {
  const auto bytesOfLayer = layout.bytesOfLayer();
  const uint64_t machine = uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE));
  if (!bytesOfLayer || *bytesOfLayer <= machine / uint64_t(layers)) return {};
  return fail(Err::outOfMemory, "a context of " + std::to_string(context) + " tokens takes " +
                                    gigabytes(*bytesOfLayer * uint64_t(layers)) + " of cache and this machine has " +
                                    gigabytes(machine) + " of memory; a smaller context may fit");
}

// Beside the weights: the cache of keys and values, and what a pass of so many rows works on, by a generous guess.
uint64_t bytesBeside(const Hparams& h, uint64_t kvBytes, int batch) {
  constexpr uint64_t kPrograms = 64 << 20;
  return kvBytes + kPrograms + uint64_t(batch) * (24 * uint64_t(h.embedding) + uint64_t(h.feedForward)) * sizeof(float);
}

Result<bool> expertsFromDisk(const LoadOptions& options, const Hparams& h, uint64_t needed) {
  const bool can = h.experts && options.backend == "cpu";
  if (options.experts == ExpertPlace::disk && !can) {
    return fail(Err::unsupported, h.experts
                                      ? "the backend " + quotedName(options.backend) + " reads no experts from disk"
                                      : "the model has no experts that could be read from the disk");
  }
  if (options.experts != ExpertPlace::automatic) return options.experts == ExpertPlace::disk;
  const uint64_t available = availableMemory();
  return can && available > 0 && needed > available;
}

}  // namespace

void Batch::clear() {
  token.clear();
  pos.clear();
  seq.clear();
  wantLogits.clear();
}

void Batch::add(Token t, int32_t p, SeqId s, bool logits) {
  token.push_back(t);
  pos.push_back(p);
  seq.push_back(s);
  wantLogits.push_back(logits);
}

std::span<float> LogitsView::mutableRow(int i) const {
  const auto r = row(i);
  return {const_cast<float*>(r.data()), r.size()};  // the engine's own buffer, which nobody reads again
}

struct Model::Impl {
  ModelFile file;
  ModelInfo info;
  std::string chatTemplate;
  std::unique_ptr<Tokenizer> tokenizer;
  std::string withoutTokenizer;  // why there is none
  Hparams hparams;
  KvLayout layout;
  std::unique_ptr<ExpertCache> experts;  // null where they are mapped; programs use it, so they end first
  std::unique_ptr<WeightStore> weights;
  std::unique_ptr<ModelGraph> graph, draftGraph;
  std::vector<std::shared_ptr<Backend>> devices;
  std::string placedBy;           // which computes what, where a person said so
  std::optional<Stepper> layers;  // without an executor where only the vocabulary was loaded
  std::optional<Stepper> draft;   // of the layer that guesses the token after next

  Result<void> loadWeights(const LoadOptions& options, const std::function<void(LoadProgress)>& progress,
                           std::stop_token stop);
  MemoryPlan memory() const;
};

Model::Model() : impl_(std::make_unique<Impl>()) {}
Model::~Model() = default;

Result<std::unique_ptr<Model>> Model::load(const LoadOptions& options,
                                           const std::function<void(LoadProgress)>& progress, std::stop_token stop) {
  LEMMA_TRY(file, openModel(options.path));
  std::unique_ptr<Model> model(new Model);
  Impl& m = *model->impl_;
  m.file = std::move(file);
  const auto load = [&]() -> Result<void> {
    auto tokenizer = Tokenizer::of(m.file);
    if (tokenizer) {
      m.tokenizer = std::move(*tokenizer);
    } else if (tokenizer.error().code == Err::notFound) {
      m.withoutTokenizer = tokenizer.error().what;
    } else {
      return tl::unexpected(tokenizer.error());
    }
    LEMMA_TRY(chatTemplate, m.file.header.strOr("tokenizer.chat_template", ""));
    m.chatTemplate = std::move(chatTemplate);
    m.info = describeModel(options.path, m.file, m.tokenizer.get());
    if (!options.vocabularyOnly) return m.loadWeights(options, progress, stop);
    m.layers.emplace(nullptr, KvCache(0, kPageTokens, 0), Hparams{}, 0, false);
    return {};
  };
  const auto loaded = load();
  LEMMA_CHECK(m.file.intact());
  if (!loaded) return fail(loaded.error().code, options.path + ": " + loaded.error().what);
  return model;
}

Result<void> Model::Impl::loadWeights(const LoadOptions& options, const std::function<void(LoadProgress)>& progress,
                                      std::stop_token stop) {
  if (options.batch < 1 || options.batch > kMostRows) {
    return fail(Err::badValue,
                "a batch has 1 to " + std::to_string(kMostRows) + " rows, not " + std::to_string(options.batch));
  }
  if (options.context < 0)
    return fail(Err::badValue, "the context cannot be " + std::to_string(options.context) + " tokens");
  LEMMA_TRY(kvType, kvTypeOf(options.kvType));
  if (file.unfit) return tl::unexpected(*file.unfit);
  LEMMA_TRY(arch, archOf(file.header));
  LEMMA_TRY(numbers, arch->readHparams(file.header));
  hparams = numbers;
  if (tokenizer && tokenizer->size() > hparams.vocabulary) {
    return fail(Err::badValue, "the tokenizer has " + std::to_string(tokenizer->size()) +
                                   " tokens, but token_embd.weight holds " + std::to_string(hparams.vocabulary));
  }
  info.contextSize = std::min(options.context ? options.context : kDefaultContext, hparams.contextTrained);
  hparams.context = info.contextSize;
  const int pages = (info.contextSize + kPageTokens - 1) / kPageTokens + kSparePages;
  layout = {.type = kvType,
            .headDim = hparams.kv.keyDim,
            .vDim = hparams.kv.valueDim,
            .kvHeads = hparams.kv.heads,
            .pageTokens = kPageTokens,
            .pages = pages};
  const uint64_t beside =
      bytesBeside(hparams, layout.bytesOfLayer().value_or(0) * uint64_t(hparams.layers + 1), options.batch);
  LEMMA_TRY(fromDisk, expertsFromDisk(options, hparams, file.bytes + beside));
  if (fromDisk) experts = std::make_unique<ExpertCache>(file);
  weights = std::make_unique<WeightStore>(file, experts.get());
  LEMMA_TRY(bound, arch->bind(hparams, *weights));
  graph = std::move(bound);
  if (options.draft && hparams.draftLayers > 0 && arch->bindDraft) {
    LEMMA_TRY(boundDraft, arch->bindDraft(hparams, *weights));
    draftGraph = std::move(boundDraft);
  }

  LEMMA_CHECK(checkFitsMemory(layout, hparams.layers + (draftGraph ? 1 : 0), info.contextSize));

  if (experts && experts->bytes() == 0) {
    if (options.experts == ExpertPlace::disk) {
      return fail(Err::unsupported, "the model has no experts that could be read from the disk");
    }
    experts.reset();
  }
  if (experts) {
    const uint64_t others = beside + (file.bytes - std::min(file.bytes, experts->bytes()));
    const uint64_t available = availableMemory(), slack = available / 16;
    const uint64_t left = available - std::min(available, others + slack);
    LEMMA_CHECK(experts->start(options.expertMemory ? options.expertMemory : std::max(left, experts->leastBudget())));
  }

  LEMMA_TRY(names, deviceList(options.backend));
  LEMMA_TRY(placement, placementOf(options.place, names, hparams.layers, file));
  if (options.place != "auto") placedBy = options.backend + " " + options.place;
  for (size_t i = 0; i < names.size(); ++i) {
    LEMMA_TRY(backend, makeBackend(options, names[i], int(i)));
    devices.push_back(options.observer ? observed(std::move(backend), *options.observer) : std::move(backend));
  }
  uint64_t done = 0, total = 0;
  const auto onBytes = [&](uint64_t bytes) -> Result<void> {
    if (stop.stop_requested()) return fail(Err::cancelled, "loading was cancelled");
    done = std::min(total, done + bytes);
    if (options.work) options.work->add();
    if (progress) progress({done, total});
    return {};
  };
  // Once through the files in order is far quicker than the first answer's faults here and there. Where they do not fit
  // into memory, the end would push out the beginning. It is the fetching that takes time then, and that is counted.
  const bool fetches = !experts && file.bytes + beside <= availableMemory();
  if (fetches) {
    for (const auto& f : file.files) total += f->bytes().size();
  } else {
    for (const ModelTensor& t : file.header.tensors) total += t.bytes;
  }
  const auto onWeight = [&](uint64_t bytes) { return onBytes(fetches ? 0 : bytes); };
  const auto stepperOf = [&](const ModelGraph& model, const Hparams& h, const Placement& where,
                             bool readsHidden) -> Result<Stepper> {
    auto executor = std::make_unique<Executor>(model, h, devices, where, options.batch);
    LEMMA_CHECK(executor->prepare(layout, onWeight, draftGraph != nullptr));
    return Stepper(std::move(executor), KvCache(pages, kPageTokens, info.contextSize), h, options.batch, readsHidden);
  };
  LEMMA_TRY(whole, stepperOf(*graph, hparams, placement, false));
  layers.emplace(std::move(whole));
  if (draftGraph) {
    Hparams one = hparams;
    one.layers = 1;
    const Placement besideHead{std::vector<int>(3, placement.deviceOfStage.back()), placement.weights};
    LEMMA_TRY(guessing, stepperOf(*draftGraph, one, besideHead, true));
    draft.emplace(std::move(guessing));
  }
  LEMMA_CHECK(placement.weights->allFound());
  const MemoryPlan plan = memory();
  info.memoryBytes = plan.own();
  LEMMA_CHECK(checkFits(plan, info.contextSize, availableMemory()));
  if (fetches) {
    for (const auto& f : file.files) LEMMA_CHECK(f->fetch(onBytes));
  }
  return {};
}

const ModelInfo& Model::info() const { return impl_->info; }
const ModelHeader& Model::header() const { return impl_->file.header; }
const Tokenizer* Model::tokenizer() const { return impl_->tokenizer.get(); }
const std::string& Model::withoutTokenizer() const { return impl_->withoutTokenizer; }
const std::string& Model::chatTemplateSource() const { return impl_->chatTemplate; }
WeightPlace Model::placeOf(const TensorView& weight) const {
  return impl_->weights ? impl_->weights->placeOf(weight) : WeightPlace{};
}

SeqId Model::newSequence() { return impl_->layers->cache().create(); }
void Model::truncate(SeqId seq, int length) { impl_->layers->cache().truncate(seq, length); }
void Model::drop(SeqId seq) { impl_->layers->cache().drop(seq); }
int Model::length(SeqId seq) const { return impl_->layers->cache().length(seq); }
Result<SeqId> Model::fork(SeqId seq, int length) { return impl_->layers->cache().fork(seq, length); }

Result<void> Model::readPage(SeqId seq, int index, std::span<std::byte> out) const {
  return impl_->layers->readPage(seq, index, out);
}
Result<void> Model::appendPage(SeqId seq, std::span<const std::byte> bytes, int tokens) {
  return impl_->layers->appendPage(seq, bytes, tokens);
}
CacheShape Model::cacheShape() const {
  const Executor* executor = impl_->layers->executor();
  if (!executor) return {};
  std::string computed = std::string(typeInfo(impl_->layout.type)->name) + "\n";
  for (const DeviceInfo& device : executor->devices()) computed += device.name + "\n";
  computed += impl_->placedBy;
  return {.identity = cacheIdentity(impl_->file, impl_->info.contextSize, computed),
          .type = uint32_t(impl_->layout.type),
          .layers = uint32_t(impl_->hparams.layers),
          .headDim = uint32_t(impl_->layout.headDim),
          .vDim = uint32_t(impl_->layout.vDim),
          .kvHeads = uint32_t(impl_->layout.kvHeads),
          .pageTokens = uint32_t(impl_->layout.pageTokens),
          .pageBytes = executor->pools().pageBytes()};
}

Stepper* Model::draft() { return impl_->draft ? &*impl_->draft : nullptr; }

int Model::leastPromptRows() const { return impl_->hparams.kv.valueDim > 0 ? Executor::kFewRows + 1 : 1; }

std::vector<DeviceInfo> Model::devices() const {
  const Executor* executor = impl_->layers->executor();
  return executor ? executor->devices() : std::vector<DeviceInfo>{};
}
std::optional<ExpertStats> Model::expertStats() const {
  if (!impl_->experts) return std::nullopt;
  return impl_->experts->stats();
}

MemoryPlan Model::Impl::memory() const {
  MemoryPlan plan;
  if (layers && layers->executor()) plan.mapped = file.bytes - std::min(file.bytes, experts ? experts->bytes() : 0);
  if (experts) plan.experts = experts->stats().budgetBytes;
  for (const auto* stepper : {&layers, &draft}) {
    if (!*stepper || !(*stepper)->executor()) continue;
    plan.cache += (*stepper)->executor()->pools().bytes();
    plan.buffers += (*stepper)->executor()->bufferBytes();
  }
  for (const auto& device : devices) plan.buffers += device->workBytes();
  return plan;
}

MemoryPlan Model::memory() const { return impl_->memory(); }

Result<LogitsView> Model::forward(const Batch& batch, const CancelFlag& cancel) {
  auto logits = impl_->layers->forward(batch, {}, cancel);
  LEMMA_CHECK(impl_->file.intact());
  if (!logits && logits.error().what == Stepper::kNotFinite) {  // the person should know which file to fetch again
    constexpr uint64_t kMostRead = uint64_t(8) << 30;
    const std::string_view name = impl_->weights->notFinite(kMostRead);
    if (!name.empty()) logits.error().what += "; the tensor " + quotedName(name) + " holds such";
  }
  return logits;
}

}  // namespace lemma
