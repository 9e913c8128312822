#include "engine/api/devices.h"

#include "kernels/api/backend_list.h"

namespace lemma {

std::vector<std::string_view> deviceNames() {
  std::vector<std::string_view> names;
  for (const BackendEntry& entry : backendList()) names.push_back(entry.name);
  return names;
}

}  // namespace lemma
