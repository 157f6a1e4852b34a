// SPDX-License-Identifier: Apache-2.0
// Chooses the kernel table for this processor. Compiled once, for the baseline.
#include "base/cpu.h"
#include "kernels/table.h"

namespace saccade::kernels {

namespace scalar {
extern const KernelTable table;
}
#ifdef __x86_64__
namespace avx2 {
extern const KernelTable table;
}
namespace avx512 {
extern const KernelTable table;
}
#endif

const KernelTable& select(Isa cap) {
  const Isa level = highest_isa() < cap ? highest_isa() : cap;
  switch (level) {
    case Isa::scalar: break;
#ifdef __x86_64__
    case Isa::avx2: return avx2::table;
    case Isa::avx512:
    case Isa::avx512_vnni: return avx512::table;  // f32 kernels gain nothing from VNNI
#else
    default: break;
#endif
  }
  return scalar::table;
}

}  // namespace saccade::kernels
