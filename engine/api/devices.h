// The devices that LoadOptions::backend may name. Constant data, any thread.
#pragma once

#include <string_view>
#include <vector>

namespace lemma {

std::vector<std::string_view> deviceNames();

}  // namespace lemma
