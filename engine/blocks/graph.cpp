#include "engine/blocks/graph.h"

#include <algorithm>

namespace lemma {
namespace {

// Every activation starts on a cache line of its own.
uint64_t bytesOf(int64_t width, int64_t rows) {
  return (uint64_t(width) * uint64_t(rows) * sizeof(float) + 63) & ~63ull;
}

}  // namespace

GraphBuilder::GraphBuilder(int64_t embedding, int64_t vocabulary, RowBucket bucket, const GraphMemory& memory)
    : embedding_(embedding), vocabulary_(vocabulary), bucket_(bucket), memory_(memory) {
  residualBytes_ = used_ = peak_ = bytesOf(embedding, bucket.rows);
  activations_ = {{.buf = memory.arena, .bytes = residualBytes_, .width = embedding},
                  {.buf = memory.head, .bytes = hiddenOffset(), .width = vocabulary, .wanted = true}};
  if (memory.keepHidden) {
    activations_.push_back({.buf = memory.head,
                            .off = hiddenOffset(),
                            .bytes = bytesOf(embedding, bucket.wanted),
                            .width = embedding,
                            .wanted = true});
  }
}

TensorView GraphBuilder::residual() const {
  return contiguous(memory_.arena, 0, Type::F32, {embedding_, bucket_.rows});
}

TensorView GraphBuilder::place(int64_t width, bool wanted) {
  const int64_t rows = wanted ? bucket_.wanted : bucket_.rows;
  const TensorView view = contiguous(memory_.arena, used_, Type::F32, {width, rows});
  activations_.push_back({.buf = memory_.arena,
                          .off = used_,
                          .bytes = bytesOf(width, rows),
                          .width = width,
                          .wanted = wanted,
                          .stage = stage_});
  used_ += bytesOf(width, rows);
  peak_ = std::max(peak_, used_);
  return view;
}

TensorView GraphBuilder::activation(int64_t width) { return place(width, false); }

TensorView GraphBuilder::wantedActivation(int64_t width) { return place(width, true); }

TensorView GraphBuilder::ids(int64_t width) {
  TensorView view = place(width, false);
  view.type = Type::I32;  // of the same size
  return view;
}

uint64_t GraphBuilder::hiddenOffset() const { return bytesOf(vocabulary_, bucket_.wanted); }

TensorView GraphBuilder::hidden() {
  if (!memory_.keepHidden) return wantedActivation(embedding_);
  return contiguous(memory_.head, hiddenOffset(), Type::F32, {embedding_, bucket_.wanted});
}

TensorView GraphBuilder::logits() const {
  return contiguous(memory_.head, 0, Type::F32, {vocabulary_, bucket_.wanted});
}

uint64_t GraphBuilder::headBytes() const {
  return hiddenOffset() + (memory_.keepHidden ? bytesOf(embedding_, bucket_.wanted) : 0);
}

TensorView columns(const TensorView& rows, int64_t from, int64_t width) {
  TensorView v = rows;
  v.off += uint64_t(from) * sizeof(float);
  v.ne[0] = width;
  return v;
}

}  // namespace lemma
