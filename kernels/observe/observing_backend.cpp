#include "kernels/observe/observing_backend.h"

#include <vector>

namespace lemma {
namespace {

// Ops up to the next product. Its input is in memory then: what a program makes for later programs it may not keep to
// itself.
struct Part {
  std::unique_ptr<Program> program;  // null where a product stands first
  TensorView weight, input;          // of the product that follows; empty behind the last
  bool wantedRows = false;
};

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
  Result<TensorView> prepare(const TensorView& file) override { return inner_->prepare(file); }

  Result<std::unique_ptr<Program>> compile(std::span<const Op> ops, RowBucket bucket) override {
    auto program = std::make_unique<ObservedProgram>();
    for (size_t from = 0, to = 0;; from = to++) {
      while (to < ops.size() && ops[to].kind != OpKind::matMul) ++to;
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
      if (!part.weight.empty()) {
        observer_.product(part.weight, part.input, part.wantedRows ? step.wanted : step.rows);
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
    if (to < ops.size()) {
      part.input = ops[to].in[0];
      part.wantedRows = ops[to].p.wantedRows;
      part.weight = ops[to].in[1];
    }
    return part;
  }

  std::unique_ptr<Backend> inner_;
  ProductObserver& observer_;
};

}  // namespace

std::unique_ptr<Backend> observed(std::unique_ptr<Backend> inner, ProductObserver& observer) {
  return std::make_unique<ObservingBackend>(std::move(inner), observer);
}

}  // namespace lemma
