#include "engine/schedule/executor.h"

#include <algorithm>

#include "engine/blocks/graph.h"

namespace lemma {
namespace {

// Numbers of buffers that a graph names before it is known which device has them.
constexpr uint32_t kArena = ~0u, kHead = ~0u - 1;
constexpr uint32_t kPools = 1u << 31;  // keys of a layer, then its values

// Pools of that many layers as a graph names them.
std::vector<TensorView> namesOfPools(int layers, uint32_t first) {
  std::vector<TensorView> out;
  for (int i = 0; i < layers; ++i) {
    TensorView view;
    view.buf.id = kPools + 2 * uint32_t(i) + first;
    view.rank = 4;
    out.push_back(view);
  }
  return out;
}

bool isNamed(const TensorView& v) { return v.buf.id >= kPools; }

}  // namespace

Executor::Executor(const ModelGraph& model, const Hparams& hparams, std::vector<std::shared_ptr<Backend>> devices,
                   Placement placement, int maxRows)
    : model_(model),
      hparams_(hparams),
      placement_(std::move(placement)),
      maxRows_(maxRows),
      devices_(std::move(devices)) {}

Executor::~Executor() {
  for (const auto& [backend, buf] : buffers_) backend->release(buf);
}

RowBucket Executor::bucketFor(int rows, int wanted) const {
  const auto size = [&](int n) { return n == 0 ? 0 : n <= kFewRows && maxRows_ > kFewRows ? kFewRows : maxRows_; };
  return {.rows = size(rows), .wanted = size(wanted), .fewest = size(rows) > kFewRows ? kFewRows + 1 : 0};
}

Result<PassPlan> Executor::planFor(RowBucket bucket) const {
  const auto k = namesOfPools(hparams_.layers, 0);
  const auto v = hasValues_ ? namesOfPools(hparams_.layers, 1) : std::vector<TensorView>(size_t(hparams_.layers));
  GraphBuilder g(hparams_.embedding, hparams_.vocabulary, bucket,
                 {.arena = {.id = kArena}, .head = {.id = kHead}, .keepHidden = keepHidden_, .kPools = k, .vPools = v});
  g.beginStage();
  model_.embed(g);
  for (int layer = 0; layer < hparams_.layers; ++layer) {
    g.beginStage();
    model_.layer(g, layer);
  }
  g.beginStage();
  if (bucket.wanted > 0) model_.head(g);
  LEMMA_TRY(ops, placeOps(g, placement_));
  return planPass(std::move(ops), g.activations(), int(devices_.size()), keepHidden_ && bucket.wanted > 0);
}

// Stages use the same memory one after another. Addresses they do not share, so that what a device keeps to itself
// never seems to be read by another stage.
Executor::Layout Executor::layOut(const PassPlan& plan, std::vector<bool> inMemory) const {
  Layout l{.inMemory = std::move(inMemory), .offset = std::vector<uint64_t>(plan.activations.size())};
  uint64_t always = 0, used = 0;
  int stage = Activation::kEveryStage;
  for (size_t i = 0; i < plan.activations.size(); ++i) {
    const Activation& a = plan.activations[i];
    if (!l.inMemory[i]) {
      l.offset[i] = l.addresses;
      l.addresses += a.bytes;
    } else if (a.buf.id == kHead) {
      l.offset[i] = a.off;
      l.head = std::max(l.head, a.off + a.bytes);
    } else {
      if (a.stage != stage) used = always;
      stage = a.stage;
      l.offset[i] = used;
      used += a.bytes;
      if (stage == Activation::kEveryStage) always = used;
      l.arena = std::max(l.arena, used);
    }
  }
  return l;
}

Result<BufferRef> Executor::allocate(Backend& backend, uint64_t bytes, Usage usage) {
  if (bytes == 0) return BufferRef{};
  const Space space = backend.info().hostMemory ? Space::host : Space::device;
  LEMMA_TRY(buf, backend.alloc(bytes, space, usage));
  buffers_.emplace_back(&backend, buf);
  if (usage == Usage::activations) bytes_ += bytes;
  return buf;
}

Result<TensorView> Executor::prepareWeight(Backend& backend, const TensorView& file) {
  auto& known = prepared_[&backend];
  if (const auto it = known.find(file.data()); it != known.end()) return it->second;
  LEMMA_TRY(view, backend.prepare(file));
  known.emplace(file.data(), view);
  if (onWeight_) LEMMA_CHECK(onWeight_(uint64_t(file.nb[file.rank - 1]) * uint64_t(file.ne[file.rank - 1])));
  return view;
}

// Puts in the place of what the graph names what the device has.
Result<void> Executor::bind(Op& op, int stage, const PassPlan& plan, const Layout& layout, const Memory& memory,
                            Backend& backend) {
  const auto bindView = [&](TensorView& view) -> Result<void> {
    if (view.empty()) return {};
    if (const auto i = plan.activationOf(view, stage)) {
      view.off = view.off - plan.activations[*i].off + layout.offset[*i];
      const bool head = view.buf.id == kHead;
      view.buf = !layout.inMemory[*i] ? memory.addresses : head ? memory.head : memory.arena;
    } else if (isNamed(view)) {
      const uint32_t pool = view.buf.id - kPools;
      view = (pool % 2 == 0 ? pools_.k() : pools_.v())[pool / 2];
    } else {
      LEMMA_TRY(prepared, prepareWeight(backend, view));
      view = prepared;
    }
    return {};
  };
  for (TensorView& in : op.in) LEMMA_CHECK(bindView(in));
  for (TensorView& out : op.out) LEMMA_CHECK(bindView(out));
  for (auto& file : op.experts) {
    if (!file) continue;
    auto set = std::make_shared<ExpertSet>(*file);
    for (auto* views : {&set->experts, &set->biases}) {
      for (size_t e = 0; e < views->size(); ++e) {
        if (!op.elsewhere || !(*op.elsewhere)[e]) LEMMA_CHECK(bindView((*views)[e]));
      }
    }
    file = std::move(set);
  }
  return {};
}

Result<std::vector<std::unique_ptr<Program>>> Executor::compile(const PassPlan& plan, std::span<const Layout> layouts,
                                                                std::span<const Memory> memory, RowBucket bucket) {
  std::vector<std::unique_ptr<Program>> programs;
  for (const PassPlan::Run& run : plan.runs) {
    const auto d = size_t(run.device);
    std::vector<Op> ops;
    for (size_t i = run.first; i < run.end; ++i) {
      ops.push_back(plan.ops[i].op);
      LEMMA_CHECK(bind(ops.back(), plan.ops[i].stage, plan, layouts[d], memory[d], *devices_[d]));
    }
    LEMMA_TRY(program, devices_[d]->compile(ops, bucket));
    programs.push_back(std::move(program));
  }
  return programs;
}

// [device][activation]: what runs write, and what is brought to a device.
std::vector<std::vector<bool>> Executor::written(const PassPlan& plan,
                                                 std::span<const std::unique_ptr<Program>> programs) const {
  std::vector<std::vector<bool>> out(devices_.size(), std::vector<bool>(plan.activations.size()));
  out[size_t(plan.firstDevice)][PassPlan::kResidual] = true;
  for (size_t r = 0; r < plan.runs.size(); ++r) {
    const PassPlan::Run& run = plan.runs[r];
    for (const PassPlan::Move& m : run.moves) out[size_t(m.to)][m.activation] = true;
    for (size_t i = run.first; i < run.end; ++i) {
      if (!programs[r]->writes(i - run.first)) continue;
      for (const TensorView& view : plan.ops[i].op.out) {
        if (const auto a = plan.activationOf(view, plan.ops[i].stage)) out[size_t(run.device)][*a] = true;
      }
    }
  }
  return out;
}

// Finds out which activations the devices' programs write, by compiling them over addresses alone.
Result<std::vector<Executor::Layout>> Executor::settle(const PassPlan& plan, RowBucket bucket) {
  const bool asked = std::ranges::all_of(devices_, [](const auto& d) { return d->info().hostMemory; });
  std::vector<std::vector<bool>> needed(devices_.size(), std::vector<bool>(plan.activations.size(), !asked));
  for (;;) {
    std::vector<Layout> layouts;
    for (const auto& n : needed) layouts.push_back(layOut(plan, n));
    if (!asked) return layouts;
    const size_t kept = buffers_.size();
    std::vector<Memory> memory;
    for (size_t d = 0; d < devices_.size(); ++d) {
      LEMMA_TRY(arena, allocate(*devices_[d], layouts[d].arena, Usage::addresses));
      LEMMA_TRY(addresses, allocate(*devices_[d], layouts[d].addresses, Usage::addresses));
      LEMMA_TRY(head, allocate(*devices_[d], layouts[d].head, Usage::addresses));
      memory.push_back({arena, addresses, head});
    }
    LEMMA_TRY(programs, compile(plan, layouts, memory, bucket));
    for (; buffers_.size() > kept; buffers_.pop_back()) buffers_.back().first->release(buffers_.back().second);
    // What lies elsewhere may be fused otherwise: once more, until nothing is written that has no memory.
    auto more = needed;
    const auto now = written(plan, programs);
    for (size_t d = 0; d < devices_.size(); ++d) {
      for (size_t a = 0; a < more[d].size(); ++a) more[d][a] = more[d][a] || now[d][a];
    }
    if (more == needed) return layouts;
    needed = std::move(more);
  }
}

Result<void> Executor::prepare(const KvLayout& layout, const OnWeight& onWeight, bool keepHidden) {
  onWeight_ = onWeight;
  keepHidden_ = keepHidden;
  hasValues_ = layout.vDim > 0;
  LEMMA_TRY(few, planFor(bucketFor(1, 1)));
  std::vector<Backend*> backendOfLayer(size_t(hparams_.layers), devices_.front().get());
  for (const PlacedOp& o : few.ops) {
    if (o.op.kind == OpKind::kvWrite) {
      backendOfLayer[(o.op.out[0].buf.id - kPools) / 2] = devices_[size_t(o.device)].get();
    }
  }
  LEMMA_CHECK(pools_.allocate(layout, backendOfLayer));
  std::vector<std::pair<RowBucket, Variant>> variants;
  std::vector<Layout> most(devices_.size());
  for (const RowBucket bucket : {bucketFor(1, 1), bucketFor(maxRows_, 0), bucketFor(maxRows_, 1)}) {
    LEMMA_TRY(plan, planFor(bucket));
    LEMMA_TRY(layouts, settle(plan, bucket));
    for (size_t d = 0; d < devices_.size(); ++d) {
      most[d].arena = std::max(most[d].arena, layouts[d].arena);
      most[d].addresses = std::max(most[d].addresses, layouts[d].addresses);
    }
    Variant v;
    v.plan = std::move(plan);
    v.layouts = std::move(layouts);
    variants.emplace_back(bucket, std::move(v));
  }
  for (size_t d = 0; d < devices_.size(); ++d) {
    LEMMA_TRY(arena, allocate(*devices_[d], most[d].arena, Usage::activations));
    LEMMA_TRY(addresses, allocate(*devices_[d], most[d].addresses, Usage::addresses));
    memory_.push_back({arena, addresses, {}});
  }
  for (auto& [bucket, v] : variants) {
    const auto key = std::pair(bucket.rows, bucket.wanted);
    if (variants_.contains(key)) continue;
    LEMMA_CHECK(build(v, bucket));
    variants_.emplace(key, std::move(v));
  }
  onWeight_ = {};
  return {};
}

Result<Executor::Variant*> Executor::variant(RowBucket bucket) {
  const auto key = std::pair(bucket.rows, bucket.wanted);
  if (const auto it = variants_.find(key); it != variants_.end()) return &it->second;
  Variant made;
  LEMMA_TRY(plan, planFor(bucket));
  LEMMA_TRY(layouts, settle(plan, bucket));
  made.plan = std::move(plan);
  made.layouts = std::move(layouts);
  LEMMA_CHECK(build(made, bucket));
  return &variants_.emplace(key, std::move(made)).first->second;
}

// Gives the devices of a planned variant their memory, and compiles it.
Result<void> Executor::build(Variant& v, RowBucket bucket) {
  v.memory = memory_;
  Head* const head = bucket.wanted > 0 ? &heads_[bucket.wanted] : nullptr;
  for (size_t d = 0; d < devices_.size(); ++d) {
    const Layout& l = v.layouts[d];
    Backend& backend = *devices_[d];
    Memory& m = v.memory[d];
    if (l.arena > m.arena.bytes) {
      LEMMA_TRY(arena, allocate(backend, l.arena, Usage::activations));
      m.arena = arena;
    }
    if (l.addresses > m.addresses.bytes) {
      LEMMA_TRY(addresses, allocate(backend, l.addresses, Usage::addresses));
      m.addresses = addresses;
    }
    if (l.head == 0) continue;
    if (!head->buffers.contains(int(d))) {
      LEMMA_TRY(buffer, allocate(backend, l.head, Usage::activations));
      head->buffers.emplace(int(d), buffer);
    }
    m.head = head->buffers[int(d)];
  }
  LEMMA_TRY(programs, compile(v.plan, v.layouts, v.memory, bucket));
  v.programs = std::move(programs);
  v.plan.ops = {};  // the programs have their own
  if (head) showHead(v, *head, bucket);
  return {};
}

// Where the program sees what the head made.
void Executor::showHead(Variant& v, Head& head, RowBucket bucket) const {
  const BufferRef& buffer = v.memory[size_t(v.plan.lastDevice)].head;
  if (!buffer.host) head.host.resize(buffer.bytes / sizeof(float));
  float* const host = buffer.host ? reinterpret_cast<float*>(buffer.host) : head.host.data();
  const auto seen = [&](const TensorView& view) {
    return std::span<float>(host + view.off / sizeof(float), size_t(view.ne[0]) * size_t(view.ne[1]));
  };
  v.deviceLogits = viewOf(v, PassPlan::kLogits, v.plan.lastDevice, bucket.wanted);
  v.logits = seen(v.deviceLogits);
  if (!keepHidden_) return;
  v.deviceHidden = viewOf(v, PassPlan::kHidden, v.plan.lastDevice, bucket.wanted);
  v.hidden = seen(v.deviceHidden);
}

TensorView Executor::viewOf(const Variant& v, size_t activation, int device, int rows) const {
  const Activation& a = v.plan.activations[activation];
  const Memory& m = v.memory[size_t(device)];
  return contiguous(a.buf.id == kHead ? m.head : m.arena, v.layouts[size_t(device)].offset[activation], Type::F32,
                    {a.width, rows});
}

Result<void> Executor::move(const Variant& v, const PassPlan::Move& m, const StepData& step) {
  const int rows = v.plan.activations[m.activation].wanted ? step.wanted : step.rows;
  const TensorView from = viewOf(v, m.activation, m.from, rows), to = viewOf(v, m.activation, m.to, rows);
  Backend &source = *devices_[size_t(m.from)], &target = *devices_[size_t(m.to)];
  TensorView host = from;
  if (!from.buf.host) {
    const size_t numbers = size_t(from.ne[0]) * size_t(from.ne[1]);
    if (staging_.size() < numbers) staging_.resize(numbers);
    host = contiguous({.bytes = numbers * sizeof(float), .host = reinterpret_cast<std::byte*>(staging_.data())}, 0,
                      Type::F32, {from.ne[0], from.ne[1]});
    LEMMA_TRY(out, source.copy(host, from, {}));
    LEMMA_CHECK(source.wait(out, kNoDeadline));
  }
  LEMMA_TRY(in, target.copy(to, host, {}));
  return target.wait(in, kNoDeadline);
}

// What the head made, from where the program cannot read it.
Result<void> Executor::fetch(const TensorView& device, int lastDevice, std::byte* host) {
  if (device.buf.host) return {};
  TensorView to = device;
  to.buf = {.bytes = uint64_t(device.nb[1]) * uint64_t(device.ne[1]), .host = host};
  to.off = 0;
  Backend& backend = *devices_[size_t(lastDevice)];
  LEMMA_TRY(fence, backend.copy(to, device, {}));
  return backend.wait(fence, kNoDeadline);
}

Result<std::span<float>> Executor::run(const StepData& step, const CancelFlag& cancel,
                                       std::span<const float> residual) {
  LEMMA_TRY(v, variant(bucketFor(step.rows, step.wanted)));
  if (!residual.empty()) {
    auto* const bytes = reinterpret_cast<std::byte*>(const_cast<float*>(residual.data()));  // read only
    Backend& first = *devices_[size_t(v->plan.firstDevice)];
    const TensorView from =
        contiguous({.bytes = residual.size_bytes(), .host = bytes}, 0, Type::F32, {hparams_.embedding, step.rows});
    LEMMA_TRY(fence, first.copy(viewOf(*v, PassPlan::kResidual, v->plan.firstDevice, step.rows), from, {}));
    LEMMA_CHECK(first.wait(fence, kNoDeadline));
  }
  for (size_t i = 0; i < v->programs.size(); ++i) {
    const PassPlan::Run& run = v->plan.runs[i];
    for (const PassPlan::Move& m : run.moves) LEMMA_CHECK(move(*v, m, step));
    Backend& backend = *devices_[size_t(run.device)];
    LEMMA_TRY(fence, backend.submit(*v->programs[i], step, {}, cancel));
    LEMMA_CHECK(backend.wait(fence, kNoDeadline));
  }
  hidden_ = {};
  if (step.wanted == 0) return std::span<float>{};
  const auto wanted = [&](TensorView device, std::span<float> host) -> Result<std::span<float>> {
    device.ne[1] = step.wanted;
    LEMMA_CHECK(fetch(device, v->plan.lastDevice, reinterpret_cast<std::byte*>(host.data())));
    return host.first(size_t(step.wanted) * size_t(device.ne[0]));
  };
  if (keepHidden_) {
    LEMMA_TRY(hidden, wanted(v->deviceHidden, v->hidden));
    hidden_ = hidden;
  }
  return wanted(v->deviceLogits, v->logits);
}

std::vector<DeviceInfo> Executor::devices() const {
  std::vector<DeviceInfo> out;
  for (const auto& d : devices_) out.push_back(d->info());
  return out;
}

}  // namespace lemma
