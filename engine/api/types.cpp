#include "engine/api/types.h"

namespace lemma {

const char* name(StopReason reason) {
  switch (reason) {
    case StopReason::end:
      return "end";
    case StopReason::stop:
      return "stop";
    case StopReason::length:
      return "length";
    case StopReason::context:
      return "context";
    case StopReason::cancelled:
      return "cancelled";
    case StopReason::error:
      return "error";
  }
  return "error";
}

}  // namespace lemma
