#include "engine/model.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "engine/memory/kv_cache.h"
#include "engine/memory/weights.h"
#include "engine/model_file/model_file.h"
#include "engine/model_info.h"
#include "engine/models/model_arch.h"
#include "engine/schedule/executor.h"
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
  constexpr std::pair<std::string_view, Type> kTypes[] = {{"f16", Type::F16}, {"q8_0", Type::Q8_0}, {"f32", Type::F32}};
  for (const auto& [text, type] : kTypes) {
    if (name == text) return type;
  }
  return fail(Err::badValue, "the cache type " + quotedName(name) + " is none of f16, q8_0 and f32");
}

Result<const ModelArch*> archOf(const ModelHeader& header) {
  LEMMA_TRY(name, header.str("general.architecture"));
  for (const ModelArch* arch : modelArchTable()) {
    if (arch->ggufName == name) return arch;
  }
  return fail(Err::unsupported, "the architecture " + quotedName(name) + " is not one that this build can run");
}

Result<std::unique_ptr<Backend>> makeBackend(const LoadOptions& options) {
  const BackendEntry* entry = backendEntry(options.backend);
  if (entry)
    return entry->make({.threads = options.threads, .promptThreads = options.promptThreads, .target = options.target});
  std::string known;
  for (const BackendEntry& e : backendList()) known += (known.empty() ? "" : ", ") + std::string(e.name);
  return fail(Err::notFound, "there is no backend " + quotedName(options.backend) + "; this build has " + known);
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
  std::unique_ptr<WeightStore> weights;
  std::unique_ptr<ModelGraph> graph;
  std::unique_ptr<Executor> executor;  // null where only the vocabulary was loaded
  std::optional<KvCache> cache;
  int maxRows = 0;

  // The step's arrays, kept so that a token allocates nothing.
  struct Running {
    SeqId seq{};
    int before = 0, next = 0;  // length in the cache, and with the rows so far
  };
  std::vector<Running> running;
  std::vector<PageCopy> copies;
  std::vector<int32_t> tokens, seqOfRow, pageTable, wantedRows;

  Result<void> loadWeights(const LoadOptions& options, const std::function<void(LoadProgress)>& progress,
                           std::stop_token stop);
  Result<void> readRows(const Batch& batch);
  Result<void> reserve();
  Result<LogitsView> forward(const Batch& batch, const CancelFlag& cancel);
  Error notFinite() const;
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
    m.cache.emplace(0, kPageTokens, 0);
    return {};
  };
  if (auto loaded = load(); !loaded) return fail(loaded.error().code, options.path + ": " + loaded.error().what);
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
  weights = std::make_unique<WeightStore>(file);
  LEMMA_TRY(bound, arch->bind(hparams, *weights));
  graph = std::move(bound);

  const int pages = (info.contextSize + kPageTokens - 1) / kPageTokens + kSparePages;
  const KvLayout layout{.type = kvType,
                        .headDim = hparams.kv.keyDim,
                        .vDim = hparams.kv.valueDim,
                        .kvHeads = hparams.kv.heads,
                        .pageTokens = kPageTokens,
                        .pages = pages};
  LEMMA_CHECK(checkFitsMemory(layout, hparams.layers, info.contextSize));
  maxRows = options.batch;

  std::vector<std::unique_ptr<Backend>> devices(1);
  LEMMA_TRY(backend, makeBackend(options));
  devices[0] = options.observer ? observed(std::move(backend), *options.observer) : std::move(backend);
  const Placement everythingThere{std::vector<int>(size_t(hparams.layers) + 2, 0)};
  executor = std::make_unique<Executor>(*graph, hparams, std::move(devices), everythingThere, maxRows);
  uint64_t done = 0, total = 0;
  for (const ModelTensor& t : file.header.tensors) total += t.bytes;
  LEMMA_CHECK(executor->prepare(layout, [&](uint64_t bytes) -> Result<void> {
    if (stop.stop_requested()) return fail(Err::cancelled, "loading was cancelled");
    done = std::min(total, done + bytes);
    if (progress) progress({done, total});
    return {};
  }));
  cache.emplace(pages, kPageTokens, info.contextSize);

  running.reserve(size_t(maxRows));
  for (auto* rows : {&tokens, &seqOfRow, &wantedRows}) rows->reserve(size_t(maxRows));
  pageTable.reserve(size_t(cache->pagesOfOneSequence()) * size_t(Executor::kFewRows));
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

SeqId Model::newSequence() { return impl_->cache->create(); }
void Model::truncate(SeqId seq, int length) { impl_->cache->truncate(seq, length); }
void Model::drop(SeqId seq) { impl_->cache->drop(seq); }
int Model::length(SeqId seq) const { return impl_->cache->length(seq); }
Result<SeqId> Model::fork(SeqId seq, int length) { return impl_->cache->fork(seq, length); }

std::vector<DeviceInfo> Model::devices() const {
  return impl_->executor ? impl_->executor->devices() : std::vector<DeviceInfo>{};
}
uint64_t Model::privateBytes() const { return impl_->executor ? impl_->executor->bytes() : 0; }

// Checks every row and finds the sequences of the batch.
Result<void> Model::Impl::readRows(const Batch& batch) {
  const size_t rows = batch.token.size();
  if (rows == 0 || batch.pos.size() != rows || batch.seq.size() != rows || batch.wantLogits.size() != rows) {
    return fail(Err::badValue, "a batch needs rows, and each of them a token, a position, a sequence and a wish");
  }
  if (rows > size_t(maxRows)) {
    return fail(Err::badValue, "a batch of " + std::to_string(rows) + " rows, but the model was loaded for " +
                                   std::to_string(maxRows));
  }
  running.clear();
  tokens.clear();
  seqOfRow.clear();
  wantedRows.clear();
  size_t at = 0;  // rows of a sequence mostly stand together
  for (size_t r = 0; r < rows; ++r) {
    const int token = int(batch.token[r]);
    if (token < 0 || token >= hparams.vocabulary) {
      return fail(Err::badValue, "the token " + std::to_string(token) + " is outside the vocabulary of " +
                                     std::to_string(hparams.vocabulary));
    }
    const SeqId seq = batch.seq[r];
    if (at >= running.size() || running[at].seq != seq) {
      const auto known = std::ranges::find(running, seq, &Running::seq);
      at = size_t(known - running.begin());
      if (known == running.end()) {
        if (!cache->contains(seq)) return fail(Err::badValue, "there is no sequence " + std::to_string(int(seq)));
        running.push_back({seq, cache->length(seq), cache->length(seq)});
      }
    }
    if (batch.pos[r] != running[at].next) {
      return fail(Err::badValue, "position " + std::to_string(batch.pos[r]) + " does not follow on the " +
                                     std::to_string(running[at].next) + " positions of its sequence");
    }
    ++running[at].next;
    tokens.push_back(token);
    seqOfRow.push_back(int32_t(at));
    if (batch.wantLogits[r]) wantedRows.push_back(int32_t(r));
  }
  return {};
}

// Finds room for the new positions and lays down the page table.
Result<void> Model::Impl::reserve() {
  copies.clear();
  Result<void> status;
  for (const Running& r : running) {
    if (status) status = cache->reserve(r.seq, r.next, copies);
  }
  // Also where there was no room for all: the sequences that found it hold their new pages already.
  if (!copies.empty()) LEMMA_CHECK(executor->copyPages(copies));
  if (!status) return status;
  const auto stride = size_t(cache->pagesOfOneSequence());
  pageTable.assign(running.size() * stride, -1);
  for (size_t i = 0; i < running.size(); ++i) {
    std::ranges::copy(cache->pages(running[i].seq), pageTable.begin() + ptrdiff_t(i * stride));
  }
  return {};
}

// Nothing can be sampled from such numbers, and the person should know which file to fetch again.
Error Model::Impl::notFinite() const {
  constexpr uint64_t kMostRead = uint64_t(8) << 30;
  const std::string_view name = weights->notFinite(kMostRead);
  return {Err::badValue, "the model computes numbers that are not finite" +
                             (name.empty() ? std::string() : "; the tensor " + quotedName(name) + " holds such")};
}

Result<LogitsView> Model::Impl::forward(const Batch& batch, const CancelFlag& cancel) {
  LEMMA_CHECK(readRows(batch));
  const auto step = [&]() -> Result<std::span<float>> {
    LEMMA_CHECK(reserve());
    return executor->run({.rows = int32_t(tokens.size()),
                          .wanted = int32_t(wantedRows.size()),
                          .tokens = tokens.data(),
                          .pos = batch.pos.data(),
                          .seqOfRow = seqOfRow.data(),
                          .pageTable = pageTable.data(),
                          .pageTableStride = cache->pagesOfOneSequence(),
                          .wantedRows = wantedRows.data()},
                         cancel);
  };
  auto logits = step();
  if (logits && !std::all_of(logits->begin(), logits->end(), [](float x) { return std::isfinite(x); })) {
    logits = tl::unexpected(notFinite());
  }
  for (const Running& r : running) {
    if (logits) {
      cache->commit(r.seq, r.next);
    } else {
      cache->truncate(r.seq, r.before);  // as if the step had not been
    }
  }
  if (!logits) return tl::unexpected(std::move(logits).error());
  return LogitsView{*logits, hparams.vocabulary};
}

Result<LogitsView> Model::forward(const Batch& batch, const CancelFlag& cancel) {
  if (!impl_->executor) return fail(Err::unsupported, "only the vocabulary of this model was loaded");
  return impl_->forward(batch, cancel);
}

}  // namespace lemma
