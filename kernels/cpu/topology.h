// The processors this process may use, by NUMA node, and which thread works on which node. Values and pure functions,
// any thread; machineTopology() alone asks the machine.
#pragma once

#include <span>
#include <vector>

struct hwloc_topology;

namespace lemma::cpu {

struct TopologyNode {
  int memory = 0;               // the system's number of the node
  int cores = 0;                // physical ones
  std::vector<int> processors;  // the system's numbers: one of each core first, then the cores' other threads
  bool operator==(const TopologyNode&) const = default;
};

struct Topology {
  std::vector<TopologyNode> nodes;  // each with a processor or more
  int cores() const;
  int processors() const;
  bool operator==(const Topology&) const = default;
};

// Without hwloc, or where it fails: one node with all processors that the thread may run on, a core each.
Topology machineTopology();

#if LEMMA_HWLOC
// Of a topology that hwloc has loaded, the part on `usable` processors, or all of it where that is empty. Processors
// whose own node has no memory belong to the nearest that has; memory without processors is left out.
Topology topologyOf(hwloc_topology* loaded, std::span<const int> usable);
#endif

// Threads where nobody asks for a number: one a core, as a core's second thread adds nothing to what its multipliers
// do. A lone core gets all of its threads: one of them alone does not take all the bandwidth there is.
int defaultThreads(const Topology& topology);

// The node (an index) of each of `count` threads. The first n of them are spread by cores over the nodes as evenly as
// n threads can be, for every n: fewer work on a token than on a prompt.
std::vector<int> planThreads(const Topology& topology, int count);

}  // namespace lemma::cpu
