// Nodes, cores and processors of machines that are made up, and the threads planned for them.
#include "kernels/cpu/topology.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

#include "kernels/api/backend_list.h"

#if LEMMA_HWLOC
#include <hwloc.h>
#endif

namespace lemma::cpu {
namespace {

Topology madeOf(const std::vector<int>& cores) {
  Topology t;
  int next = 0;
  for (size_t n = 0; n < cores.size(); ++n) {
    TopologyNode node{.memory = int(n), .cores = cores[n]};
    for (int i = 0; i < cores[n]; ++i) node.processors.push_back(next++);
    t.nodes.push_back(node);
  }
  return t;
}

TEST(Topology, ofThisMachineIsWhatThisThreadMayUse) {
  const Topology t = machineTopology();
  ASSERT_FALSE(t.nodes.empty());
  std::vector<int> processors;
  for (const TopologyNode& n : t.nodes) {
    EXPECT_FALSE(n.processors.empty());
    EXPECT_GE(n.cores, 1);
    EXPECT_LE(size_t(n.cores), n.processors.size());
    processors.insert(processors.end(), n.processors.begin(), n.processors.end());
  }
  cpu_set_t set;
  ASSERT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
  EXPECT_EQ(int(processors.size()), CPU_COUNT(&set));
  for (const int p : processors) EXPECT_TRUE(CPU_ISSET(p, &set)) << p;
  EXPECT_EQ(defaultThreads(t), t.cores() == 1 ? t.processors() : t.cores());
  const auto backend = backendEntry("cpu")->make({});
  ASSERT_TRUE(backend);
  EXPECT_EQ((*backend)->info().threads, defaultThreads(t));
}

TEST(Topology, isOfOneProcessorWhereOneIsAllowed) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  int processor = 0;
  while (!CPU_ISSET(processor, &before)) ++processor;
  CPU_SET(processor, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  const Topology t = machineTopology();
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  ASSERT_EQ(t.nodes.size(), 1u);
  EXPECT_EQ(t.nodes[0].processors, std::vector<int>{processor});
  EXPECT_EQ(defaultThreads(t), 1);
}

TEST(PlanThreads, spreadsEveryNumberByCores) {
  for (const std::vector<int>& cores : std::vector<std::vector<int>>{{4}, {4, 4}, {4, 2}, {1, 6, 2}, {3, 3, 3, 3}}) {
    const int all = std::accumulate(cores.begin(), cores.end(), 0);
    const std::vector<int> most = planThreads(madeOf(cores), 3 * all + 1);
    for (int count = 0; count <= 3 * all + 1; ++count) {
      const std::vector<int> plan = planThreads(madeOf(cores), count);
      ASSERT_EQ(plan, std::vector<int>(most.begin(), most.begin() + count));  // fewer threads are the first of more
      for (size_t n = 0; n < cores.size(); ++n) {
        const double here = double(std::count(plan.begin(), plan.end(), int(n)));
        EXPECT_NEAR(here, double(count) * cores[n] / all, 1.0) << count << " threads, node " << n;
        if (count % all == 0) {
          EXPECT_EQ(here, double(count) * cores[n] / all);
        }
      }
    }
  }
  EXPECT_EQ(planThreads(madeOf({4, 4}), 5), (std::vector<int>{0, 1, 0, 1, 0}));
  EXPECT_EQ(planThreads(madeOf({2}), 5), std::vector<int>(5, 0));
}

TEST(PlanThreads, aLoneCoreGetsAllOfItsThreads) {
  EXPECT_EQ(defaultThreads({{{.cores = 1, .processors = {0, 1}}}}), 2);
  EXPECT_EQ(defaultThreads({{{.cores = 2, .processors = {0, 2, 1, 3}}}}), 2);
  EXPECT_EQ(defaultThreads({{{.cores = 1, .processors = {0, 1}}, {.cores = 1, .processors = {2, 3}}}}), 2);
}

#if LEMMA_HWLOC
Topology synthetic(const std::string& description, const std::vector<int>& usable = {}) {
  hwloc_topology_t topology = nullptr;
  if (hwloc_topology_init(&topology) != 0) throw std::runtime_error("hwloc does not start");
  const bool xml = description.starts_with("<?xml");
  const int set = xml ? hwloc_topology_set_xmlbuffer(topology, description.c_str(), int(description.size()) + 1)
                      : hwloc_topology_set_synthetic(topology, description.c_str());
  const bool loaded = set == 0 && hwloc_topology_load(topology) == 0;
  Topology t;
  if (loaded) t = topologyOf(topology, usable);
  hwloc_topology_destroy(topology);
  if (!loaded) throw std::runtime_error("hwloc does not understand " + description);
  return t;
}

TEST(Topology, putsCoresBeforeTheirOtherThreads) {
  const Topology t = synthetic("numa:2 core:4 pu:2");
  EXPECT_EQ(t, (Topology{{{0, 4, {0, 2, 4, 6, 1, 3, 5, 7}}, {1, 4, {8, 10, 12, 14, 9, 11, 13, 15}}}}));
  EXPECT_EQ(t.cores(), 8);
  EXPECT_EQ(t.processors(), 16);
  EXPECT_EQ(defaultThreads(t), 8);
  EXPECT_EQ(synthetic("core:3 pu:1"), (Topology{{{0, 3, {0, 1, 2}}}}));
  EXPECT_EQ(synthetic("package:2 numa:2 core:1 pu:1"),
            (Topology{{{0, 1, {0}}, {1, 1, {1}}, {2, 1, {2}}, {3, 1, {3}}}}));
}

TEST(Topology, keepsToTheProcessorsThatMayBeUsed) {
  // One thread of a core is a core; a node without a processor is none.
  EXPECT_EQ(synthetic("numa:2 core:2 pu:2", {1, 2, 3}), (Topology{{{0, 2, {1, 2, 3}}}}));
  EXPECT_EQ(synthetic("numa:2 core:2 pu:2", {0, 5}), (Topology{{{0, 1, {0}}, {1, 1, {5}}}}));
  EXPECT_EQ(synthetic("numa:2 core:2 pu:2", {99}), Topology{});
}

TEST(Topology, processorsWithoutMemoryBelongToTheNearestThatHas) {
  const std::string two =
      "Package:2 [numa(memory=1GB)] Group:2 core:1 pu:1";  // the usual way: memory of a package, none of its halves
  EXPECT_EQ(synthetic(two), (Topology{{{0, 2, {0, 1}}, {1, 2, {2, 3}}}}));
  // Four nodes in two packages, of which the second of each has no memory.
  std::string xml = R"(<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
  <object type="Machine" os_index="0" cpuset="0x0000000f" complete_cpuset="0x0000000f" allowed_cpuset="0x0000000f" nodeset="0x0000000f" complete_nodeset="0x0000000f" allowed_nodeset="0x0000000f" gp_index="1">
)";
  int id = 2;
  for (int package = 0; package < 2; ++package) {
    const auto sets = [](int cpus, int nodes) {
      char text[200];
      std::snprintf(text, sizeof text,
                    R"(cpuset="0x%08x" complete_cpuset="0x%08x" nodeset="0x%08x" complete_nodeset="0x%08x")", cpus,
                    cpus, nodes, nodes);
      return std::string(text);
    };
    const auto object = [&](const std::string& type, int index, int cpus, int nodes) {
      return "<object type=\"" + type + "\" os_index=\"" + std::to_string(index) + "\" " + sets(cpus, nodes) +
             " gp_index=\"" + std::to_string(id++) + "\"";
    };
    xml += object("Package", package, 3 << 2 * package, 3 << 2 * package) + ">\n";
    for (int half = 0; half < 2; ++half) {
      const int n = 2 * package + half;
      xml += object("Group", n, 1 << n, 1 << n) + " kind=\"0\" subkind=\"0\">\n";
      xml += object("NUMANode", n, 1 << n, 1 << n) + " local_memory=\"" + (half == 0 ? "1073741824" : "0") + "\"/>\n";
      xml += object("Core", n, 1 << n, 1 << n) + ">\n" + object("PU", n, 1 << n, 1 << n) + "/>\n</object>\n</object>\n";
    }
    xml += "</object>\n";
  }
  xml += "</object>\n</topology>\n";
  EXPECT_EQ(synthetic(xml), (Topology{{{0, 2, {0, 1}}, {2, 2, {2, 3}}}}));
}

TEST(Topology, fastMemoryBesideANodeIsNoNode) {
  // A package with two memories: its own and a smaller one that has no processors of its own.
  EXPECT_EQ(synthetic("package:2 [numa(memory=64GB)] [numa(memory=16GB)] core:2 pu:1").nodes.size(), 2u);
  EXPECT_EQ(synthetic("package:2 [numa(memory=16GB)] [numa(memory=64GB)] core:2 pu:1").nodes[0].memory, 1);
}
#endif

}  // namespace
}  // namespace lemma::cpu
