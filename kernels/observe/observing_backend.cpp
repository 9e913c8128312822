#include "kernels/observe/observing_backend.h"

#include <cstring>
#include <optional>
#include <vector>

namespace lemma {
namespace {

// Ops up to the next product. Its input is in memory then: what a program makes for later programs it may not keep to
// itself.
struct Part {
  std::unique_ptr<Program> program;  // null where a product stands first
  std::optional<Op> product;         // matMul or moeFfn, the first op of the next part; empty behind the last
};

bool isProduct(const Op& op) { return op.kind == OpKind::matMul || op.kind == OpKind::moeFfn; }

struct ObservedProgram final : Program {
  std::vector<Part> parts;
};

class ObservingBackend final : public Backend {
 public:
  ObservingBackend(std::unique_ptr<Backend> inner, ProductObserver& observer)
      : inner_(std::move(inner)), observer_(observer) {}

  DeviceInfo info() const override { return inner_->info(); }
  Support supports(const Op& op) const override { return inner_->supports(op); }
  Result<BufferRef> alloc(uint64_t bytes, Space space, Usage usage) override {
    return inner_->alloc(bytes, space, usage);
  }
  void release(const BufferRef& buf) override { inner_->release(buf); }
  uint64_t workBytes() const override { return inner_->workBytes(); }
  Result<TensorView> prepare(const TensorView& file) override { return inner_->prepare(file); }

  Result<std::unique_ptr<Program>> compile(std::span<const Op> ops, RowBucket bucket) override {
    auto program = std::make_unique<ObservedProgram>();
    for (size_t from = 0, to = 0;; from = to++) {
      while (to < ops.size() && !isProduct(ops[to])) ++to;
      LEMMA_TRY(part, partOf(ops, from, to, bucket));
      program->parts.push_back(std::move(part));
      if (to == ops.size()) break;
    }
    return program;
  }

  Result<Fence> submit(Program& program, const StepData& step, std::span<const Fence> after,
                       const CancelFlag& cancel) override {
    Fence last;
    for (Part& part : static_cast<ObservedProgram&>(program).parts) {
      if (part.program) {
        LEMMA_TRY(fence, inner_->submit(*part.program, step, after, cancel));
        LEMMA_CHECK(inner_->wait(fence, kNoDeadline));
        last = fence;
      }
      if (!part.product) continue;
      const int rows = part.product->p.wantedRows ? step.wanted : step.rows;
      if (part.product->kind == OpKind::matMul) {
        observer_.product(part.product->in[1], part.product->in[0], rows);
      } else {
        LEMMA_CHECK(showExperts(*part.product, rows, cancel));
      }
    }
    return last;
  }

  Result<Fence> copy(const TensorView& dst, const TensorView& src, std::span<const Fence> after) override {
    return inner_->copy(dst, src, after);
  }
  Result<void> wait(Fence fence, Deadline deadline) override { return inner_->wait(fence, deadline); }

 private:
  // Ops from..to as a program of their own, and what is to be shown before ops[to].
  Result<Part> partOf(std::span<const Op> ops, size_t from, size_t to, RowBucket bucket) {
    Part part;
    if (to > from) {
      LEMMA_TRY(program, inner_->compile(ops.subspan(from, to - from), bucket));
      part.program = std::move(program);
    }
    if (to < ops.size()) part.product = ops[to];
    return part;
  }

  // Each expert with the rows that chose it.
  Result<void> showExperts(const Op& op, int rows, const CancelFlag& cancel) {
    const TensorView &x = op.in[0], &choice = op.in[1];
    std::vector<std::vector<int>> rowsOf(op.experts[0]->experts.size());
    for (int r = 0; r < rows; ++r) {
      for (int64_t k = 0; k < choice.ne[0]; ++k) {
        int32_t expert;
        std::memcpy(&expert, choice.data() + r * choice.nb[1] + k * choice.nb[0], sizeof expert);
        if (expert >= 0 && size_t(expert) < rowsOf.size()) rowsOf[size_t(expert)].push_back(r);
      }
    }
    for (size_t e = 0; e < rowsOf.size(); ++e) {
      if (rowsOf[e].empty()) continue;
      const TensorView &gate = op.experts[0]->experts[e], &up = op.experts[1]->experts[e];
      const auto count = int64_t(rowsOf[e].size());
      std::vector<float> in(size_t(count * x.ne[0])), gated(size_t(count * gate.ne[1])), hidden(gated.size());
      for (size_t i = 0; i < rowsOf[e].size(); ++i) {
        std::memcpy(in.data() + i * size_t(x.ne[0]), x.data() + rowsOf[e][i] * x.nb[1],
                    size_t(x.ne[0]) * sizeof(float));
      }
      const TensorView inView = viewOf(in, count), gatedView = viewOf(gated, count), hiddenView = viewOf(hidden, count);
      const auto biasOf = [&](size_t set) {
        const auto& biases = op.experts[set]->biases;
        return biases.empty() ? TensorView{} : biases[e];
      };
      const Op ops[] = {
          {.kind = OpKind::matMul, .in = {inView, gate, biasOf(0)}, .out = {gatedView}},
          {.kind = OpKind::matMul, .in = {inView, up, biasOf(1)}, .out = {hiddenView}},
          {.kind = OpKind::glu, .in = {gatedView, hiddenView}, .out = {hiddenView}, .p = {.gate = op.p.gate}}};
      LEMMA_TRY(program, inner_->compile(ops, {.rows = int32_t(count)}));
      LEMMA_TRY(fence, inner_->submit(*program, {.rows = int32_t(count)}, {}, cancel));
      LEMMA_CHECK(inner_->wait(fence, kNoDeadline));
      observer_.product(gate, inView, int(count));
      observer_.product(up, inView, int(count));
      observer_.product(op.experts[2]->experts[e], hiddenView, int(count));
    }
    return {};
  }

  static TensorView viewOf(std::vector<float>& values, int64_t rows) {
    const BufferRef buf{.bytes = values.size() * sizeof(float), .host = reinterpret_cast<std::byte*>(values.data())};
    return contiguous(buf, 0, Type::F32, {int64_t(values.size()) / rows, rows});
  }

  std::unique_ptr<Backend> inner_;
  ProductObserver& observer_;
};

}  // namespace

std::unique_ptr<Backend> observed(std::unique_ptr<Backend> inner, ProductObserver& observer) {
  return std::make_unique<ObservingBackend>(std::move(inner), observer);
}

}  // namespace lemma
