// Template source to syntax tree. Pure, any thread. Throws Failure.
#pragma once

#include <string_view>

#include "engine/template/ast.h"

namespace lemma::jinja {

Template parse(std::string_view source);

}  // namespace lemma::jinja
