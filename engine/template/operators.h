// Python's operators on template values. Throw Failure where Python raises, and where a result would be too large.
#pragma once

#include <string_view>

#include "engine/template/failure.h"
#include "engine/template/value.h"

namespace lemma::jinja {

Value binary(std::string_view op, const Value& a, const Value& b, Budget& budget);
// "<", "==", "in", "not in" and the others.
bool compare(std::string_view op, const Value& a, const Value& b, Budget& budget);
// Python's < ; refuses what has no order.
bool less(const Value& a, const Value& b, Budget& budget);
bool contains(const Value& container, const Value& x, Budget& budget);
Value negative(const Value& v);

// The elements that a for loop would see; reads a generator to its end. Refuses what cannot be iterated.
std::vector<Value> elements(const Value& v, Budget& budget);
// Python's len(); refuses what has none.
int64_t length(const Value& v);
// v[start:stop:step]; null bounds are open.
Value slice(const Value& v, const Value* start, const Value* stop, const Value* step, Budget& budget);
Value character(const Text& t, int64_t index);  // undefined beyond the ends

Text str(const Value& v, Budget& budget);
// Refuses a value that is undefined, with the reason.
void needDefined(const Value& v);
int64_t needInteger(const Value& v, std::string_view what);
const Text& needString(const Value& v, std::string_view what);

}  // namespace lemma::jinja
