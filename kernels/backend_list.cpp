#include "kernels/api/backend_list.h"

#include "kernels/ref/reference_backend.h"

namespace lemma {
namespace {

constexpr BackendEntry kBackends[] = {
    {"reference", makeReferenceBackend},
};

}  // namespace

std::span<const BackendEntry> backendList() { return kBackends; }

const BackendEntry* backendEntry(std::string_view name) {
  for (const BackendEntry& entry : kBackends) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::span<const std::string_view> cpuTargets() { return {}; }  // this build has no cpu backend

}  // namespace lemma
