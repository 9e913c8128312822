#include "kernels/cpu/topology.h"

#include <sched.h>

#include <algorithm>
#include <numeric>
#include <thread>

#if LEMMA_HWLOC
#include <hwloc.h>
#endif

namespace lemma::cpu {
namespace {

// Empty where the system does not say.
std::vector<int> usableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> usable;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return usable;
  for (int p = 0; p < CPU_SETSIZE; ++p) {
    if (CPU_ISSET(p, &set)) usable.push_back(p);
  }
  return usable;
}

Topology oneNode(std::vector<int> processors) {
  if (processors.empty()) {
    processors.resize(std::max(1u, std::thread::hardware_concurrency()));
    std::iota(processors.begin(), processors.end(), 0);
  }
  const int cores = int(processors.size());
  return {{{.cores = cores, .processors = std::move(processors)}}};
}

#if LEMMA_HWLOC
// Loads what the functions below need and nothing that takes long: hwloc can also look for devices and caches, and can
// ask each processor by running on it.
class Loaded {
 public:
  Loaded() {
    if (hwloc_topology_init(&topology_) != 0) {
      topology_ = nullptr;
      return;
    }
    hwloc_topology_set_all_types_filter(topology_, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_type_filter(topology_, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
    hwloc_topology_set_type_filter(topology_, HWLOC_OBJ_PACKAGE, HWLOC_TYPE_FILTER_KEEP_ALL);
    hwloc_topology_set_components(topology_, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
    whole_ = hwloc_topology_load(topology_) == 0;
  }
  ~Loaded() {
    if (topology_) hwloc_topology_destroy(topology_);
  }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
  hwloc_topology_t get() const { return whole_ ? topology_ : nullptr; }

 private:
  hwloc_topology_t topology_ = nullptr;
  bool whole_ = false;
};

uint64_t memoryOf(hwloc_obj_t node) { return node->attr->numanode.local_memory; }

// The node with memory that is nearest to a processor: that of the smallest set of processors around it, of equals the
// largest memory, as fast memory that lies beside a node's own is small.
hwloc_obj_t nodeOf(hwloc_topology_t topology, hwloc_obj_t processor, bool anyMemory) {
  hwloc_obj_t best = nullptr;
  int bestSize = 0;
  for (hwloc_obj_t n = nullptr; (n = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, n));) {
    if ((anyMemory && memoryOf(n) == 0) || hwloc_bitmap_iszero(n->cpuset)) continue;
    hwloc_obj_t around = n->parent;
    while (hwloc_obj_type_is_memory(around->type)) around = around->parent;
    if (!hwloc_bitmap_isincluded(processor->cpuset, around->cpuset)) {
      around = hwloc_get_common_ancestor_obj(topology, processor, around);
    }
    const int size = hwloc_bitmap_weight(around->cpuset);
    if (!best || size < bestSize || (size == bestSize && memoryOf(n) > memoryOf(best))) {
      best = n;
      bestSize = size;
    }
  }
  return best;
}
#endif

}  // namespace

int Topology::cores() const {
  return std::accumulate(nodes.begin(), nodes.end(), 0, [](int sum, const TopologyNode& n) { return sum + n.cores; });
}

int Topology::processors() const {
  return std::accumulate(nodes.begin(), nodes.end(), 0,
                         [](int sum, const TopologyNode& n) { return sum + int(n.processors.size()); });
}

#if LEMMA_HWLOC
Topology topologyOf(hwloc_topology* loaded, std::span<const int> usable) {
  struct Found {
    hwloc_obj_t node = nullptr;
    std::vector<std::pair<int, int>> processors;  // how many of its core came before it, its number
    std::vector<hwloc_obj_t> cores;               // of each
  };
  bool anyMemory = false;  // synthetic topologies and odd containers may have none anywhere
  for (hwloc_obj_t n = nullptr; (n = hwloc_get_next_obj_by_type(loaded, HWLOC_OBJ_NUMANODE, n));) {
    anyMemory |= memoryOf(n) > 0;
  }
  std::vector<Found> found;
  for (hwloc_obj_t p = nullptr; (p = hwloc_get_next_obj_by_type(loaded, HWLOC_OBJ_PU, p));) {
    const int number = int(p->os_index);
    if (!usable.empty() && std::find(usable.begin(), usable.end(), number) == usable.end()) continue;
    const hwloc_obj_t node = nodeOf(loaded, p, anyMemory);
    if (!node) continue;
    auto at = std::find_if(found.begin(), found.end(), [&](const Found& f) { return f.node == node; });
    if (at == found.end()) at = found.insert(found.end(), Found{.node = node});
    const hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(loaded, HWLOC_OBJ_CORE, p);
    const int before = core ? int(std::count(at->cores.begin(), at->cores.end(), core)) : 0;
    at->processors.emplace_back(before, number);
    at->cores.push_back(core);
  }
  Topology out;
  for (Found& f : found) {
    // One of each core first; of a core, and core by core, as hwloc goes through them.
    std::stable_sort(f.processors.begin(), f.processors.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    TopologyNode& node = out.nodes.emplace_back();
    node.memory = int(f.node->os_index);
    for (const auto& [before, number] : f.processors) {
      node.cores += before == 0;
      node.processors.push_back(number);
    }
  }
  std::sort(out.nodes.begin(), out.nodes.end(),
            [](const TopologyNode& a, const TopologyNode& b) { return a.memory < b.memory; });
  return out;
}
#endif

Topology machineTopology() {
  std::vector<int> usable = usableProcessors();
#if LEMMA_HWLOC
  const Loaded loaded;
  if (loaded.get()) {
    Topology topology = topologyOf(loaded.get(), usable);
    // What hwloc does not know of, an emulated machine's processors for one, is no reason to leave them idle.
    if (!topology.nodes.empty() && (usable.empty() || topology.processors() == int(usable.size()))) return topology;
  }
#endif
  return oneNode(std::move(usable));
}

int defaultThreads(const Topology& topology) {
  return topology.cores() == 1 ? topology.processors() : topology.cores();
}

std::vector<int> planThreads(const Topology& topology, int count) {
  std::vector<int> nodes, taken(topology.nodes.size());
  for (int i = 0; i < count; ++i) {
    size_t best = 0;
    for (size_t n = 1; n < taken.size(); ++n) {
      const int64_t cores = topology.nodes[n].cores, bestCores = topology.nodes[best].cores;
      if ((taken[n] + 1) * bestCores < (taken[best] + 1) * cores) best = n;
    }
    ++taken[best];
    nodes.push_back(int(best));
  }
  return nodes;
}

}  // namespace lemma::cpu
