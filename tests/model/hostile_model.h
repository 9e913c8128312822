// A model of two layers that is spoiled in one place must be refused in one sentence. Test code only.
#pragma once

#include <span>
#include <string>

#include "tests/model/run_model.h"
#include "tests/model/tiny_model.h"

namespace lemma::test {

struct Hostile {
  const char* name;
  std::function<void(TinyModel&)> spoil;
  Err code;
  const char* names;  // what the sentence must name
};

inline void expectRefused(const std::string& architecture, std::span<const Hostile> cases) {
  for (const Hostile& c : cases) {
    SCOPED_TRACE(c.name);
    TinyModel tiny(architecture);
    c.spoil(tiny);
    TemporaryFile file;
    ASSERT_TRUE(tiny.writer().write(file.path()));
    const auto model = Model::load({.path = file.path(), .kvType = "f32", .backend = "reference"});
    ASSERT_FALSE(model);
    const std::string& what = model.error().what;
    EXPECT_EQ(model.error().code, c.code) << what;
    EXPECT_NE(what.find(c.names), std::string::npos) << what;
    EXPECT_NE(what.find(file.path()), std::string::npos) << what;
    EXPECT_TRUE(std::ranges::none_of(what, [](unsigned char ch) { return ch < 0x20 || ch == 0x7f; })) << what;
  }
}

}  // namespace lemma::test
