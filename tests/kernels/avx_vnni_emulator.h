// Does what AVX-VNNI's vpdpbusd and vpdpwssd on 256 bits do where the processor refuses them, so that the very code
// that is shipped runs and is compared on machines without them. Test code only.
#pragma once

#include <cstdint>

namespace lemma::test {

// From construction to destruction SIGILL of any thread at such an instruction becomes its result. One at a time.
class AvxVnniEmulator {
 public:
  AvxVnniEmulator();
  ~AvxVnniEmulator();
  AvxVnniEmulator(const AvxVnniEmulator&) = delete;
  AvxVnniEmulator& operator=(const AvxVnniEmulator&) = delete;

  static uint64_t instructions();  // emulated since the program's start
};

}  // namespace lemma::test
