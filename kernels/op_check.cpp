#include "kernels/api/op_check.h"

#include <string>

namespace lemma {
namespace {

// Collects the first thing that is wrong with one op.
class Checker {
 public:
  explicit Checker(const Op& op) : op_(op) {}

  void require(bool holds, const char* what) {
    if (!holds && !wrong_) wrong_ = what;
  }

  // Whole blocks one after another in a row; rows may be apart.
  void activation(const TensorView& v, const char* what) {
    require(v.rank >= 1 && v.rank <= 2 && v.type == Type::F32 && v.nb[0] == 4 && v.ne[0] > 0 && v.ne[1] > 0, what);
    require(v.nb[1] >= v.ne[0] * 4 && v.nb[1] % 4 == 0, what);
  }

  void weight(const TensorView& v, const char* what, bool mayLieApart = false) {
    const TypeInfo* info = typeInfo(v.type);
    require(v.rank >= 1 && info && info->decode && v.ne[0] > 0 && v.ne[0] % info->block == 0, what);
    if (wrong_) return;
    require(v.nb[0] == info->blockBytes || (mayLieApart && info->block == 1 && v.nb[0] > info->blockBytes), what);
    require(v.scales.empty() || ((v.rank == 2 || v.rank == 3) && v.scales.in > 0 && v.scales.out > 0),
            "its scales are not a matrix's");
    require(v.scales.empty() || v.scales.type == Type::F32 || v.scales.type == Type::E8M0,
            "its scales are neither F32 nor E8M0");
  }

  void choice(const TensorView& v) {
    require(v.type == Type::I32 && v.rank == 2 && v.nb[0] == 4 && v.nb[1] % 4 == 0, "its choice is not I32 rows");
  }

  void pool(const TensorView& v, int64_t dim, const char* what) {
    require(v.type == Type::F32 || v.type == Type::F16 || v.type == Type::Q8_0 || v.type == Type::F8_E4M3, what);
    weight(v, what);
    require(v.rank == 4 && v.ne[0] == dim && v.ne[1] > 0 && v.ne[2] == op_.p.kvHeads && v.ne[3] > 0, what);
  }

  void heads(bool values = true) {
    require(op_.p.kvHeads > 0 && op_.p.headDim > 0 && (op_.p.vDim > 0 || !values), "its heads or their dims are zero");
  }

  void experts(const ExpertSet* set, int64_t in, int64_t out, const char* what) {
    require(set && !set->experts.empty(), what);
    if (!set) return;
    for (const TensorView& e : set->experts) {
      weight(e, what, true);
      require(e.rank == 2 && e.ne[0] == in && e.ne[1] == out && e.type == set->experts.front().type, what);
    }
    require(set->biases.empty() || set->biases.size() == set->experts.size(), "its biases are not one an expert");
    for (const TensorView& b : set->biases) {
      weight(b, "its biases have no format that decodes", true);
      require(b.ne[0] == out, "its biases are not as long as the outputs");
    }
  }

  Result<void> result() const {
    if (!wrong_) return {};
    return fail(Err::badValue, "op " + std::string(name(op_.kind)) + ": " + wrong_);
  }

 private:
  const Op& op_;
  const char* wrong_ = nullptr;
};

void checkMatMul(Checker& c, const Op& op) {
  c.activation(op.in[0], "its input is not F32 rows");
  c.weight(op.in[1], "its weight has no format that decodes");
  c.activation(op.out[0], "its output is not F32 rows");
  c.require(op.in[1].rank == 2 && op.in[0].ne[0] == op.in[1].ne[0] && op.out[0].ne[0] == op.in[1].ne[1],
            "the weight's shape is not {inputs, outputs}");
  if (!op.in[2].empty()) {
    c.weight(op.in[2], "its bias has no format that decodes");
    c.require(op.in[2].ne[0] == op.out[0].ne[0], "the bias is not as long as the output");
  }
  if (!op.in[3].empty()) {
    c.activation(op.in[3], "its residual is not F32 rows");
    c.require(op.in[3].ne[0] == op.out[0].ne[0], "the residual is not as wide as the output");
  }
}

void checkRmsNorm(Checker& c, const Op& op) {
  c.activation(op.in[0], "its input is not F32 rows");
  c.weight(op.in[1], "its weight has no format that decodes");
  c.activation(op.out[0], "its output is not F32 rows");
  const int64_t dim = op.p.headDim > 0 ? op.p.headDim : op.in[0].ne[0];
  c.require(op.in[1].ne[0] == dim && op.in[0].ne[0] % dim == 0 && op.out[0].ne[0] == op.in[0].ne[0],
            "the weight is not as long as what it scales");
}

void checkRope(Checker& c, const Op& op) {
  c.activation(op.in[0], "its input is not F32 rows");
  c.require(op.p.heads > 0 && op.p.headDim > 0 && op.in[0].ne[0] == int64_t(op.p.heads) * op.p.headDim,
            "its input is not {heads * headDim, rows}");
  c.require(op.p.ropeDims > 0 && op.p.ropeDims % 2 == 0 && op.p.ropeFrom >= 0 &&
                op.p.ropeFrom <= op.p.headDim - op.p.ropeDims,
            "ropeDims does not fit a head");
  c.require(op.in[1].type == Type::F32 && op.in[1].rank >= 1 && op.in[1].ne[0] == op.p.ropeDims / 2,
            "its frequencies are not F32 of ropeDims / 2");
}

void checkKvWrite(Checker& c, const Op& op) {
  c.heads(false);
  c.activation(op.in[0], "k is not F32 rows");
  c.pool(op.out[0], op.p.headDim,
         "the K pool is not {headDim, pageTokens, kvHeads, pages} of F32, F16, Q8_0 or F8_E4M3");
  c.require(op.in[0].ne[0] == int64_t(op.p.kvHeads) * op.p.headDim, "k is not {kvHeads * headDim, rows}");
  if (op.p.vDim == 0) {
    c.require(op.in[1].empty() && op.out[1].empty(), "there are values, but vDim is 0");
    return;
  }
  c.activation(op.in[1], "v is not F32 rows");
  c.pool(op.out[1], op.p.vDim, "the V pool is not {vDim, pageTokens, kvHeads, pages} of F32, F16, Q8_0 or F8_E4M3");
  c.require(op.in[1].ne[0] == int64_t(op.p.kvHeads) * op.p.vDim, "v is not {kvHeads * vDim, rows}");
  c.require(op.out[0].ne[1] == op.out[1].ne[1] && op.out[0].ne[3] == op.out[1].ne[3], "the pools differ in pages");
}

void checkAttention(Checker& c, const Op& op) {
  c.heads();
  c.activation(op.in[0], "q is not F32 rows");
  c.activation(op.out[0], "its output is not F32 rows");
  c.pool(op.in[1], op.p.headDim,
         "the K pool is not {headDim, pageTokens, kvHeads, pages} of F32, F16, Q8_0 or F8_E4M3");
  c.pool(op.in[2], op.p.vDim, "the V pool is not {vDim, pageTokens, kvHeads, pages} of F32, F16, Q8_0 or F8_E4M3");
  c.require(op.p.heads > 0 && op.p.kvHeads > 0 && op.p.heads % op.p.kvHeads == 0, "heads is no multiple of kvHeads");
  c.require(op.in[0].ne[0] == int64_t(op.p.heads) * op.p.headDim, "q is not {heads * headDim, rows}");
  c.require(op.out[0].ne[0] == int64_t(op.p.heads) * op.p.vDim, "its output is not {heads * vDim, rows}");
  c.require(op.in[1].ne[1] == op.in[2].ne[1] && op.in[1].ne[3] == op.in[2].ne[3], "the pools differ in pages");
  c.require(op.p.window >= 0, "its window is below zero");
  if (op.in[3].empty()) return;
  c.weight(op.in[3], "its sinks have no format that decodes");
  c.require(op.in[3].ne[0] == op.p.heads, "its sinks are not one a head");
}

void checkAttentionMla(Checker& c, const Op& op) {
  const TensorView &pool = op.in[1], &keys = op.in[2], &values = op.in[3];
  const int64_t nope = op.p.headDim - op.p.ropeDims, latent = pool.ne[0] - op.p.ropeDims;
  c.heads();
  c.require(op.p.kvHeads == 1 && op.p.heads > 0 && op.p.ropeDims > 0 && nope > 0 && latent > 0,
            "its heads or their dims are zero");
  c.activation(op.in[0], "q is not F32 rows");
  c.activation(op.out[0], "its output is not F32 rows");
  c.pool(pool, pool.ne[0], "the pool is not {latent + ropeDims, pageTokens, 1, pages} of F32, F16, Q8_0 or F8_E4M3");
  c.weight(keys, "its key matrices have no format that decodes");
  c.weight(values, "its value matrices have no format that decodes");
  c.require(op.in[0].ne[0] == int64_t(op.p.heads) * op.p.headDim, "q is not {heads * headDim, rows}");
  c.require(op.out[0].ne[0] == int64_t(op.p.heads) * op.p.vDim, "its output is not {heads * vDim, rows}");
  const std::array<int64_t, 4> byNope{nope, latent, op.p.heads, 1}, byLatent{latent, nope, op.p.heads, 1};
  c.require(keys.ne == (op.p.keysByLatent ? byLatent : byNope), "its key matrices do not fit heads and latent");
  c.require(values.ne == std::array<int64_t, 4>{latent, op.p.vDim, op.p.heads, 1},
            "its value matrices do not fit heads and latent");
}

void checkRoute(Checker& c, const Op& op) {
  const RouteParams& p = op.p.route;
  const int64_t experts = op.in[0].ne[0];
  c.activation(op.in[0], "its scores are not F32 rows");
  c.activation(op.out[1], "its weights are not F32 rows");
  c.choice(op.out[0]);
  c.require(p.groups > 0 && experts % p.groups == 0 && p.topGroups > 0 && p.topGroups <= p.groups,
            "its groups do not divide the experts");
  c.require(p.topK > 0 && p.groups > 0 && p.topK <= experts / p.groups * p.topGroups, "it chooses more than there are");
  c.require(!p.groupByTwoBest || p.groups == 1 || experts / p.groups >= 2, "a group has no two experts");
  c.require(op.out[0].ne[0] == p.topK && op.out[1].ne[0] == p.topK, "its outputs are not {topK, rows}");
  if (op.in[1].empty()) return;
  c.weight(op.in[1], "its bias has no format that decodes");
  c.require(op.in[1].ne[0] == experts, "the bias is not as long as the scores");
}

void checkMoeFfn(Checker& c, const Op& op) {
  const ExpertSet* gate = op.experts[0].get();
  const int64_t d = op.in[0].ne[0], hidden = gate && !gate->experts.empty() ? gate->experts[0].ne[1] : 0;
  c.activation(op.in[0], "its input is not F32 rows");
  c.activation(op.out[0], "its output is not F32 rows");
  c.activation(op.in[2], "its weights are not F32 rows");
  c.choice(op.in[1]);
  c.require(op.in[1].ne[0] == op.in[2].ne[0], "choice and weights differ in width");
  c.require(op.out[0].ne[0] == d, "its input is not as wide as its output");
  c.experts(gate, d, hidden, "its gates are not {inputs, hidden} of one type");
  c.experts(op.experts[1].get(), d, hidden, "its ups are not {inputs, hidden} of one type");
  c.experts(op.experts[2].get(), hidden, d, "its downs are not {hidden, outputs} of one type");
  c.require(!op.elsewhere || (gate && op.elsewhere->size() == gate->experts.size()),
            "it does not say of each expert whether it is left out");
  for (const auto& set : op.experts) {
    c.require(set && gate && set->experts.size() == gate->experts.size(), "its matrices are of differing experts");
  }
  if (op.in[3].empty()) return;
  c.activation(op.in[3], "its residual is not F32 rows");
  c.require(op.in[3].ne[0] == d, "the residual is not as wide as the output");
}

void checkElementwise(Checker& c, const Op& op, bool two) {
  c.activation(op.in[0], "its first input is not F32 rows");
  c.activation(op.out[0], "its output is not F32 rows");
  const bool oneGate = op.kind == OpKind::glu && op.in[0].ne[0] == 1;
  c.require(op.in[0].ne[0] == op.out[0].ne[0] || oneGate, "its input is not as wide as its output");
  if (!two) return;
  c.activation(op.in[1], "its second input is not F32 rows");
  c.require(op.in[1].ne[0] == op.out[0].ne[0], "its inputs differ in width");
}

}  // namespace

std::string_view name(OpKind kind) {
  switch (kind) {
    case OpKind::embed:
      return "embed";
    case OpKind::rmsNorm:
      return "rmsNorm";
    case OpKind::matMul:
      return "matMul";
    case OpKind::rope:
      return "rope";
    case OpKind::kvWrite:
      return "kvWrite";
    case OpKind::attention:
      return "attention";
    case OpKind::attentionMla:
      return "attentionMla";
    case OpKind::route:
      return "route";
    case OpKind::moeFfn:
      return "moeFfn";
    case OpKind::chooseExperts:
      return "chooseExperts";
    case OpKind::glu:
      return "glu";
    case OpKind::add:
      return "add";
    case OpKind::selectRows:
      return "selectRows";
  }
  return "unknown";
}

Result<void> checkOp(const Op& op) {
  Checker c(op);
  switch (op.kind) {
    case OpKind::embed:
      c.weight(op.in[0], "its table has no format that decodes");
      c.activation(op.out[0], "its output is not F32 rows");
      c.require(op.in[0].rank == 2 && op.in[0].ne[0] == op.out[0].ne[0], "its table is not as wide as its output");
      break;
    case OpKind::rmsNorm:
      checkRmsNorm(c, op);
      break;
    case OpKind::matMul:
      checkMatMul(c, op);
      break;
    case OpKind::rope:
      checkRope(c, op);
      break;
    case OpKind::kvWrite:
      checkKvWrite(c, op);
      break;
    case OpKind::attention:
      checkAttention(c, op);
      break;
    case OpKind::attentionMla:
      checkAttentionMla(c, op);
      break;
    case OpKind::route:
      checkRoute(c, op);
      break;
    case OpKind::moeFfn:
      checkMoeFfn(c, op);
      break;
    case OpKind::chooseExperts:
      c.choice(op.in[0]);
      c.require(op.origin.source != nullptr, "nobody is there to be told");
      break;
    case OpKind::glu:
      checkElementwise(c, op, true);
      break;
    case OpKind::add:
      checkElementwise(c, op, true);
      break;
    case OpKind::selectRows:
      checkElementwise(c, op, false);
      break;
  }
  return c.result();
}

}  // namespace lemma
