// The fast backend of the processor: weights in the file's own layout, the best instruction set this machine can run.
// Made by the backend list; what a Backend promises is in kernels/api/backend.h.
#pragma once

#include <memory>

#include "kernels/api/backend_list.h"
#include "kernels/cpu/targets.h"
#include "kernels/cpu/topology.h"

namespace lemma {

Result<std::unique_ptr<Backend>> makeCpuBackend(const BackendOptions& options);

// As on a machine of that topology, which tests make up: bits do not depend on it.
Result<std::unique_ptr<Backend>> makeCpuBackend(const BackendOptions& options, const cpu::Topology& topology);

// Over kernels that this machine need not have the instructions for, where somebody emulates them.
std::unique_ptr<Backend> makeCpuBackend(const cpu::Target& target, int threads);

}  // namespace lemma
