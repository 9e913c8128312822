#include "engine/api/engine.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>

#include "engine/model.h"
#include "engine/sample/sampler.h"
#include "engine/schedule/answer_stream.h"
#include "engine/schedule/prompt_builder.h"
#include "engine/schedule/sequence_pool.h"

namespace lemma {

namespace {

using Clock = std::chrono::steady_clock;
double msSince(Clock::time_point t) { return std::chrono::duration<double, std::milli>(Clock::now() - t).count(); }

// Rows up to this many are one kernel family (goldens: bitwise class), so answers that are generated side by side
// are the same bits as alone. Longer stretches are prompts and run by themselves.
constexpr int kDecodeRows = 8;
constexpr int kPromptChunk = 256;  // rows between two looks at cancel flags and progress events

// Room that a thought must leave for the answer and the tokens that lead to it.
int answerRoom(int context) { return std::min(context / 4, 1024); }

struct Running {
  RequestId id{};
  ChatRequest request;
  Engine::Sink sink;
  BuiltPrompt prompt;
  std::unique_ptr<SamplerChain> sampler;
  std::unique_ptr<AnswerStream> stream;
  SeqId seq{};
  bool hasSequence = false;
  std::vector<Token> held;     // what the cache holds
  std::vector<Token> pending;  // what the model must read before the next token is drawn
  int cached = 0, drawn = 0;
  Clock::time_point started = Clock::now(), promptDone, thoughtDone, firstToken;
  bool promptRead = false, thoughtOver = false;
};

}  // namespace

const char* name(StopReason reason) {
  switch (reason) {
    case StopReason::end:
      return "end";
    case StopReason::stop:
      return "stop";
    case StopReason::length:
      return "length";
    case StopReason::context:
      return "context";
    case StopReason::cancelled:
      return "cancelled";
    case StopReason::error:
      return "error";
  }
  return "error";
}

struct Engine::Impl {
  std::unique_ptr<Model> model;
  std::unique_ptr<PromptBuilder> builder;
  std::unique_ptr<SequencePool> pool;
  std::vector<std::unique_ptr<Running>> running;
  uint64_t lastId = 0;
  CancelFlag stopForward{false};
  Batch batch;          // reused from step to step
  int batchRows = 512;  // LoadOptions::batch of the loaded model
  bool promptTurn = true;

  // Wishes from other threads, taken at the start of each step.
  std::mutex wishesMutex;
  std::vector<RequestId> cancelled, answerNow;
  std::vector<RequestId> inForward;  // whose rows are being computed: a cancel of one of them cuts the pass short

  void finish(Running& r, StopReason reason);
  void failWith(Running& r, Error error);
  void release(Running& r);
  void takeWishes();
  bool begin(Running& r);
  void draw(Running& r, std::span<float> logits);
  void remove(const Running* r);
};

Engine::Engine() : impl_(std::make_unique<Impl>()) {}
Engine::~Engine() { unload(); }

const Model* Engine::model() const { return impl_->model.get(); }
Model* Engine::model() { return impl_->model.get(); }

Result<ModelInfo> Engine::load(const LoadOptions& options, const std::function<void(LoadProgress)>& progress,
                               std::stop_token stop) {
  LEMMA_TRY(model, Model::load(options, progress, stop));
  std::unique_ptr<PromptBuilder> builder;
  if (model->tokenizer() && !options.vocabularyOnly) {
    LEMMA_TRY(made, PromptBuilder::make(*model));
    builder = std::move(made);
  }
  unload();
  ModelInfo info = model->info();
  if (builder) info.templateNotice = builder->notice();
  impl_->model = std::move(model);
  impl_->builder = std::move(builder);
  impl_->pool = std::make_unique<SequencePool>(*impl_->model);
  impl_->batchRows = std::max(1, options.batch);
  return info;
}

void Engine::unload() {
  while (!impl_->running.empty()) impl_->finish(*impl_->running.front(), StopReason::cancelled);
  impl_->pool.reset();
  impl_->builder.reset();
  impl_->model.reset();
}

RequestId Engine::start(ChatRequest request, Sink sink) {
  auto r = std::make_unique<Running>();
  r->id = RequestId{++impl_->lastId};
  r->request = std::move(request);
  r->sink = std::move(sink);
  const RequestId id = r->id;
  impl_->running.push_back(std::move(r));
  return id;
}

void Engine::cancel(RequestId id) {
  std::lock_guard lock(impl_->wishesMutex);
  impl_->cancelled.push_back(id);
  if (std::find(impl_->inForward.begin(), impl_->inForward.end(), id) != impl_->inForward.end())
    impl_->stopForward = true;
}

void Engine::endThought(RequestId id) {
  std::lock_guard lock(impl_->wishesMutex);
  impl_->answerNow.push_back(id);
}

Result<int> Engine::countTokens(const ChatRequest& request) const {
  if (!impl_->builder) return fail(Err::notFound, "No model is loaded.");
  LEMMA_TRY(prompt, impl_->builder->build(request, impl_->model->info().contextSize));
  return int(prompt.tokens.size());
}

void Engine::Impl::remove(const Running* r) {
  std::erase_if(running, [r](const auto& p) { return p.get() == r; });
}

void Engine::Impl::release(Running& r) {
  if (!r.hasSequence) return;
  r.hasSequence = false;
  pool->giveBack(r.seq, std::move(r.held));
}

void Engine::Impl::failWith(Running& r, Error error) {
  if (r.stream) r.stream->flush();
  release(r);
  const Sink sink = std::move(r.sink);
  remove(&r);
  sink(Failed{std::move(error)});
}

void Engine::Impl::finish(Running& r, StopReason reason) {
  if (r.stream) r.stream->flush();
  const auto now = Clock::now();
  Finished f{.reason = reason, .contextSize = model->info().contextSize};
  f.promptTokens = int(r.prompt.tokens.size());
  f.cachedTokens = r.cached;
  f.turnsLeftOut = r.prompt.turnsLeftOut;
  f.contextUsed = int(r.held.size());
  f.seed = r.sampler ? r.sampler->seed() : r.request.sampling.seed;
  f.totalMs = msSince(r.started);
  if (r.stream) {
    f.thinkTokens = r.stream->thinkTokens();
    f.answerTokens = r.stream->answerTokens();
  }
  if (r.promptRead) {
    const double promptMs = std::chrono::duration<double, std::milli>(r.promptDone - r.started).count();
    f.ttftMs = std::chrono::duration<double, std::milli>(r.firstToken - r.started).count();
    if (promptMs > 0) f.promptTps = (f.promptTokens - f.cachedTokens) * 1000.0 / promptMs;
    const double genMs = std::chrono::duration<double, std::milli>(now - r.promptDone).count();
    if (genMs > 0) f.genTps = r.drawn * 1000.0 / genMs;
    if (f.thinkTokens > 0) {
      f.thinkMs =
          std::chrono::duration<double, std::milli>((r.thoughtOver ? r.thoughtDone : now) - r.promptDone).count();
    }
  }
  release(r);
  const Sink sink = std::move(r.sink);
  remove(&r);
  sink(f);
}

void Engine::Impl::takeWishes() {
  std::vector<RequestId> toCancel, toAnswer;
  {
    std::lock_guard lock(wishesMutex);
    toCancel.swap(cancelled);
    toAnswer.swap(answerNow);
    stopForward = false;
  }
  auto find = [this](RequestId id) -> Running* {
    for (auto& r : running) {
      if (r->id == id) return r.get();
    }
    return nullptr;
  };
  for (RequestId id : toAnswer) {
    if (Running* r = find(id); r && r->stream) {
      r->stream->endThought();
    } else if (r) {
      std::lock_guard lock(wishesMutex);
      answerNow.push_back(id);  // its prompt is not built yet: ask again at the next step
    }
  }
  for (RequestId id : toCancel) {
    if (Running* r = find(id)) finish(*r, StopReason::cancelled);
  }
}

// Builds the prompt and finds the longest part of it that the cache already holds. False when the request ended.
bool Engine::Impl::begin(Running& r) {
  if (!builder) {
    const std::string why = model ? model->withoutTokenizer() : "";
    failWith(r, why.empty() ? Error{Err::notFound, "No model is loaded."}
                            : Error{Err::unsupported, model->info().path + " cannot chat: " + why + "."});
    return false;
  }
  const int context = model->info().contextSize;
  auto built = builder->build(r.request, context);
  if (!built) {
    failWith(r, built.error());
    return false;
  }
  r.prompt = std::move(*built);
  const int left = context - int(r.prompt.tokens.size());
  AnswerLimits limits{.contextTokens = left};
  const int mostThought = std::max(1, left - answerRoom(context));
  limits.thinkTokens =
      r.request.think.kind == ThinkBudget::Kind::max ? mostThought : std::min(r.request.think.tokens, mostThought);
  limits.answerTokens = r.request.maxAnswerTokens > 0 ? r.request.maxAnswerTokens : std::numeric_limits<int>::max();
  r.stream = std::make_unique<AnswerStream>(*model->tokenizer(), r.prompt, builder->closeThought(r.prompt), limits,
                                            r.request.stop, r.sink);
  r.sampler = std::make_unique<SamplerChain>(r.request.sampling, model->info().vocabulary);

  const SequencePool::Lease lease = pool->take(r.prompt.tokens);
  r.seq = lease.seq;
  r.hasSequence = true;
  r.cached = lease.cached;
  r.held.assign(r.prompt.tokens.begin(), r.prompt.tokens.begin() + lease.cached);
  r.pending.assign(r.prompt.tokens.begin() + lease.cached, r.prompt.tokens.end());
  for (Token t : r.prompt.tokens) r.sampler->accept(t);
  r.sink(PromptProgress{lease.cached, int(r.prompt.tokens.size()), lease.cached, r.prompt.turnsLeftOut});
  return true;
}

void Engine::Impl::draw(Running& r, std::span<float> logits) {
  if (!r.promptRead) {
    r.promptRead = true;
    r.promptDone = Clock::now();
    r.stream->begin();
  }
  if (r.stream->mustGoOn()) {
    for (Token t : model->tokenizer()->endOfGeneration()) logits[size_t(t)] = -std::numeric_limits<float>::infinity();
  }
  const Token token = r.sampler->sample(logits);
  r.sampler->accept(token);
  if (r.drawn++ == 0) r.firstToken = Clock::now();
  AnswerStream::Next next = r.stream->accept(token);
  if (!r.thoughtOver && r.stream->thinkTokens() > 0 && !r.stream->inThink()) {
    r.thoughtOver = true;
    r.thoughtDone = Clock::now();
  }
  if (next.finished) {
    finish(r, next.reason);
  } else {
    r.pending = std::move(next.feed);
  }
}

bool Engine::step() {
  Impl& d = *impl_;
  d.takeWishes();
  for (size_t i = 0; i < d.running.size();) {
    Running& r = *d.running[i];
    if (r.stream || d.begin(r)) ++i;
  }
  if (d.running.empty()) return false;

  // Answers in progress go first, side by side; a prompt that waits gets every other pass to itself.
  std::vector<Running*> now;
  int rows = 0;
  for (auto& r : d.running) {
    const int n = int(r->pending.size());
    if (n <= kDecodeRows && rows + n <= kDecodeRows) {
      now.push_back(r.get());
      rows += n;
    }
  }
  const auto prompt =
      std::find_if(d.running.begin(), d.running.end(), [](auto& r) { return r->pending.size() > size_t(kDecodeRows); });
  if (prompt != d.running.end() && (now.empty() || d.promptTurn)) {
    now.assign(1, prompt->get());
  }
  d.promptTurn = !d.promptTurn;

  d.batch.clear();
  for (Running* r : now) {
    const int n = std::min<int>(int(r->pending.size()), std::min(kPromptChunk, d.batchRows));
    for (int i = 0; i < n; ++i) {
      const bool last = i + 1 == int(r->pending.size());
      d.batch.add(r->pending[size_t(i)], int32_t(r->held.size()) + i, r->seq, last);
    }
  }
  {
    std::lock_guard lock(d.wishesMutex);
    d.inForward.clear();
    for (Running* r : now) d.inForward.push_back(r->id);
  }
  auto logits = d.model->forward(d.batch, d.stopForward);
  {
    std::lock_guard lock(d.wishesMutex);
    d.inForward.clear();
  }
  if (!logits) {
    for (Running* r : now) d.model->truncate(r->seq, int(r->held.size()));
    if (logits.error().code == Err::cancelled)
      return true;  // who cancelled is taken out at the next step, the others go on
    if (logits.error().code == Err::contextFull && d.pool->evictOne()) return true;
    for (Running* r : now) d.failWith(*r, logits.error());
    return !d.running.empty();
  }
  int row = 0, at = 0;
  for (Running* r : now) {
    int n = 0;
    while (at + n < d.batch.size() && d.batch.seq[size_t(at + n)] == r->seq) ++n;
    r->held.insert(r->held.end(), r->pending.begin(), r->pending.begin() + n);
    r->pending.erase(r->pending.begin(), r->pending.begin() + n);
    at += n;
    if (r->pending.empty()) {
      d.draw(*r, logits->mutableRow(row++));
    } else {
      r->sink(PromptProgress{int(r->held.size()), int(r->prompt.tokens.size()), r->cached, r->prompt.turnsLeftOut});
    }
  }
  return !d.running.empty();
}

}  // namespace lemma
