#include "engine/schedule/executor.h"

#include <algorithm>

#include "engine/blocks/graph.h"

namespace lemma {

Executor::Executor(const ModelGraph& model, const Hparams& hparams, std::vector<std::unique_ptr<Backend>> devices,
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
  GraphBuilder g(hparams_.embedding, hparams_.vocabulary, bucket, {});
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

Result<void> Executor::prepare(const KvLayout& layout, const OnWeight& onWeight) {
  onWeight_ = onWeight;
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
      if (!buffer.host) it->second.host.resize(size_t(bucket.wanted) * size_t(hparams_.vocabulary));
    }
    head = it->second.buffer;
    const size_t count = size_t(bucket.wanted) * size_t(hparams_.vocabulary);
    made.logits = {head.host ? reinterpret_cast<float*>(head.host) : it->second.host.data(), count};
    made.deviceLogits = contiguous(head, 0, Type::F32, {hparams_.vocabulary, bucket.wanted});
  }
  for (const Segment& s : segments_) {
    GraphBuilder g(hparams_.embedding, hparams_.vocabulary, bucket,
                   {.arena = s.arena,
                    .head = head,
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

Result<void> Executor::passOn(const Segment& from, const Segment& to, int rows) {
  staging_.resize(size_t(maxRows_) * size_t(hparams_.embedding));
  const auto residual = [&](BufferRef buf) { return contiguous(buf, 0, Type::F32, {hparams_.embedding, rows}); };
  const TensorView host =
      residual({.bytes = staging_.size() * sizeof(float), .host = reinterpret_cast<std::byte*>(staging_.data())});
  LEMMA_TRY(out, from.backend->copy(host, residual(from.arena), {}));
  LEMMA_CHECK(from.backend->wait(out, kNoDeadline));
  LEMMA_TRY(in, to.backend->copy(residual(to.arena), host, {}));
  return to.backend->wait(in, kNoDeadline);
}

Result<std::span<float>> Executor::run(const StepData& step, const CancelFlag& cancel) {
  LEMMA_TRY(v, variant(bucketFor(step.rows, step.wanted)));
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (i > 0) LEMMA_CHECK(passOn(segments_[i - 1], segments_[i], step.rows));
    LEMMA_TRY(fence, segments_[i].backend->submit(*v->programs[i], step, {}, cancel));
    LEMMA_CHECK(segments_[i].backend->wait(fence, kNoDeadline));
  }
  if (step.wanted == 0) return std::span<float>{};
  const auto count = size_t(step.wanted) * size_t(hparams_.vocabulary);
  if (!v->deviceLogits.buf.host) {
    const TensorView host =
        contiguous({.bytes = count * sizeof(float), .host = reinterpret_cast<std::byte*>(v->logits.data())}, 0,
                   Type::F32, {hparams_.vocabulary, step.wanted});
    TensorView device = v->deviceLogits;
    device.ne[1] = step.wanted;
    LEMMA_TRY(fence, segments_.back().backend->copy(host, device, {}));
    LEMMA_CHECK(segments_.back().backend->wait(fence, kNoDeadline));
  }
  return v->logits.first(count);
}

std::vector<DeviceInfo> Executor::devices() const {
  std::vector<DeviceInfo> out;
  for (const auto& d : devices_) out.push_back(d->info());
  return out;
}

}  // namespace lemma
