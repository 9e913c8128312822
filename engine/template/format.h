// Python's text formatting: "..." % values and "...".format(...). Throw Failure; widths are limited.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "engine/template/failure.h"
#include "engine/template/value.h"

namespace lemma::jinja {

class Interpreter;

Text formatPercent(const Text& format, const Value& values, Budget& budget);
Text formatBraces(const Text& format, const std::vector<Value>& positional,
                  const std::vector<std::pair<std::string, Value>>& named, Interpreter& in);
// Pads to `width` code points. `side`: '<' left, '>' right, '^' centre as str.format does it, 'c' as str.center.
Text padded(const Text& t, int64_t width, char side, std::string_view fill, Budget& budget);

}  // namespace lemma::jinja
