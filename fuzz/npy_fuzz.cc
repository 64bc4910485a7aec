#include "fuzz/format_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)pyralog::fuzz::ReadAsFormat("npy", data, size);
  return 0;
}
