// Unwind rows, 8 bytes each: how to find a frame's caller from `pc` on. Shared with the BPF programs, hence C.
// The return address is where a call leaves it (x86_64: at CFA - 8; arm64: in lr, of a frame where that is known) unless
// the kind says otherwise.
#ifndef SAMPAN_UNWIND_ROWS_H
#define SAMPAN_UNWIND_ROWS_H

#include <linux/types.h>

struct sampan_row {
  __u32 pc;    // first address it holds for, relative to the file's lowest segment
  __s16 cfa;   // in units of 8 bytes
  __s8 fp;     // a slot, in units of 8 bytes, or a register or constant as the kind says
  __u8 kind;   // enum sampan_row_kind | enum sampan_row_base | enum sampan_row_slot
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
                              // in a word beside it. x86_64: the return address there at + fp; arm64: at + 0, the
                              // caller's sp at + fp
  SAMPAN_ROW_UNKNOWN = 11,    // described, but by a rule that is not understood: stop, never guess
  SAMPAN_ROW_FP_SWITCH = 12,  // a frame-pointer step onto another stack: fp need not lie above sp; CFA = fp + cfa
  SAMPAN_ROW_GO_INJECTED = 13, // runtime.asyncPreempt of Go on arm64: CFA = sp + cfa; its caller was interrupted, by a signal that
                              // left its lr at the CFA and went two words below its sp
};
// What the slot `fp` is counted from, and what it holds.
enum sampan_row_base {
  SAMPAN_BASE_NONE = 0x00,    // there is no slot: the caller's fp is the frame's own
  SAMPAN_BASE_CFA = 0x10,
  SAMPAN_BASE_FP = 0x20,
  SAMPAN_BASE_SP = 0x30,
};
enum sampan_row_slot {
  SAMPAN_SLOT_FP = 0x00,      // the caller's fp
  SAMPAN_SLOT_RECORD = 0x40,  // the caller's fp, behind it the return address: a frame record
  SAMPAN_SLOT_RA = 0x80,      // the return address
  SAMPAN_SLOT_BOTH = 0xc0,    // no slot but two: fp's and the return address's distances below the base, less one, in
                              // the lower and the upper half of the field
};
// Told from the code itself, for want of unwind information, and counted apart: the kinds SP and FP have this added to them,
// ROOT and UNKNOWN, which need no slot, have fp = SAMPAN_FP_DERIVED.
#define SAMPAN_ROW_DERIVED 13
#define SAMPAN_FP_DERIVED 1
// SP and FP for those that were derived as well.
#define SAMPAN_ROW_KIND(kind) (((kind) & 0x0f) > SAMPAN_ROW_DERIVED ? ((kind) & 0x0f) - SAMPAN_ROW_DERIVED : ((kind) & 0x0f))
#define SAMPAN_ROW_BASE(kind) ((kind) & 0x30)
#define SAMPAN_ROW_SLOT(kind) ((kind) & 0xc0)

// Whether it is no unwind information that the row was made of: told from the code itself, or that there is none.
static inline __attribute__((always_inline)) int sampan_row_inferred(const struct sampan_row *row) {
  const __u32 kind = row->kind & 0x0f;
  const int ends = kind == SAMPAN_ROW_ROOT || kind == SAMPAN_ROW_UNKNOWN;
  return kind == SAMPAN_ROW_NONE || kind > SAMPAN_ROW_DERIVED || (ends && row->fp == SAMPAN_FP_DERIVED);
}

#endif
