#include "engine/api/engine.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>

#include "engine/model.h"
#include "engine/park/parked_folder.h"
#include "engine/park/parked_read.h"
#include "engine/park/parking.h"
#include "engine/sample/sampler.h"
#include "engine/schedule/answer_stream.h"
#include "engine/schedule/pass_planner.h"
#include "engine/schedule/prompt_builder.h"
#include "engine/schedule/sequence_pool.h"
#include "engine/speculate/draft_layer_proposer.h"
#include "engine/speculate/draft_model_proposer.h"
#include "engine/speculate/ngram_proposer.h"
#include "engine/speculate/speculator.h"

namespace lemma {

namespace {

using Clock = std::chrono::steady_clock;
double msSince(Clock::time_point t) { return std::chrono::duration<double, std::milli>(Clock::now() - t).count(); }

constexpr int kDecodeRows = PassPlanner::kDecodeRows;

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
  std::vector<Token> text;                 // prompt and answer as the model reads them
  int held = 0;                            // so many of them the cache holds; the rest is read before the next draw
  std::unique_ptr<Speculator> speculator;  // null where nothing is guessed
  std::unique_ptr<ParkedRead> reading;     // while what is parked of the prompt is brought back
  int cached = 0, drawn = 0, guessed = 0, accepted = 0, computed = 0;
  Clock::time_point started = Clock::now(), promptDone, thoughtDone, firstToken;
  bool promptRead = false, thoughtOver = false;
  bool forgotten = false;  // nothing of it is to be parked
  bool gaveWay = false;    // its part of the cache is others' until one of them ends; then its text is read again

  int pending() const { return int(text.size()) - held; }
  // So many of them are read as a prompt: an answer that is read again is read as it was generated.
  int pendingPrompt() const {
    const int end = promptRead ? int(prompt.tokens.size()) : int(text.size());
    return end - held > kDecodeRows ? end - held : 0;
  }
};

// What one request has in a pass.
struct Share {
  Running* running = nullptr;
  int rows = 0;                     // of its text
  std::span<const Token> guesses;   // and behind it
  int firstWanted = 0, wanted = 0;  // its rows among those with logits
};

}  // namespace

struct Engine::Impl {
  std::unique_ptr<Model> model, draftModel;
  std::unique_ptr<PromptBuilder> builder;
  std::unique_ptr<SequencePool> pool, draftPool;
  std::unique_ptr<Parking> parking;
  std::function<std::unique_ptr<Proposer>()> proposer;
  StepCost cost;
  std::vector<std::unique_ptr<Running>> running;
  uint64_t lastId = 0;
  CancelFlag stopForward{false};  // since a cancel until it is taken: nobody waits for a pass to end that is not theirs
  PassPlanner planner;
  Batch batch;  // reused from step to step, as the shares
  std::vector<Share> shares;
  std::vector<PassPlanner::Waiting> waiting;
  int batchRows = 512;  // LoadOptions::batch of the loaded model

  // Wishes from other threads, taken at the start of each step.
  std::mutex wishesMutex;
  std::vector<RequestId> alive, cancelled, answerNow;

  void finish(Running& r, StopReason reason);
  void failWith(Running& r, Error error);
  void release(Running& r);
  std::function<void()> toPark(const Running& r, StopReason reason);
  void bringBack(Running& r);
  void takeWishes();
  bool wishesWait();
  bool begin(Running& r);
  Result<std::unique_ptr<Speculator>> speculatorFor(const ChatRequest& request);
  void lease(Running& r, int toCompute);
  void plan();
  bool makeRoom();
  void guess();
  Result<LogitsView> forward(bool withGuesses);
  void verify(const Share& share, const LogitsView& logits);
  void readHidden(const Share& share, const LogitsView& logits, int before);
  bool draw(Running& r, std::span<float> logits);
  void remove(const Running* r);
};

namespace {

// The model that guesses for `model`, on the same threads and with the same context.
Result<std::unique_ptr<Model>> loadDraftModel(const LoadOptions& options, const Model& model, std::stop_token stop) {
  LoadOptions own = options;
  own.path = options.draftModel;
  own.context = model.info().contextSize;
  own.draft = false;
  own.observer = nullptr;
  LEMMA_TRY(draft, Model::load(own, {}, stop));
  if (!model.tokenizer() || !draft->tokenizer()) {
    const Model& without = model.tokenizer() ? *draft : model;
    return fail(Err::unsupported, own.path + " cannot guess: " + without.info().path + " has no tokenizer (" +
                                      without.withoutTokenizer() + ")");
  }
  LEMMA_CHECK(sameVocabulary(*model.tokenizer(), *draft->tokenizer(), own.path));
  return draft;
}

}  // namespace

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
  std::unique_ptr<Model> draftModel;
  if (!options.draftModel.empty() && !options.vocabularyOnly) {
    LEMMA_TRY(loaded, loadDraftModel(options, *model, stop));
    draftModel = std::move(loaded);
  }
  unload();
  ModelInfo info = model->info();
  if (builder) info.templateNotice = builder->notice();
  impl_->model = std::move(model);
  impl_->builder = std::move(builder);
  impl_->pool = std::make_unique<SequencePool>(*impl_->model);
  if (draftModel) {
    impl_->draftModel = std::move(draftModel);
    impl_->draftPool = std::make_unique<SequencePool>(*impl_->draftModel);
  }
  if (options.parking.quotaBytes == 0 && !options.parking.folder.empty()) clearParked(options.parking.folder);
  if (options.parking.quotaBytes > 0 && !options.parking.folder.empty() && impl_->builder)
    impl_->parking = std::make_unique<Parking>(options.parking, impl_->model->cacheShape());
  impl_->proposer = options.proposer;
  impl_->batchRows = std::max(1, options.batch);
  return info;
}

void Engine::unload() {
  while (!impl_->running.empty()) impl_->finish(*impl_->running.front(), StopReason::cancelled);
  impl_->parking.reset();
  impl_->pool.reset();
  impl_->draftPool.reset();
  impl_->builder.reset();
  impl_->draftModel.reset();
  impl_->model.reset();
  impl_->cost = {};
  impl_->planner = {};
}

RequestId Engine::start(ChatRequest request, Sink sink) {
  auto r = std::make_unique<Running>();
  r->id = RequestId{++impl_->lastId};
  r->request = std::move(request);
  r->sink = std::move(sink);
  const RequestId id = r->id;
  impl_->running.push_back(std::move(r));
  std::lock_guard lock(impl_->wishesMutex);
  impl_->alive.push_back(id);
  return id;
}

void Engine::cancel(RequestId id) {
  std::lock_guard lock(impl_->wishesMutex);
  if (std::ranges::find(impl_->alive, id) == impl_->alive.end()) return;
  impl_->cancelled.push_back(id);
  impl_->stopForward = true;
}

void Engine::endThought(RequestId id) {
  std::lock_guard lock(impl_->wishesMutex);
  impl_->answerNow.push_back(id);
}

void Engine::forget(const std::string& conversation) {
  for (const auto& r : impl_->running) {
    if (r->request.conversation == conversation) r->forgotten = true;
  }
  if (impl_->parking) impl_->parking->forget(conversation);
}

void Engine::flushParked() {
  if (impl_->parking) impl_->parking->flush();
}

Result<int> Engine::countTokens(const ChatRequest& request) const {
  if (!impl_->builder) return fail(Err::notFound, "No model is loaded.");
  LEMMA_TRY(prompt, impl_->builder->build(request, impl_->model->info().contextSize));
  return int(prompt.tokens.size());
}

void Engine::Impl::remove(const Running* r) {
  {
    std::lock_guard lock(wishesMutex);
    std::erase(alive, r->id);
  }
  std::erase_if(running, [r](const auto& p) { return p.get() == r; });
  for (const auto& other : running) other->gaveWay = false;  // there may be room again
}

void Engine::Impl::release(Running& r) {
  if (!r.hasSequence) return;
  r.hasSequence = false;
  r.reading.reset();
  r.speculator.reset();
  model->truncate(r.seq, r.held);  // guesses behind it are no text
  pool->giveBack(r.seq, std::span(r.text).first(size_t(r.held)));
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
  Finished f{.reason = reason, .contextSize = model ? model->info().contextSize : 0};
  f.promptTokens = int(r.prompt.tokens.size());
  f.cachedTokens = r.cached;
  f.turnsLeftOut = r.prompt.turnsLeftOut;
  f.contextUsed = r.held;
  f.guessedTokens = r.guessed;
  f.acceptedTokens = r.accepted;
  f.computedTokens = r.computed;
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
  const auto park = toPark(r, reason);
  release(r);
  const Sink sink = std::move(r.sink);
  remove(&r);
  sink(f);
  park();
}

// What is to be done for the disk behind the last event: it copies pages, and the answer should not wait for that.
std::function<void()> Engine::Impl::toPark(const Running& r, StopReason reason) {
  if (!parking || !r.hasSequence || r.forgotten) return [] {};
  // The next turn goes on from the person's words: a thought, and the answer behind it, is never read again unless the
  // answer goes on.
  const bool over = reason == StopReason::end || reason == StopReason::stop;
  const bool thoughtOf = r.stream && r.stream->thinkTokens() > 0;
  const size_t useful = over && thoughtOf ? std::min(size_t(r.held), r.prompt.tokens.size()) : size_t(r.held);
  const auto held = model->fork(r.seq, int(useful));
  if (!held) return [] {};
  return [this, seq = *held, tokens = std::vector<Token>(r.text.begin(), r.text.begin() + ptrdiff_t(useful)),
          conversation = r.request.conversation] {
    parking->park(tokens, conversation,
                  [&](int page, std::span<std::byte> out) { return model->readPage(seq, page, out); });
    model->drop(seq);
  };
}

// A piece of what is parked of the prompt comes back into the cache.
void Engine::Impl::bringBack(Running& r) {
  constexpr std::chrono::milliseconds kPiece{20};
  if (!r.reading->step(kPiece, [this] { return pool->evictOne(); })) r.reading.reset();
  r.cached = r.held = model->length(r.seq);
  r.sink(PromptProgress{r.held, int(r.prompt.tokens.size()), r.cached, r.prompt.turnsLeftOut});
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

bool Engine::Impl::wishesWait() {
  std::lock_guard lock(wishesMutex);
  return !cancelled.empty() || !answerNow.empty();
}

Result<std::unique_ptr<Speculator>> Engine::Impl::speculatorFor(const ChatRequest& request) {
  using enum Speculation;
  std::vector<std::unique_ptr<Proposer>> proposers;
  if (request.speculate == off) return nullptr;
  if (proposer) {
    proposers.push_back(proposer());
    return std::make_unique<Speculator>(std::move(proposers), Speculator::Rule::always);
  }
  if (request.speculate != draft) proposers.push_back(std::make_unique<NgramProposer>());
  if (request.speculate != ngram) {
    if (draftModel) {
      proposers.push_back(std::make_unique<DraftModelProposer>(*draftModel, *draftPool, model->info().vocabulary,
                                                               std::min(PassPlanner::kPromptChunk, batchRows),
                                                               stopForward));
    } else if (Stepper* const layer = model->draft()) {
      proposers.push_back(
          std::make_unique<DraftLayerProposer>(*layer, model->info().embedding, batchRows, stopForward));
    } else if (request.speculate == draft) {
      return fail(Err::unsupported,
                  model->info().path + " has no layer that guesses ahead, and no draft model was loaded beside it");
    }
  }
  return std::make_unique<Speculator>(std::move(proposers), Speculator::Rule::wherePays);
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
  auto speculator = speculatorFor(r.request);
  if (!speculator) {
    failWith(r, speculator.error());
    return false;
  }
  r.speculator = std::move(*speculator);
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

  // A prompt is computed as if nothing of it were known, so that the answer is the same; an answer that goes on, as if
  // it had not stopped.
  const bool continues = !r.request.continueThink.empty() || !r.request.continueAnswer.empty();
  const int toCompute = continues ? 1 : model->leastPromptRows();
  r.text.reserve(size_t(context) + size_t(kDecodeRows));
  r.text = r.prompt.tokens;
  lease(r, toCompute);
  r.cached = r.held;
  for (Token t : r.prompt.tokens) r.sampler->accept(t);
  if (parking) {
    const size_t most = r.text.size() - std::min(r.text.size(), size_t(toCompute));
    r.reading = ParkedRead::begin(*parking, *model, r.seq, std::span(r.text).first(most), r.held);
    r.cached = r.held = model->length(r.seq);
  }
  r.sink(PromptProgress{r.held, int(r.prompt.tokens.size()), r.cached, r.prompt.turnsLeftOut});
  return true;
}

// Draws the token that follows the text, and what the model reads next becomes text. False when the request ended.
bool Engine::Impl::draw(Running& r, std::span<float> logits) {
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
  const AnswerStream::Next next = r.stream->accept(token);
  if (!r.thoughtOver && r.stream->thinkTokens() > 0 && !r.stream->inThink()) {
    r.thoughtOver = true;
    r.thoughtDone = Clock::now();
  }
  if (next.finished) {
    finish(r, next.reason);
    return false;
  }
  r.text.insert(r.text.end(), next.feed.begin(), next.feed.end());
  return true;
}

// A sequence that holds what is known of the text but for its last tokens.
void Engine::Impl::lease(Running& r, int toCompute) {
  const SequencePool::Lease lease = pool->take(r.text, toCompute);
  r.seq = lease.seq;
  r.hasSequence = true;
  r.held = lease.cached;
}

void Engine::Impl::plan() {
  waiting.clear();
  for (const auto& r : running) {
    if (!r->hasSequence && !r->gaveWay) {
      lease(*r, 1);
      // As it was read the first time: the prompt's end by a prompt's pass.
      const int end = int(r->prompt.tokens.size()), most = std::max(0, end - kDecodeRows - 1);
      if (r->held < end && r->held > most) model->truncate(r->seq, r->held = most);
    }
    waiting.push_back({uint64_t(r->id), r->pending(), r->pendingPrompt(), r->gaveWay || r->reading});
  }
  shares.clear();
  for (const PassPlanner::Piece& p : planner.plan(waiting, batchRows)) {
    shares.push_back({.running = running[p.index].get(), .rows = p.rows});
  }
}

// Where the cache has no more pages: the beginnings that nobody reads just now are given up, then the youngest request
// gives way to the others until one of them ends. False where there is only one.
bool Engine::Impl::makeRoom() {
  if (pool->evictOne()) return true;
  Running* youngest = nullptr;
  int count = 0;
  for (const auto& r : running) {
    if (!r->hasSequence) continue;
    ++count;
    youngest = r.get();
  }
  if (count < 2) return false;
  release(*youngest);
  youngest->gaveWay = true;
  return true;
}

// Fills the pass up with guesses, as far as its rows stay within one family of kernels.
void Engine::Impl::guess() {
  int rows = 0, draws = 0;
  for (const Share& s : shares) {
    rows += s.rows;
    draws += s.rows == s.running->pending();
  }
  for (Share& s : shares) {
    Running& r = *s.running;
    if (!r.speculator || !r.promptRead || s.rows < r.pending()) continue;
    const int room = std::min({kDecodeRows - rows, batchRows - rows, model->info().contextSize - int(r.text.size())});
    s.guesses = r.speculator->guess(r.text, room, cost, {.rows = rows, .draws = draws});
    rows += int(s.guesses.size());
  }
}

Result<LogitsView> Engine::Impl::forward(bool withGuesses) {
  batch.clear();
  int wanted = 0;
  for (Share& s : shares) {
    const Running& r = *s.running;
    if (!withGuesses) s.guesses = {};
    const int end = int(r.text.size());
    // Eight wanted rows are computed to the same bits as one.
    const int wantedFrom = r.speculator && r.speculator->readsHidden() ? end - Proposer::kHiddenRows : end - 1;
    s.firstWanted = wanted;
    s.wanted = 0;
    for (int i = r.held; i < r.held + s.rows; ++i) {
      batch.add(r.text[size_t(i)], i, r.seq, i >= wantedFrom);
      s.wanted += i >= wantedFrom;
    }
    for (size_t i = 0; i < s.guesses.size(); ++i) batch.add(s.guesses[i], end + int(i), r.seq, true);
    s.wanted += int(s.guesses.size());
    wanted += s.wanted;
  }
  const auto started = Clock::now();
  auto logits = model->forward(batch, stopForward);
  if (logits && batch.size() <= kDecodeRows) cost.took(batch.size(), msSince(started));
  if (logits && batch.size() > kDecodeRows) planner.tookPrompt(batch.size(), msSince(started));
  return logits;
}

// Takes what the pass has computed for one request, and draws from it as long as the guesses agree with what was drawn.
void Engine::Impl::verify(const Share& s, const LogitsView& logits) {
  Running& r = *s.running;
  const int before = r.held;
  const auto guesses = int(s.guesses.size());
  r.held += s.rows;
  r.computed += s.rows + guesses;
  r.guessed += guesses;
  if (r.pending() > 0) {
    readHidden(s, logits, before);
    if (!r.promptRead) r.sink(PromptProgress{r.held, int(r.prompt.tokens.size()), r.cached, r.prompt.turnsLeftOut});
    return;
  }
  // The next turn goes on from the person's words, without the thought that follows here.
  if (!r.promptRead) pool->keep(r.seq, std::span(r.text).first(size_t(r.held)));
  const int row = s.firstWanted + s.wanted - guesses - 1;  // of the text's last token
  for (int right = 0; draw(r, logits.mutableRow(row + right));) {
    const std::span<const Token> fed = std::span<const Token>(r.text).subspan(size_t(r.held));
    const std::span<const Token> left = s.guesses.subspan(size_t(right));
    // What comes next may be told to end the answer or its thought here: that is done between two passes.
    const bool goesOn = fed.size() <= left.size() && std::equal(fed.begin(), fed.end(), left.begin()) && !wishesWait();
    if (!goesOn) {
      model->truncate(r.seq, r.held);
      readHidden(s, logits, before);
      return;
    }
    right += int(fed.size());
    r.held += int(fed.size());
    r.accepted += int(fed.size());
  }
}

// Hidden states of what the pass has read of the text, from its first wanted row on.
void Engine::Impl::readHidden(const Share& s, const LogitsView& logits, int before) {
  Running& r = *s.running;
  const int rows = s.rows + int(s.guesses.size()), first = before + rows - s.wanted, kept = r.held - first;
  if (kept <= 0 || !r.speculator || !r.speculator->readsHidden()) return;
  const auto width = size_t(model->info().embedding);
  r.speculator->read(first, logits.hidden.subspan(size_t(s.firstWanted) * width, size_t(kept) * width));
}

bool Engine::step() {
  Impl& d = *impl_;
  d.takeWishes();
  for (size_t i = 0; i < d.running.size();) {
    Running& r = *d.running[i];
    if (r.stream || d.begin(r)) ++i;
  }
  if (d.running.empty()) return false;

  for (const auto& r : d.running) {
    if (r->reading) d.bringBack(*r);
  }
  d.plan();
  if (d.shares.empty()) return true;
  d.guess();
  auto logits = d.forward(true);
  const auto guessed = [](const Share& s) { return !s.guesses.empty(); };
  if (!logits && logits.error().code != Err::cancelled && std::ranges::any_of(d.shares, guessed)) {
    logits = d.forward(false);  // what is wrong with guesses, or has no room, need not be wrong with the text
  }
  if (!logits) {
    for (const Share& s : d.shares) d.model->truncate(s.running->seq, s.running->held);
    if (logits.error().code == Err::cancelled)
      return true;  // who cancelled is taken out at the next step, the others go on
    if (logits.error().code == Err::contextFull && d.makeRoom()) return true;
    for (const Share& s : d.shares) d.failWith(*s.running, logits.error());
    return !d.running.empty();
  }
  for (const Share& s : d.shares) d.verify(s, *logits);
  return !d.running.empty();
}

}  // namespace lemma
