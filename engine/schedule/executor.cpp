#include "engine/schedule/executor.h"

#include <algorithm>

#include "engine/blocks/graph.h"

namespace lemma {

Executor::Executor(const ModelGraph& model, const Hparams& hparams, std::vector<std::shared_ptr<Backend>> devices,
                   const Placement& placement, int maxRows)
    : model_(model), hparams_(hparams), maxRows_(maxRows), devices_(std::move(devices)) {
  for (int stage = 0; stage < stages(); ++stage) {
    Backend* backend = devices_[size_t(placement.deviceOfStage[size_t(stage)])].get();
    if (segments_.empty() || segments_.back().backend != backend) {
      segments_.push_back({.backend = backend, .firstStage = stage});
    }
    segments_.back().lastStage = stage;
    if (stage > 0 && stage <= hparams_.layers) backendOfLayer_.push_back(backend);
  }
}

Executor::~Executor() {
  for (const auto& [backend, buf] : buffers_) backend->release(buf);
}

RowBucket Executor::bucketFor(int rows, int wanted) const {
  const auto size = [&](int n) { return n == 0 ? 0 : n <= kFewRows && maxRows_ > kFewRows ? kFewRows : maxRows_; };
  return {size(rows), size(wanted)};
}

void Executor::build(GraphBuilder& g, const Segment& s, bool withHead) const {
  for (int stage = s.firstStage; stage <= s.lastStage; ++stage) {
    g.beginStage();
    if (stage == 0) {
      model_.embed(g);
    } else if (stage <= hparams_.layers) {
      model_.layer(g, stage - 1);
    } else if (withHead) {
      model_.head(g);
    }
  }
}

Executor::Sizes Executor::sizesOf(const Segment& s, RowBucket bucket) const {
  GraphBuilder g(hparams_.embedding, hparams_.vocabulary, bucket, {.keepHidden = keepHidden_});
  build(g, s, bucket.wanted > 0);
  return {g.arenaBytes(), g.headBytes()};
}

Result<BufferRef> Executor::allocate(Backend& backend, uint64_t bytes) {
  const Space space = backend.info().hostMemory ? Space::host : Space::device;
  LEMMA_TRY(buf, backend.alloc(bytes, space, Usage::activations));
  buffers_.emplace_back(&backend, buf);
  bytes_ += bytes;
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

Result<void> Executor::prepare(const KvLayout& layout, const OnWeight& onWeight, bool keepHidden) {
  onWeight_ = onWeight;
  keepHidden_ = keepHidden;
  LEMMA_CHECK(pools_.allocate(layout, backendOfLayer_));
  for (Segment& s : segments_) {
    LEMMA_TRY(arena, allocate(*s.backend, sizesOf(s, {maxRows_, maxRows_}).arena));
    s.arena = arena;
  }
  for (const RowBucket bucket : {bucketFor(1, 1), bucketFor(maxRows_, 0), bucketFor(maxRows_, 1)}) {
    LEMMA_CHECK(variant(bucket));
  }
  onWeight_ = {};
  return {};
}

Result<Executor::Variant*> Executor::variant(RowBucket bucket) {
  const auto key = std::pair(bucket.rows, bucket.wanted);
  if (const auto it = variants_.find(key); it != variants_.end()) return &it->second;

  Variant made;
  Backend& last = *segments_.back().backend;
  BufferRef head;
  if (bucket.wanted > 0) {
    auto it = heads_.find(bucket.wanted);
    if (it == heads_.end()) {
      LEMMA_TRY(buffer, allocate(last, sizesOf(segments_.back(), bucket).head));
      it = heads_.emplace(bucket.wanted, Head{buffer, {}}).first;
      if (!buffer.host) it->second.host.resize(buffer.bytes / sizeof(float));
    }
    head = it->second.buffer;
    GraphBuilder g(hparams_.embedding, hparams_.vocabulary, bucket, {.head = head, .keepHidden = keepHidden_});
    float* const host = head.host ? reinterpret_cast<float*>(head.host) : it->second.host.data();
    const auto seen = [&](const TensorView& v) {
      return std::span<float>(host + v.off / sizeof(float), size_t(v.ne[0]) * size_t(v.ne[1]));
    };
    made.deviceLogits = g.logits();
    made.logits = seen(made.deviceLogits);
    if (keepHidden_) {
      made.deviceHidden = g.hidden();
      made.hidden = seen(made.deviceHidden);
    }
  }
  for (const Segment& s : segments_) {
    GraphBuilder g(hparams_.embedding, hparams_.vocabulary, bucket,
                   {.arena = s.arena,
                    .head = head,
                    .keepHidden = keepHidden_,
                    .kPools = pools_.k(),
                    .vPools = pools_.v(),
                    .prepare = [&](const TensorView& file) { return prepareWeight(*s.backend, file); }});
    build(g, s, bucket.wanted > 0);
    LEMMA_TRY(ops, g.take());
    LEMMA_TRY(program, s.backend->compile(ops, bucket));
    made.programs.push_back(std::move(program));
  }
  return &variants_.emplace(key, std::move(made)).first->second;
}

TensorView Executor::residualOf(BufferRef buf, int rows) const {
  return contiguous(buf, 0, Type::F32, {hparams_.embedding, rows});
}

Result<void> Executor::passOn(const Segment& from, const Segment& to, int rows) {
  staging_.resize(size_t(maxRows_) * size_t(hparams_.embedding));
  const TensorView host = residualOf(
      {.bytes = staging_.size() * sizeof(float), .host = reinterpret_cast<std::byte*>(staging_.data())}, rows);
  LEMMA_TRY(out, from.backend->copy(host, residualOf(from.arena, rows), {}));
  LEMMA_CHECK(from.backend->wait(out, kNoDeadline));
  LEMMA_TRY(in, to.backend->copy(residualOf(to.arena, rows), host, {}));
  return to.backend->wait(in, kNoDeadline);
}

// What the head made, from where the program cannot read it.
Result<void> Executor::fetch(const TensorView& device, std::byte* host) {
  if (device.buf.host) return {};
  TensorView to = device;
  to.buf = {.bytes = uint64_t(device.nb[1]) * uint64_t(device.ne[1]), .host = host};
  to.off = 0;
  LEMMA_TRY(fence, segments_.back().backend->copy(to, device, {}));
  return segments_.back().backend->wait(fence, kNoDeadline);
}

Result<std::span<float>> Executor::run(const StepData& step, const CancelFlag& cancel,
                                       std::span<const float> residual) {
  LEMMA_TRY(v, variant(bucketFor(step.rows, step.wanted)));
  if (!residual.empty()) {
    auto* const bytes = reinterpret_cast<std::byte*>(const_cast<float*>(residual.data()));  // read only
    Backend& first = *segments_.front().backend;
    LEMMA_TRY(fence, first.copy(residualOf(segments_.front().arena, step.rows),
                                residualOf({.bytes = residual.size_bytes(), .host = bytes}, step.rows), {}));
    LEMMA_CHECK(first.wait(fence, kNoDeadline));
  }
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (i > 0) LEMMA_CHECK(passOn(segments_[i - 1], segments_[i], step.rows));
    LEMMA_TRY(fence, segments_[i].backend->submit(*v->programs[i], step, {}, cancel));
    LEMMA_CHECK(segments_[i].backend->wait(fence, kNoDeadline));
  }
  hidden_ = {};
  if (step.wanted == 0) return std::span<float>{};
  const auto wanted = [&](TensorView device, std::span<float> host) -> Result<std::span<float>> {
    device.ne[1] = step.wanted;
    LEMMA_CHECK(fetch(device, reinterpret_cast<std::byte*>(host.data())));
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
