// What people call a model: the name of its file, or of its folder, without the storage format. The name inside the
// file is often that of a training run. Pure, any thread.
#pragma once

#include <string>

namespace lemma::app {

// "/models/SmolLM2-135M-Instruct.Q4_1.gguf" -> "SmolLM2-135M-Instruct"
std::string modelName(const std::string& path);

}  // namespace lemma::app
