// Unwind rows, 8 bytes each: how to find a frame's caller from `pc` on. Shared with the BPF programs, hence C.
// x86_64: the return address lies at CFA - 8 unless the kind says otherwise.
#ifndef SAMPAN_UNWIND_ROWS_H
#define SAMPAN_UNWIND_ROWS_H

#include <linux/types.h>

struct sampan_row {
  __u32 pc;    // first address it holds for, relative to the file's lowest segment
  __s16 cfa;   // in units of 8 bytes
  __s8 fp;     // in units of 8 bytes, or a register or constant as the kind says
  __u8 kind;   // enum sampan_row_kind | enum sampan_row_fp
};

enum sampan_row_kind {
  SAMPAN_ROW_NONE = 0,        // nothing covers this code: take one frame-pointer step, which proves nothing
  SAMPAN_ROW_SP = 1,          // CFA = sp + cfa
  SAMPAN_ROW_FP = 2,          // CFA = fp + cfa
  SAMPAN_ROW_DEREF_SP = 3,    // CFA = *(sp + cfa)
  SAMPAN_ROW_DEREF_FP = 4,    // CFA = *(fp + cfa)
  SAMPAN_ROW_PLT = 5,         // CFA = sp + cfa + ((pc & 15) >= fp ? 8 : 0)
  SAMPAN_ROW_SIGNAL = 6,      // sp points to a ucontext: every register is there
  SAMPAN_ROW_ROOT = 7,        // the thread's (or goroutine's) first function
  SAMPAN_ROW_REGISTER = 8,    // CFA = general[fp] + cfa: known in the innermost frame only
  SAMPAN_ROW_RA_REGISTER = 9, // CFA = sp + cfa, the return address in general[fp] (vfork): innermost only
  SAMPAN_ROW_GO_CGO = 10,     // runtime.asmcgocall: the goroutine's own stack goes on. g at sp + cfa, its stack's depth
                              // in the word below; the return address there at + fp
  SAMPAN_ROW_UNKNOWN = 11,    // described, but by a rule that is not understood: stop, never guess
  SAMPAN_ROW_FP_SWITCH = 12,  // a frame-pointer step onto another stack: fp need not lie above sp
};
enum sampan_row_fp {
  SAMPAN_FP_SAME = 0x00,      // the caller's fp is the frame's own
  SAMPAN_FP_AT_CFA = 0x10,    // saved at CFA + fp
  SAMPAN_FP_AT_FP = 0x20,     // saved at fp + fp
};
#define SAMPAN_ROW_DERIVED 0x80   // told from the code itself, for want of unwind information: counted apart
#define SAMPAN_ROW_KIND(kind) ((kind) & 0x0f)
#define SAMPAN_ROW_FP_RULE(kind) ((kind) & 0x30)

// Offsets from a ucontext on x86_64 (arch/x86/include/uapi/asm/sigcontext.h).
#define SAMPAN_UCONTEXT_FP 120
#define SAMPAN_UCONTEXT_SP 160
#define SAMPAN_UCONTEXT_PC 168

#endif
