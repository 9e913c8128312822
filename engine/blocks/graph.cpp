#include "engine/blocks/graph.h"

#include <algorithm>

namespace lemma {
namespace {

// Every activation starts on a cache line of its own.
uint64_t bytesOf(int64_t width, int64_t rows) {
  return (uint64_t(width) * uint64_t(rows) * sizeof(float) + 63) & ~63ull;
}

}  // namespace

GraphBuilder::GraphBuilder(int64_t embedding, int64_t vocabulary, RowBucket bucket, GraphMemory memory)
    : embedding_(embedding), vocabulary_(vocabulary), bucket_(bucket), memory_(std::move(memory)) {
  residualBytes_ = used_ = peak_ = bytesOf(embedding, bucket.rows);
}

TensorView GraphBuilder::residual() const {
  return contiguous(memory_.arena, 0, Type::F32, {embedding_, bucket_.rows});
}

TensorView GraphBuilder::place(int64_t width, int64_t rows) {
  const TensorView view = contiguous(memory_.arena, used_, Type::F32, {width, rows});
  used_ += bytesOf(width, rows);
  peak_ = std::max(peak_, used_);
  return view;
}

TensorView GraphBuilder::activation(int64_t width) { return place(width, bucket_.rows); }

TensorView GraphBuilder::wantedActivation(int64_t width) { return place(width, bucket_.wanted); }

TensorView GraphBuilder::ids(int64_t width) {
  TensorView view = place(width, bucket_.rows);
  view.type = Type::I32;  // of the same size
  return view;
}

TensorView GraphBuilder::hidden() {
  if (!memory_.keepHidden) return wantedActivation(embedding_);
  return contiguous(memory_.head, bytesOf(vocabulary_, bucket_.wanted), Type::F32, {embedding_, bucket_.wanted});
}

TensorView GraphBuilder::logits() const {
  return contiguous(memory_.head, 0, Type::F32, {vocabulary_, bucket_.wanted});
}

uint64_t GraphBuilder::headBytes() const {
  return bytesOf(vocabulary_, bucket_.wanted) + (memory_.keepHidden ? bytesOf(embedding_, bucket_.wanted) : 0);
}

TensorView GraphBuilder::weight(const TensorView& file) {
  if (file.empty() || !memory_.prepare) return file;
  auto prepared = memory_.prepare(file);
  if (prepared) return *prepared;
  if (status_) status_ = tl::unexpected(std::move(prepared).error());
  return file;
}

std::shared_ptr<const ExpertSet> GraphBuilder::experts(const std::shared_ptr<const ExpertSet>& file) {
  if (!memory_.prepare) return file;
  auto prepared = std::make_shared<ExpertSet>();
  for (const TensorView& expert : file->experts) prepared->experts.push_back(weight(expert));
  for (const TensorView& bias : file->biases) prepared->biases.push_back(weight(bias));
  return prepared;
}

TensorView columns(const TensorView& rows, int64_t from, int64_t width) {
  TensorView v = rows;
  v.off += uint64_t(from) * sizeof(float);
  v.ne[0] = width;
  return v;
}

Result<std::vector<Op>> GraphBuilder::take() {
  if (!status_) return tl::unexpected(status_.error());
  return std::move(ops_);
}

}  // namespace lemma
