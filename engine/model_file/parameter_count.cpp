#include "engine/model_file/parameter_count.h"

#include <string>

namespace lemma {

ParameterCount countParameters(const ModelHeader& header) {
  ParameterCount count;
  uint64_t routed = 0;
  for (const ModelTensor& tensor : header.tensors) {
    // A form of storing, nothing learnt.
    if (tensor.name.ends_with(kScalesOfEightBits) || tensor.name.ends_with(kScalesOfFourBits)) continue;
    // Each product fits (the parser checked it); a sum of many could only wrap for tensors that overlap in the file.
    uint64_t elements = 1;
    for (const int64_t ne : tensor.ne) elements *= uint64_t(ne);
    count.all += elements;
    if (tensor.name.find("_exps.") != std::string::npos) routed += elements;
  }
  const std::string architecture = header.strOr("general.architecture", "").value_or("");
  const uint64_t experts = header.u64Or(architecture + ".expert_count", 0).value_or(0);
  const uint64_t used = header.u64Or(architecture + ".expert_used_count", 0).value_or(0);
  count.active = count.all;
  if (experts > 0 && used > 0 && used < experts) {
    count.active = count.all - routed + routed / experts * used;
  }
  return count;
}

}  // namespace lemma
