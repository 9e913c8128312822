#include "kernels/api/backend_list.h"

#include "kernels/cpu/cpu_backend.h"
#include "kernels/ref/reference_backend.h"

namespace lemma {
namespace {

constexpr BackendEntry kBackends[] = {
    {"reference", makeReferenceBackend},
    {"cpu", makeCpuBackend},
};

}  // namespace

std::span<const BackendEntry> backendList() { return kBackends; }

const BackendEntry* backendEntry(std::string_view name) {
  for (const BackendEntry& entry : kBackends) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace lemma
