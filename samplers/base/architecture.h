// What differs between processors in a stack and its description: a row each. C, shared with the BPF program; the one
// place that asks which processor this is built for. Sources: the psABI documents of x86-64 and AArch64 (aadwarf64),
// asm/sigcontext.h, asm/ucontext.h.
#ifndef SAMPAN_BASE_ARCHITECTURE_H
#define SAMPAN_BASE_ARCHITECTURE_H

#include <linux/types.h>

#define SAMPAN_REGISTERS 32   // by DWARF number, as many as either has

struct sampan_architecture {
  __u16 machine;          // of ELF
  __u32 relative;         // ELF's relocation of a word that holds an address of the file itself
  __u8 fp, sp;            // DWARF numbers
  __u8 ra;                // the column of the return address
  __u8 general;           // registers below this number are known of an innermost frame
  // A call leaves the return address in register `ra`, and a frame record may lie anywhere in its frame. Otherwise the
  // call pushes it: it lies right below the CFA, and so does a frame record.
  __u8 link_register;
  // A signal frame: where, from sp as the handler returns, the interrupted registers are.
  __u16 context_fp, context_ra, context_sp, context_pc;
  // runtime.asmcgocall of Go: where, from the word that holds g, the depth of its stack is kept.
  __s8 go_depth;
};

#ifdef __cplusplus
#define SAMPAN_SHARED inline constexpr
#else
#define SAMPAN_SHARED static const
#endif
SAMPAN_SHARED struct sampan_architecture sampan_x86_64 = {
    .machine = 62, .relative = 8, .fp = 6, .sp = 7, .ra = 16, .general = 16, .link_register = 0,
    .context_fp = 120, .context_ra = 0, .context_sp = 160, .context_pc = 168, .go_depth = -8};
SAMPAN_SHARED struct sampan_architecture sampan_aarch64 = {
    .machine = 183, .relative = 1027, .fp = 29, .sp = 31, .ra = 30, .general = 32, .link_register = 1,
    .context_fp = 544, .context_ra = 552, .context_sp = 560, .context_pc = 568, .go_depth = 8};

#if defined(__x86_64__) || defined(__TARGET_ARCH_x86)
#define sampan_native sampan_x86_64
#elif defined(__aarch64__) || defined(__TARGET_ARCH_arm64)
#define sampan_native sampan_aarch64
#endif

#endif
