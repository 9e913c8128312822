#include "kernels/cpu/program.h"

#include <algorithm>
#include <climits>
#include <string>

#include "kernels/api/op_check.h"

namespace lemma::cpu {
namespace {

struct Range {
  const std::byte *begin = nullptr, *end = nullptr;
  bool overlaps(const Range& o) const { return begin < o.end && o.begin < end; }
  bool covers(const Range& o) const { return begin <= o.begin && o.end <= end; }
};

Range rangeOf(const TensorView& v) {
  if (v.empty()) return {};
  int64_t bytes = int64_t(rowBytes(v.type, v.ne[0]).value_or(0));
  for (size_t i = 1; i < 4; ++i) bytes += (v.ne[i] - 1) * (v.rank > int(i) ? v.nb[i] : 0);
  return {v.data(), v.data() + bytes};
}

bool same(const TensorView& a, const TensorView& b) {
  return a.data() == b.data() && a.ne == b.ne && a.nb[1] == b.nb[1];
}

const TensorView& outputOf(const Op& op) { return op.kind == OpKind::rope ? op.in[0] : op.out[0]; }

Rows rowsOf(const TensorView& v) {
  if (v.empty()) return {};
  return {reinterpret_cast<float*>(v.data()), v.ne[0], v.nb[1] / 4};
}

Pool poolOf(const TensorView& v) {
  const CacheType cache = v.type == Type::F32    ? CacheType::f32
                          : v.type == Type::F16  ? CacheType::f16
                          : v.type == Type::Q8_0 ? CacheType::q8
                                                 : CacheType::f8;
  return {v.data(), v.type, cache, v.ne[0], v.nb[1], v.nb[2], v.nb[3], int32_t(v.ne[1])};
}

class ProgramBuilder {
 public:
  ProgramBuilder(std::span<const Op> ops, RowBucket bucket, const KernelTable& kernels, WeightHomes* homes)
      : ops_(ops), kernels_(kernels), homes_(homes), program_(std::make_unique<CpuProgram>()) {
    program_->bucket = bucket;
    program_->kept.resize(ops.size());
  }

  Result<std::unique_ptr<CpuProgram>> build() {
    for (const Op& op : ops_) {
      LEMMA_CHECK(checkOp(op));
      note(op);
    }
    collectTables();
    for (size_t i = 0; i < ops_.size();) {
      switch (ops_[i].kind) {
        case OpKind::matMul: {
          LEMMA_TRY(next, products(i, i));
          i = next;
          break;
        }
        case OpKind::attention:
          i = attention(i);
          break;
        case OpKind::attentionMla:
          i = attentionMla(i);
          break;
        case OpKind::route:
          i = route(i);
          break;
        case OpKind::chooseExperts:
          i = chooseExperts(i);
          break;
        case OpKind::moeFfn:
          i = experts(i);
          break;
        case OpKind::rmsNorm: {
          if (normFuses(i)) {
            LEMMA_TRY(next, products(i, i + 1));
            i = next;
            break;
          }
          [[fallthrough]];
        }
        default:
          i = rowWise(i);
      }
    }
    layOutMemory();
    return std::move(program_);
  }

 private:
  // ---- what a step must be checked for
  void note(const Op& op) {
    CpuProgram& p = *program_;
    const auto least = [](int64_t& value, int64_t with) { value = value <= 0 ? with : std::min(value, with); };
    p.usesWanted |= op.kind == OpKind::selectRows;
    switch (op.kind) {
      case OpKind::embed:
        least(p.vocabulary, op.in[0].ne[1]);
        break;
      case OpKind::rope:
        p.usesPositions = true;
        break;
      case OpKind::kvWrite:
      case OpKind::attention:
      case OpKind::attentionMla: {
        const TensorView& pool = op.kind == OpKind::kvWrite ? op.out[0] : op.in[1];
        p.usesPositions = p.usesPages = true;
        if (op.kind == OpKind::attention)
          p.tiledHeads = std::min(p.tiledHeads > 0 ? p.tiledHeads : INT_MAX, op.p.kvHeads);
        least(p.pageTokens, pool.ne[1]);
        least(p.pages, pool.ne[3]);
        break;
      }
      default:
        break;
    }
  }

  // ---- who reads what
  bool readFrom(const TensorView& v, size_t first) const {
    const Range range = rangeOf(v);
    for (size_t i = first; i < ops_.size(); ++i) {
      for (const TensorView& in : ops_[i].in) {
        if (rangeOf(in).overlaps(range)) return true;
      }
      if (rangeOf(outputOf(ops_[i])).covers(range)) return false;
    }
    return false;
  }

  Acts actsOf(const TensorView& weight) const {
    const FormatKernels* f = kernelsFor(kernels_, weight);
    return f ? f->acts : Acts::floats;
  }
  bool takesBytes(const Op& op) const { return actsOf(op.in[1]) == Acts::bytes; }

  // matMuls from `first` on that share input and kind of activation and do not disturb each other.
  size_t productsEnd(size_t first) const {
    size_t end = first + 1;
    for (; end < ops_.size() && end - first < 4; ++end) {
      const Op& op = ops_[end];
      if (op.kind != OpKind::matMul || !same(op.in[0], ops_[first].in[0]) ||
          op.p.wantedRows != ops_[first].p.wantedRows || actsOf(op.in[1]) != actsOf(ops_[first].in[1])) {
        break;
      }
      bool clash = rangeOf(op.out[0]).overlaps(rangeOf(op.in[0]));
      for (size_t i = first; i < end; ++i) {
        const Range out = rangeOf(ops_[i].out[0]);
        clash |= out.overlaps(rangeOf(op.out[0])) || out.overlaps(rangeOf(op.in[3])) ||
                 out.overlaps(rangeOf(op.in[0])) || rangeOf(op.out[0]).overlaps(rangeOf(ops_[i].in[3]));
      }
      if (clash) break;
    }
    return end;
  }

  // ---- how many rows there may be
  bool fewRows() const { return program_->bucket.fewest <= kFewRows; }
  bool manyRows() const { return program_->bucket.rows > kFewRows; }

  // Products from `first` to end, then a glu of exactly the two, whose results nobody else reads.
  bool isGated(size_t first, size_t end) const {
    if (end - first != 2 || end >= ops_.size()) return false;
    const Op &gate = ops_[first], &up = ops_[first + 1], &glu = ops_[end];
    return glu.kind == OpKind::glu && glu.p.wantedRows == gate.p.wantedRows && same(glu.in[0], gate.out[0]) &&
           same(glu.in[1], up.out[0]) && !gate.outlives && !up.outlives && gate.in[3].empty() && up.in[3].empty() &&
           gate.in[1].ne[1] == up.in[1].ne[1] && !rangeOf(glu.out[0]).overlaps(rangeOf(gate.in[0])) &&
           (same(glu.out[0], gate.out[0]) || !readFrom(gate.out[0], end + 1)) &&
           (same(glu.out[0], up.out[0]) || !readFrom(up.out[0], end + 1));
  }

  // The products right after op `i` that alone read its output, all of them on 8-bit activations.
  bool feedsBytes(const Op& maker, size_t next) const {
    if (maker.outlives || next >= ops_.size() || ops_[next].kind != OpKind::matMul || !takesBytes(ops_[next]) ||
        !same(ops_[next].in[0], maker.out[0]) || ops_[next].p.wantedRows != maker.p.wantedRows) {
      return false;
    }
    return !readFrom(maker.out[0], productsEnd(next));
  }

  bool normFuses(size_t i) const {
    const Op& norm = ops_[i];
    if ((norm.p.headDim > 0 && norm.p.headDim != norm.in[0].ne[0]) || !feedsBytes(norm, i + 1)) return false;
    size_t end = productsEnd(i + 1);
    if (isGated(i + 1, end)) ++end;
    for (size_t j = i + 1; j < end; ++j) {  // every thread reads the norm's input while others write
      if (rangeOf(outputOf(ops_[j])).overlaps(rangeOf(norm.in[0]))) return false;
    }
    return true;
  }

  // ---- weights as floats
  const float* floats(const TensorView& v) {
    if (v.empty()) return nullptr;
    if (v.type == Type::F32 && v.nb[0] == 4 && reinterpret_cast<uintptr_t>(v.data()) % 4 == 0) {
      return reinterpret_cast<const float*>(v.data());
    }
    program_->decoded.push_back(std::make_unique<float[]>(size_t(v.ne[0])));
    decodeRow(v, 0, 0, v.ne[0], program_->decoded.back().get());
    return program_->decoded.back().get();
  }

  template <class T>
  T& addPhase() {
    auto phase = std::make_unique<T>();
    T& ref = *phase;
    ref.index = int(program_->phases.size());
    program_->phases.push_back(std::move(phase));
    return ref;
  }

  // ---- rounded rows. Two places take turns: a phase that reads one may fill the other.
  const RowSource* source(int64_t k, int place, Acts acts = Acts::bytes) {
    for (const auto& s : program_->sources) {
      if (s->layout.k == k && s->layout.acts == acts && s->offset == place) return s.get();
    }
    program_->sources.push_back(std::make_unique<RowSource>(RowSource{actLayout(k, acts), place}));
    return program_->sources.back().get();
  }

  // ---- phases
  size_t rowWise(size_t first) {
    auto& phase = addPhase<RowPhase>();
    phase.kernels = &kernels_;
    phase.tables = &program_->tables;
    size_t i = first;
    for (; i < ops_.size() && i - first < 8 && (i == first || joins(first, i)); ++i)
      phase.ops.push_back(rowOp(ops_[i]));
    return i;
  }

  // Whether op i may run row by row together with those from `first` on: what they share they share row for row.
  bool joins(size_t first, size_t i) const {
    const Op& op = ops_[i];
    const auto rowWiseKind = [](OpKind k) {
      return k == OpKind::rope || k == OpKind::kvWrite || k == OpKind::add || k == OpKind::glu || k == OpKind::rmsNorm;
    };
    if (!rowWiseKind(op.kind) || !rowWiseKind(ops_[first].kind) || op.p.wantedRows != ops_[first].p.wantedRows) {
      return false;
    }
    if (op.kind == OpKind::rmsNorm && normFuses(i)) return false;
    const auto fits = [](const TensorView& a, const TensorView& b) {
      return a.empty() || b.empty() || !rangeOf(a).overlaps(rangeOf(b)) || same(a, b);
    };
    for (size_t j = first; j < i; ++j) {
      const TensorView& made = outputOf(ops_[j]);
      for (const TensorView& in : op.in) {
        if (!fits(made, in)) return false;
        if (!fits(outputOf(op), in)) return false;
      }
      for (const TensorView& in : ops_[j].in) {
        if (!fits(outputOf(op), in)) return false;
      }
      if (!fits(made, outputOf(op))) return false;
    }
    return true;
  }

  RowOp rowOp(const Op& op) {
    RowOp r{.kind = op.kind,
            .wanted = op.p.wantedRows || op.kind == OpKind::selectRows,
            .in = {rowsOf(op.in[0]), {}},
            .out = rowsOf(outputOf(op)),
            .eps = op.p.eps,
            .scale = op.p.scale,
            .gate = op.p.gate,
            .headDim = op.p.headDim};
    switch (op.kind) {
      case OpKind::embed:
        r.in[0] = {};
        r.embedding = op.in[0];
        break;
      case OpKind::rmsNorm:
        r.weight = floats(op.in[1]);
        r.weightSize = op.in[1].ne[0];
        break;
      case OpKind::rope:
        r.heads = op.p.heads;
        r.first = op.p.ropeFrom;
        r.interleaved = op.p.ropeStyle == RopeStyle::interleaved;
        r.table = tableOf(op);
        break;
      case OpKind::kvWrite:
        r.in[1] = rowsOf(op.in[1]);
        r.out = {};
        r.heads = op.p.kvHeads;
        r.pools[0] = poolOf(op.out[0]);
        if (!op.out[1].empty()) r.pools[1] = poolOf(op.out[1]);
        break;
      case OpKind::glu:
      case OpKind::add:
        r.in[1] = rowsOf(op.in[1]);
        break;
      default:
        break;
    }
    return r;
  }

  int tableOf(const Op& op) const {
    const auto* frequency = reinterpret_cast<const float*>(op.in[1].data());
    for (size_t i = 0; i < program_->tables.size(); ++i) {
      const RopeTable& t = program_->tables[i];
      if (t.frequency == frequency && t.half == op.p.ropeDims / 2 && t.scale == op.p.scale) return int(i);
    }
    return -1;
  }

  void collectTables() {
    for (const Op& op : ops_) {
      if (op.kind != OpKind::rope || tableOf(op) >= 0) continue;
      program_->tables.push_back({reinterpret_cast<const float*>(op.in[1].data()), op.p.ropeDims / 2, op.p.scale, 0});
    }
    if (!program_->tables.empty()) addPhase<RopeTablePhase>().tables = &program_->tables;
  }

  size_t attention(size_t i) {
    const Op& op = ops_[i];
    auto& phase = addPhase<AttentionPhase>();
    phase.kernels = &kernels_;
    phase.q = rowsOf(op.in[0]);
    phase.out = rowsOf(op.out[0]);
    phase.k = poolOf(op.in[1]);
    phase.v = poolOf(op.in[2]);
    phase.heads = op.p.heads;
    phase.kvHeads = op.p.kvHeads;
    phase.headDim = op.p.headDim;
    phase.vDim = op.p.vDim;
    phase.scale = op.p.scale;
    phase.window = op.p.window;
    phase.sinks = floats(op.in[3]);
    phase.mostRows = std::min<int>(program_->bucket.rows, kQueryTile);
    phase.fewRows = fewRows();
    if (fewRows()) {
      partsBytes_ = std::max(partsBytes_, int64_t(kFewRows) * kMaxParts * op.p.heads * (op.p.vDim + 2) * 4);
    }
    if (phase.group() * op.p.vDim % 32 == 0 && feedsBytes(op, i + 1)) {
      phase.bytes = source(op.out[0].ne[0], 0);
      merged_ = &phase;
      program_->kept[i] = true;
    } else if (fewRows()) {
      addPhase<MergePhase>().attention = &phase;
    }
    return i + 1;
  }

  // The products from `first` on, and the norm at `norm` before them where that is another op.
  Result<size_t> products(size_t norm, size_t first) {
    size_t end = productsEnd(first);
    const Op& op = ops_[first];
    if (rangeOf(op.out[0]).overlaps(rangeOf(op.in[0]))) {
      return fail(Err::unsupported, "op matMul: its output lies over its input");
    }
    Input input{.rows = rowsOf(ops_[norm].in[0]), .eps = ops_[norm].p.eps};
    if (norm != first) {
      input.norm = floats(ops_[norm].in[1]);
      program_->kept[norm] = true;
    }
    input.bytes = {.layout = actLayout(op.in[1].ne[0])};
    const Acts acts = actsOf(op.in[1]);
    const RowSource* from = nullptr;
    bool quantised = acts == Acts::floats;
    if (acts == Acts::bfloats) from = source(op.in[1].ne[0], 0, acts);
    if (acts == Acts::bytes) {
      from = ready_ ? ready_ : source(op.in[1].ne[0], 0);
      quantised = merged_ || ready_;
      input.merge = merged_;
      input.ready = ready_ != nullptr;
    }
    if (!quantised && program_->bucket.rows > kFewRows) {
      auto& quantize = addPhase<QuantizePhase>();
      quantize.kernels = &kernels_;
      quantize.wanted = op.p.wantedRows;
      pendingInputs_.push_back({&quantize, nullptr});
    }
    auto& phase = addPhase<ProductPhase>();
    phase.kernels = &kernels_;
    phase.wanted = op.p.wantedRows;
    phase.k = op.in[1].ne[0];
    phase.fewRows = op.p.wantedRows || fewRows();
    phase.mostRows = op.p.wantedRows ? program_->bucket.wanted : program_->bucket.rows;
    phase.input = input;
    sourceOf_.push_back({&phase, from});
    if (!pendingInputs_.empty() && !pendingInputs_.back().second) {
      pendingInputs_.back().second = &phase;
      pendingInputs_.back().first->input = &phase.input;
    }
    for (size_t i = first; i < end; ++i) phase.products.push_back(product(ops_[i]));
    merged_ = nullptr;
    ready_ = nullptr;
    if (isGated(first, end)) {
      const size_t last = end++;
      const Op& glu = ops_[last];
      program_->kept[first] = program_->kept[first + 1] = true;
      phase.gated = true;
      phase.gate = glu.p.gate;
      if (feedsBytes(glu, end) && glu.out[0].ne[0] % 32 == 0) {
        ready_ = source(glu.out[0].ne[0], 1);
        phase.gatedBytes = ready_;
        program_->kept[last] = true;
      } else {
        phase.gatedOut = rowsOf(glu.out[0]);
      }
    }
    return end;
  }

  Product product(const Op& op) {
    return {.weight = matrixOf(op.in[1], kernels_, false, homes_),
            .out = rowsOf(op.out[0]),
            .residual = rowsOf(op.in[3]),
            .bias = floats(op.in[2])};
  }

  // ---- latent attention and experts
  size_t attentionMla(size_t i) {
    const Op& op = ops_[i];
    MlaLayer& l = *program_->mla.emplace_back(std::make_unique<MlaLayer>());
    l.kernels = &kernels_;
    l.q = rowsOf(op.in[0]);
    l.out = rowsOf(op.out[0]);
    l.pool = poolOf(op.in[1]);
    l.heads = op.p.heads;
    l.headDim = op.p.headDim;
    l.ropeDims = op.p.ropeDims;
    l.vDim = op.p.vDim;
    l.latent = l.pool.dim - l.ropeDims;
    l.scale = op.p.scale;
    l.keysByLatent = op.p.keysByLatent;
    for (int h = 0; h < l.heads; ++h) {
      l.keyViews.push_back(planeOf(op.in[2], h));
      l.valueViews.push_back(planeOf(op.in[3], h));
      l.keys.push_back(matrixOf(l.keyViews.back(), kernels_, false, homes_));
      l.values.push_back(matrixOf(l.valueViews.back(), kernels_, false, homes_));
    }
    l.nopeLayout = actLayout(l.nope());
    l.latentLayout = actLayout(l.latent);

    l.mostRows = program_->bucket.rows;
    if (manyRows()) addPhase<MlaExpandedPhase>().layer = &l;
    if (!fewRows()) return i + 1;
    addPhase<MlaAbsorbPhase>().layer = &l;
    AttentionPhase& attention = addPhase<AttentionPhase>();
    attention.kernels = &kernels_;
    attention.fewOnly = attention.fewRows = true;
    attention.k = l.pool;
    attention.k.head = 0;
    attention.v = attention.k;
    attention.v.dim = l.latent;
    attention.heads = l.heads;
    attention.kvHeads = 1;
    attention.headDim = int(l.pool.dim);
    attention.vDim = int(l.latent);
    attention.scale = l.scale;
    auto& values = addPhase<MlaValuePhase>();
    values.layer = &l;
    values.attention = &attention;
    partsBytes_ = std::max(partsBytes_, int64_t(kFewRows) * kMaxParts * l.heads * (l.latent + 2) * 4);
    return i + 1;
  }

  size_t route(size_t i) {
    const Op& op = ops_[i];
    auto& phase = addPhase<RoutePhase>();
    phase.params = op.p.route;
    phase.scores = rowsOf(op.in[0]);
    phase.weights = rowsOf(op.out[1]);
    phase.ids = reinterpret_cast<int32_t*>(op.out[0].data());
    phase.idStride = op.out[0].nb[1] / 4;
    phase.bias = floats(op.in[1]);
    phase.wanted = op.p.wantedRows;
    return i + 1;
  }

  size_t chooseExperts(size_t i) {
    const Op& op = ops_[i];
    auto& phase = addPhase<ChooseExpertsPhase>();
    phase.origin = op.origin;
    phase.ids = reinterpret_cast<const int32_t*>(op.in[0].data());
    phase.idStride = op.in[0].nb[1] / 4;
    phase.topK = int(op.in[0].ne[0]);
    phase.maxRows = std::max(program_->bucket.rows, program_->bucket.wanted);
    phase.wanted = op.p.wantedRows;
    phase.guess = op.p.guess;
    return i + 1;
  }

  size_t experts(size_t i) {
    const Op& op = ops_[i];
    ExpertLayer& l = *program_->experts.emplace_back(std::make_unique<ExpertLayer>());
    l.kernels = &kernels_;
    l.x = rowsOf(op.in[0]);
    l.ids = reinterpret_cast<const int32_t*>(op.in[1].data());
    l.idStride = op.in[1].nb[1] / 4;
    l.topK = int(op.in[1].ne[0]);
    l.origin = op.origin;
    if (l.origin.source) program_->source = l.origin.source;
    l.weights = rowsOf(op.in[2]);
    l.residual = rowsOf(op.in[3]);
    l.out = rowsOf(op.out[0]);
    l.wanted = op.p.wantedRows;
    l.maxRows = std::max(program_->bucket.rows, program_->bucket.wanted);
    // Gate and up read the same rows, so both take them rounded alike or neither.
    const bool mixed = actsOf(op.experts[0]->experts.front()) != actsOf(op.experts[1]->experts.front());
    WeightHomes* const homes = l.origin.source ? nullptr : homes_;  // what a disk brings lies where there is room
    for (size_t set = 0; set < 3; ++set) {
      std::vector<Matrix>& to = set == 0 ? l.gate : set == 1 ? l.up : l.down;
      for (const TensorView& e : op.experts[set]->experts) to.push_back(matrixOf(e, kernels_, set < 2 && mixed, homes));
      for (const TensorView& b : op.experts[set]->biases) l.biases[set].push_back(floats(b));
    }
    l.kind = op.p.gate;
    l.elsewhere = op.elsewhere;
    l.inLayout = actLayout(l.gate.front().k);
    l.hiddenLayout = actLayout(l.hidden());
    addPhase<ExpertSortPhase>().layer = &l;
    addPhase<ExpertInputPhase>().layer = &l;
    for (int turn = 0; turn < l.turns(); ++turn) {
      const auto add = [&](auto& phase) {
        phase.layer = &l;
        phase.turn = turn;
      };
      if (turn > 0) add(addPhase<ExpertTurnPhase>());
      add(addPhase<ExpertGatePhase>());
      add(addPhase<ExpertDownPhase>());
    }
    return i + 1;
  }

  // ---- memory
  void layOutMemory() {
    CpuProgram& p = *program_;
    const int64_t rows = std::max(p.bucket.rows, p.bucket.wanted);
    int64_t place[2] = {0, 0}, at = 0;
    const auto rounded = [](int64_t n) { return (n + 63) / 64 * 64; };
    for (const auto& s : p.sources) {
      int64_t& size = place[s->offset];
      size = std::max(size, rounded(s->layout.stride * rows));
    }
    for (const auto& s : p.sources) s->offset = s->offset == 0 ? 0 : place[0];
    at = place[0] + place[1];
    for (RopeTable& t : p.tables) {
      t.offset = at;
      at += rounded(rows * 2 * t.half * 4);
    }
    for (const PhasePtr& phase : p.phases) {
      if (auto* a = dynamic_cast<AttentionPhase*>(phase.get())) a->partsOffset = at;
    }
    at += rounded(partsBytes_);
    int64_t expertBytes = 0;  // one layer at a time
    for (const auto& e : p.experts) {
      e->offset = at;
      expertBytes = std::max(expertBytes, e->sharedBytes());
    }
    at += rounded(expertBytes);
    size_t absorbed = 0;
    for (const auto& m : p.mla) {
      if (!fewRows()) break;
      absorbed = std::max(absorbed, size_t(m->heads) * size_t(m->latent + m->ropeDims));
    }
    p.absorbed.resize(absorbed * kFewRows);
    for (const auto& m : p.mla) {
      m->absorbed = {p.absorbed.data(), int64_t(m->heads) * (m->latent + m->ropeDims), int64_t(absorbed)};
    }
    for (const PhasePtr& phase : p.phases) {
      if (auto* v = dynamic_cast<MlaValuePhase*>(phase.get())) v->attention->q = v->layer->absorbed;
    }
    for (auto& [phase, from] : sourceOf_) {
      if (from) phase->input.bytes = *from;
    }
    p.sharedBytes = size_t(at);
    for (const PhasePtr& phase : p.phases) p.workerBytes = std::max(p.workerBytes, phase->scratchBytes());
    if (p.tiledHeads > 0) p.tiles.resize(size_t(p.bucket.rows));
  }

  std::span<const Op> ops_;
  const KernelTable& kernels_;
  WeightHomes* const homes_;
  std::unique_ptr<CpuProgram> program_;
  const AttentionPhase* merged_ = nullptr;  // what the next products read
  const RowSource* ready_ = nullptr;
  std::vector<std::pair<QuantizePhase*, ProductPhase*>> pendingInputs_;
  std::vector<std::pair<ProductPhase*, const RowSource*>> sourceOf_;
  int64_t partsBytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<CpuProgram>> compileProgram(std::span<const Op> ops, RowBucket bucket,
                                                   const KernelTable& kernels, WeightHomes* homes) {
  return ProgramBuilder(ops, bucket, kernels, homes).build();
}

}  // namespace lemma::cpu
