#include "engine/park/cache_identity.h"

#include <sys/stat.h>

#include "engine/model_file/content_id.h"
#include "lemma/version.h"

namespace lemma {

std::string cacheIdentity(const ModelFile& model, int context, const std::string& computed) {
  std::string all = std::string(kVersionText) + "\n" + model.id + "\n" + std::to_string(context) + "\n" + computed;
  for (const ModelPart& part : model.parts) {
    struct stat s {};
    if (part.path.empty() || stat(part.path.c_str(), &s) != 0) continue;
    all += std::to_string(s.st_size) + " " + std::to_string(s.st_mtim.tv_sec) + "." +
           std::to_string(s.st_mtim.tv_nsec) + "\n";
  }
  return hashOf(all);
}

}  // namespace lemma
