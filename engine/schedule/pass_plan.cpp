#include "engine/schedule/pass_plan.h"

#include <algorithm>
#include <utility>

namespace lemma {
namespace {

bool covers(const TensorView& view, const Activation& a) { return view.off == a.off && view.ne[0] == a.width; }

class Planner {
 public:
  Planner(PassPlan& plan, int devices) : plan_(plan), devices_(size_t(devices)) {
    valid_.assign(plan.activations.size(), std::vector<bool>(devices_));
    plan.firstDevice = plan.ops.front().device;
    valid_[PassPlan::kResidual][size_t(plan.firstDevice)] = true;
  }

  void plan() {
    for (size_t i = 0; i < plan_.ops.size(); ++i) {
      const PlacedOp& o = plan_.ops[i];
      if (i == 0 || plan_.runs.back().device != o.device) plan_.runs.push_back({.device = o.device, .first = i});
      plan_.runs.back().end = i + 1;
      for (const TensorView& in : o.op.in) need(o, in);
      for (const TensorView& out : o.op.out) {
        const auto a = plan_.activationOf(out, o.stage);
        if (a && !covers(out, plan_.activations[*a])) need(o, out);  // the rest of it stays
      }
      for (const TensorView& out : o.op.out) {
        const auto a = plan_.activationOf(out, o.stage);
        if (!a) continue;
        std::fill(valid_[*a].begin(), valid_[*a].end(), false);
        valid_[*a][size_t(o.device)] = true;
      }
    }
    plan_.lastDevice = plan_.ops.back().device;
  }

  // What ops in [0, end) write to an activation on a device stays in memory for others.
  void outlive(size_t activation, int device, size_t end) {
    const Activation& a = plan_.activations[activation];
    for (size_t i = end; i-- > 0;) {
      PlacedOp& o = plan_.ops[i];
      if (o.stage < a.stage) return;
      if (o.device != device || !writes(o, activation)) continue;
      o.op.outlives = true;
      if (a.stage == Activation::kEveryStage) return;
    }
  }

 private:
  bool writes(const PlacedOp& o, size_t activation) const {
    return std::ranges::any_of(o.op.out,
                               [&](const TensorView& out) { return plan_.activationOf(out, o.stage) == activation; });
  }

  void need(const PlacedOp& o, const TensorView& view) {
    const auto a = plan_.activationOf(view, o.stage);
    if (!a) return;
    const int device = o.device;
    if (valid_[*a][size_t(device)]) return;
    const auto has = std::ranges::find(valid_[*a], true);
    if (has == valid_[*a].end()) return;  // nothing was written yet
    const int from = int(has - valid_[*a].begin());
    // Whoever wrote it last is no op of this run, so it is there before the run begins.
    PassPlan::Run& run = plan_.runs.back();
    run.moves.push_back({.activation = *a, .from = from, .to = device});
    valid_[*a][size_t(device)] = true;
    outlive(*a, from, run.first);
  }

  PassPlan& plan_;
  const size_t devices_;
  std::vector<std::vector<bool>> valid_;  // [activation][device]: holds what was written last
};

}  // namespace

std::optional<size_t> PassPlan::activationOf(const TensorView& view, int stage) const {
  if (view.empty()) return std::nullopt;
  const auto holds = [&](const Activation& a) {
    return a.buf.id == view.buf.id && a.off <= view.off && view.off < a.off + a.bytes;
  };
  const auto everywhere = std::ranges::find_if(
      activations, [&](const Activation& a) { return a.stage != Activation::kEveryStage || holds(a); });
  if (everywhere != activations.end() && everywhere->stage == Activation::kEveryStage)
    return size_t(everywhere - activations.begin());
  const auto first = std::ranges::lower_bound(activations, stage, {}, &Activation::stage);
  for (auto a = first; a != activations.end() && a->stage == stage; ++a) {
    if (holds(*a)) return size_t(a - activations.begin());
  }
  return std::nullopt;
}

PassPlan planPass(std::vector<PlacedOp> ops, std::span<const Activation> activations, int devices, bool keepHidden) {
  PassPlan plan;
  plan.ops = std::move(ops);
  plan.activations.assign(activations.begin(), activations.end());
  Planner planner(plan, devices);
  planner.plan();
  if (keepHidden) {
    for (PlacedOp& o : plan.ops) {
      for (const TensorView& out : o.op.out) o.op.outlives |= plan.activationOf(out, o.stage) == PassPlan::kHidden;
    }
  }
  return plan;
}

}  // namespace lemma
