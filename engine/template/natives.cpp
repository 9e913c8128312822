#include "engine/template/natives.h"

#include <algorithm>

#include "engine/template/interpreter.h"
#include "engine/template/operators.h"

namespace lemma::jinja {

int64_t Call::integer(size_t i, int64_t fallback) const {
  return has(i) ? needInteger(*at(i), "an argument") : fallback;
}
bool Call::flag(size_t i, bool fallback) const { return at(i) ? at(i)->truthy() : fallback; }
const Text& Call::string(size_t i) const {
  static const Text kNothing;
  return at(i) ? needString(*at(i), "an argument") : kNothing;
}
std::string_view Call::string(size_t i, std::string_view fallback) const {
  return has(i) ? needString(*at(i), "an argument").bytes() : fallback;
}

Value run(const Native& native, Interpreter& in, const Value& self, const Args& args) {
  in.budget.spend(2);
  Call call(in, self, args);
  const std::string name(native.name);
  if (native.parameters != "*") {
    std::vector<std::string_view> names;
    for (size_t at = 0; at < native.parameters.size();) {
      const size_t end = std::min(native.parameters.find(' ', at), native.parameters.size());
      names.push_back(native.parameters.substr(at, end - at));
      at = end + 1;
    }
    if (args.positional.size() > names.size()) {
      refuse("'" + name + "' takes at most " + std::to_string(names.size()) + " arguments");
    }
    call.slots.assign(names.size(), nullptr);
    for (size_t i = 0; i < args.positional.size(); ++i) call.slots[i] = &args.positional[i];
    for (const auto& [key, value] : args.named) {
      size_t i = 0;
      while (i < names.size() && names[i] != key) ++i;
      if (i == names.size() || call.slots[i]) refuse("'" + name + "' takes no argument '" + key + "' here");
      call.slots[i] = &value;
    }
    for (size_t i = 0; i < size_t(native.required); ++i) {
      if (!call.slots[i]) refuse("'" + name + "' needs the argument '" + std::string(names[i]) + "'");
    }
  }
  return native.run(call);
}

}  // namespace lemma::jinja
