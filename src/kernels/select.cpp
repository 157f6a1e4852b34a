// SPDX-License-Identifier: Apache-2.0
// Chooses the kernel table for this processor. Compiled once, for the baseline.
#include "base/cpu.h"
#include "kernels/table.h"

namespace saccade::kernels {

namespace scalar {
extern const KernelTable tables[kDenseForms];
}
#ifdef __x86_64__
namespace avx2 {
extern const KernelTable tables[kDenseForms];
}
namespace avx512 {
extern const KernelTable tables[kDenseForms];
}
#endif

const KernelTable& select(Isa cap, int form) {
  const Isa level = highest_isa() < cap ? highest_isa() : cap;
  switch (level) {
    case Isa::scalar: break;
#ifdef __x86_64__
    case Isa::avx2: return avx2::tables[form];
    case Isa::avx512:
    case Isa::avx512_vnni: return avx512::tables[form];  // f32 kernels gain nothing from VNNI
#else
    default: break;
#endif
  }
  return scalar::tables[form];
}

}  // namespace saccade::kernels
