// The two tables of built-in filters.
#pragma once

#include <span>

#include "engine/template/natives.h"

namespace lemma::jinja {

std::span<const Native> textFilters();
std::span<const Native> listFilters();

}  // namespace lemma::jinja
