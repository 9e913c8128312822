// The kernels of AVX-VNNI, which few machines have without AVX-512: run as they are built, the two instructions that
// are missing emulated.
#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/cpu_features.h"
#include "tests/kernels/avx_vnni_emulator.h"
#include "tests/kernels/op_cases.h"

namespace lemma::test {
namespace {

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)  // kernels are not instrumented, once is enough
// An emulated instruction takes microseconds: of matrix products those that need few, of the other ops every fortieth.
bool isSmall(const OpCase& c) {
  const auto& weights = c.tensors[size_t(c.in[1])].shape.ne;
  return weights[0] * weights[1] * c.runRows() <= 50'000;
}

TEST(AvxVnni, computesWhatTheReferenceDoes) {
  if (!cpu::cpuFeatures().avx2) GTEST_SKIP() << "this machine has no AVX2";
  if (cpu::cpuFeatures().avxvnni) GTEST_SKIP() << "this machine has AVX-VNNI, EveryBackend runs it";
  const auto built = cpu::builtTargets();
  const auto target = std::ranges::find(built, "avxvnni", &cpu::Target::name);
  ASSERT_NE(target, built.end());
  const auto reference = backendEntry("reference")->make({});
  ASSERT_TRUE(reference);
  const auto backend = makeCpuBackend(*target, 2);
  const AvxVnniEmulator emulator;
  const uint64_t before = AvxVnniEmulator::instructions();
  std::vector<std::string> chosen;
  for (int i = 0; const OpCase& c : opCases([](const OpCase&) { return false; })) {
    if (c.kind == OpKind::matMul ? isSmall(c) : i++ % 40 == 0) chosen.push_back(c.name);
  }
  const auto isChosen = [&](const OpCase& c) { return std::ranges::find(chosen, c.name) != chosen.end(); };
  for (const OpCase& c : opCases(isChosen)) {
    if (!isChosen(c)) continue;
    SCOPED_TRACE(c.name);
    const auto expected = runOn(**reference, c), got = runOn(*backend, c);
    ASSERT_TRUE(expected && got);
    EXPECT_LE(relativeError(*got, *expected), c.tolerance);
  }
  RecordProperty("emulated", int(AvxVnniEmulator::instructions() - before));
  EXPECT_GT(AvxVnniEmulator::instructions(), before + 10'000);
}
#endif

}  // namespace
}  // namespace lemma::test
