#include "tests/kernels/avx_vnni_emulator.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

#include <array>
#include <atomic>
#include <cstring>

namespace lemma::test {
namespace {

std::atomic<uint64_t> emulated{0};
struct sigaction actionBefore;

using Ymm = std::array<uint8_t, 32>;

// The thread's vector registers as the kernel saved them: FXSAVE's low halves, then XSAVE's header and, where cpuid
// says, the high halves (Intel's manual, volume 1, chapter 13; the signal frame has the standard form).
class SavedVectors {
 public:
  explicit SavedVectors(ucontext_t& context) : area_(reinterpret_cast<uint8_t*>(context.uc_mcontext.fpregs)) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    __cpuid_count(0xd, 2, a, b, c, d);
    high_ = area_ + b;
    uint64_t present = 0;
    std::memcpy(&present, area_ + kHeader, sizeof present);
    if (!(present & kSse)) std::memset(area_ + kLow, 0, 16 * 16);
    if (!(present & kAvx)) std::memset(high_, 0, 16 * 16);
    present |= kSse | kAvx;
    std::memcpy(area_ + kHeader, &present, sizeof present);
  }

  Ymm get(int r) const {
    Ymm v;
    std::memcpy(v.data(), area_ + kLow + 16 * r, 16);
    std::memcpy(v.data() + 16, high_ + 16 * r, 16);
    return v;
  }
  void set(int r, const Ymm& v) {
    std::memcpy(area_ + kLow + 16 * r, v.data(), 16);
    std::memcpy(high_ + 16 * r, v.data() + 16, 16);
  }

 private:
  static constexpr int kLow = 160, kHeader = 512;
  static constexpr uint64_t kSse = 2, kAvx = 4;
  uint8_t* area_;
  uint8_t* high_;
};

uint64_t generalRegister(const ucontext_t& context, int r) {
  constexpr int kAt[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                           REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return uint64_t(context.uc_mcontext.gregs[kAt[r]]);
}

template <class T>
T take(const uint8_t*& at) {
  T x;
  std::memcpy(&x, at, sizeof x);
  at += sizeof x;
  return x;
}

// The address that ModRM, SIB and displacement name (volume 2, chapter 2); `at` stands behind ModRM and moves behind
// all.
uint64_t addressOf(const ucontext_t& context, int mod, int rm, bool x, bool b, const uint8_t*& at) {
  uint64_t base = 0;
  bool fromNext = false, wide = mod == 2;
  if (rm == 4) {
    const uint8_t sib = take<uint8_t>(at);
    const int index = ((sib >> 3) & 7) | (x ? 8 : 0);
    if (index != 4) base += generalRegister(context, index) << (sib >> 6);
    if ((sib & 7) == 5 && mod == 0) {
      wide = true;
    } else {
      base += generalRegister(context, (sib & 7) | (b ? 8 : 0));
    }
  } else if (rm == 5 && mod == 0) {
    fromNext = wide = true;
  } else {
    base += generalRegister(context, rm | (b ? 8 : 0));
  }
  if (mod == 1) base += uint64_t(int64_t(take<int8_t>(at)));
  if (wide) base += uint64_t(int64_t(take<int32_t>(at)));
  return fromNext ? base + reinterpret_cast<uint64_t>(at) : base;
}

// Adds to each dword of `sum` the products of a's and b's parts: four bytes, a's without sign, or two words.
void addProducts(bool words, const Ymm& a, const Ymm& b, Ymm& sum) {
  for (size_t i = 0; i < 32; i += 4) {
    uint32_t s = 0;
    std::memcpy(&s, sum.data() + i, 4);
    if (words) {
      std::array<int16_t, 2> x, y;
      std::memcpy(x.data(), a.data() + i, 4);
      std::memcpy(y.data(), b.data() + i, 4);
      for (size_t k = 0; k < 2; ++k) s += uint32_t(int32_t(x[k]) * int32_t(y[k]));
    } else {
      for (size_t k = 0; k < 4; ++k) s += uint32_t(int32_t(a[i + k]) * int32_t(int8_t(b[i + k])));
    }
    std::memcpy(sum.data() + i, &s, 4);
  }
}

bool emulate(ucontext_t& context) {
  const auto* at = reinterpret_cast<const uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
  if (take<uint8_t>(at) != 0xc4) return false;  // VEX of three bytes
  const uint8_t map = take<uint8_t>(at), rest = take<uint8_t>(at), opcode = take<uint8_t>(at);
  // Map 0F38, W 0, 256 bits, prefix 66.
  if ((map & 0x1f) != 2 || (rest & 0x87) != 0x05 || (opcode != 0x50 && opcode != 0x52)) return false;
  const uint8_t modRm = take<uint8_t>(at);
  const bool r = !(map & 0x80), x = !(map & 0x40), b = !(map & 0x20);
  const int mod = modRm >> 6, to = ((modRm >> 3) & 7) | (r ? 8 : 0), first = ~(rest >> 3) & 15;
  SavedVectors vectors(context);
  Ymm second;
  if (mod == 3) {
    second = vectors.get((modRm & 7) | (b ? 8 : 0));
  } else {
    const uint64_t address = addressOf(context, mod, modRm & 7, x, b, at);
    std::memcpy(second.data(), reinterpret_cast<const void*>(address), second.size());
  }
  Ymm sum = vectors.get(to);
  addProducts(opcode == 0x52, vectors.get(first), second, sum);
  vectors.set(to, sum);
  context.uc_mcontext.gregs[REG_RIP] = int64_t(reinterpret_cast<uint64_t>(at));
  return true;
}

void onIllegalInstruction(int signal, siginfo_t*, void* context) {
  if (emulate(*static_cast<ucontext_t*>(context))) {
    emulated.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  ::signal(signal, SIG_DFL);  // the instruction runs again and ends the program
}

}  // namespace

AvxVnniEmulator::AvxVnniEmulator() {
  struct sigaction action = {};
  action.sa_sigaction = onIllegalInstruction;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, &actionBefore);
}

AvxVnniEmulator::~AvxVnniEmulator() { sigaction(SIGILL, &actionBefore, nullptr); }

uint64_t AvxVnniEmulator::instructions() { return emulated; }

}  // namespace lemma::test
#endif
