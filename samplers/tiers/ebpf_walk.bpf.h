// The walk: rows of .eh_frame where they cover the code, a frame-pointer step where none does.
#ifndef SAMPAN_TIERS_EBPF_WALK_BPF_H
#define SAMPAN_TIERS_EBPF_WALK_BPF_H

#include "samplers/base/architecture.h"
#include "samplers/kernel/walk.bpf.h"
#include "samplers/tiers/ebpf.h"
#include "samplers/tiers/ebpf_kernel.bpf.h"
#include "samplers/tiers/ebpf_rows.bpf.h"

// Moves on to the caller; 1 ends the walk.
static __always_inline long enter(struct walk *w, __u64 pc, __u64 sp, __u64 fp) {
  pc &= w->bits;
  w->pc = pc;
  w->sp = sp;
  w->fp = fp;
  w->exact = 0;
  w->innermost = 0;
  w->fp_known = w->sp_known = 1;
  if (pc != 0) return 0;
  w->flags |= SAMPAN_ROOTED;
  return 1;
}

static __always_inline long stop(struct walk *w, __u32 flag) {
  w->flags |= flag;
  return 1;
}

static __always_inline long by_frame_pointer(struct walk *w, const struct sampan_row *row, int same_stack) {
  __u64 pc, fp;
  // A frame pointer of 0 is no proof of the thread's start: any code may keep what it likes in that register.
  if (!w->fp_known || w->fp == 0) return stop(w, SAMPAN_NO_RULE);
  if ((same_stack && w->fp < w->sp) || (w->fp & 7)) return stop(w, SAMPAN_NO_RULE);
  if (read_word(w->fp, &fp) || read_word(w->fp + 8, &pc)) return stop(w, SAMPAN_NO_MEMORY);
  if (same_stack && (pc & w->bits) == 0) return stop(w, SAMPAN_NO_RULE);
  const long done = enter(w, pc, w->fp + (same_stack ? 16 : (__s64)row->cfa * 8), fp);
  w->sp_known = !same_stack || !sampan_native.link_register;
  return done;
}

static __always_inline long by_signal_frame(struct walk *w) {
  const __u64 context = w->sp;
  __u64 pc, sp, fp, lr = 0;
  if (!w->sp_known) return stop(w, SAMPAN_NO_RULE);
  if (read_word(context + sampan_native.context_pc, &pc) || read_word(context + sampan_native.context_sp, &sp) ||
      read_word(context + sampan_native.context_fp, &fp))
    return stop(w, SAMPAN_NO_MEMORY);
  if (sampan_native.link_register && read_word(context + sampan_native.context_ra, &lr)) return stop(w, SAMPAN_NO_MEMORY);
  const long done = enter(w, pc, sp, fp);
  w->lr = lr;
  w->exact = 1;
  return done;
}

// C that Go called runs on the thread's own stack; the goroutine's goes on where asmcgocall left it. Without a g the
// depth's word is the stack pointer itself.
static __always_inline long by_go_switch(struct walk *w, const struct sampan_row *row) {
  const __u64 place = w->sp + (__s64)row->cfa * 8;
  __u64 g, sp, high = 0, pc, fp = w->fp, sender;
  if (!w->sp_known) return stop(w, SAMPAN_NO_RULE);
  if (read_word(place, &g) || read_word(place + sampan_native.go_depth, &sp) || (g && read_word(g + 8, &high)))
    return stop(w, SAMPAN_NO_MEMORY);
  if (g) sp = high - sp;
  sender = sp + 8;
  if (sampan_native.link_register) {
    if (read_word(sp - 8, &fp)) return stop(w, SAMPAN_NO_MEMORY);
    sender = sp + (__s64)row->fp * 8;
  } else if (row->fp) {
    if (read_word(sp, &fp)) return stop(w, SAMPAN_NO_MEMORY);
    sp += 8;
    sender += 8;
  }
  if (read_word(sp, &pc)) return stop(w, SAMPAN_NO_MEMORY);
  return enter(w, pc, sender, fp);
}

// Behind a frame record whose frame's end was not told, sp follows from where this frame's own record is: fp is there.
static __always_inline int find_sp(struct walk *w, const struct sampan_row *row) {
  const __u32 kind = SAMPAN_ROW_KIND(row->kind), base = SAMPAN_ROW_BASE(row->kind);
  if (w->sp_known || kind == SAMPAN_ROW_FP || kind == SAMPAN_ROW_DEREF_FP) return 1;
  if (kind != SAMPAN_ROW_SP || SAMPAN_ROW_SLOT(row->kind) != SAMPAN_SLOT_RECORD || base == SAMPAN_BASE_FP) return 0;
  const __u64 sp = w->fp - (__s64)row->fp * 8 - (base == SAMPAN_BASE_CFA ? (__s64)row->cfa * 8 : 0);
  if (!w->fp_known || sp < w->sp) return 0;
  w->sp = sp;
  return w->sp_known = 1;
}

// Where the row's slot is counted from.
static __always_inline __u64 base_of(const struct walk *w, const struct sampan_row *row, __u64 cfa) {
  const __u32 base = SAMPAN_ROW_BASE(row->kind);
  return base == SAMPAN_BASE_FP ? w->fp : base == SAMPAN_BASE_SP ? w->sp : cfa;
}

// The return address of a frame whose call left it in a register; 0 or why the walk ends. `popped`: it is there again.
static __always_inline __u32 linked_return(struct walk *w, const struct sampan_row *row, __u64 cfa, int popped, __u64 *pc) {
  const __u32 slot = SAMPAN_ROW_SLOT(row->kind);
  if (slot == SAMPAN_SLOT_FP || popped) {
    *pc = w->lr;
    return w->exact ? 0 : SAMPAN_NO_RULE;
  }
  __u64 at = base_of(w, row, cfa) + (__s64)row->fp * 8 + (slot == SAMPAN_SLOT_RECORD ? 8 : 0);
  if (slot == SAMPAN_SLOT_BOTH) at = cfa - (((row->fp >> 4) & 15) + 1) * 8;
  return read_word(at, pc) ? SAMPAN_NO_MEMORY : 0;
}

static __always_inline long by_row(struct walk *w, const struct sampan_registers *registers, const struct sampan_row *row) {
  const __u32 kind = SAMPAN_ROW_KIND(row->kind), base = SAMPAN_ROW_BASE(row->kind), slot = SAMPAN_ROW_SLOT(row->kind);
  const __s64 offset = (__s64)row->cfa * 8;
  const __s64 lowest = slot == SAMPAN_SLOT_BOTH ? -((row->fp & 15) + 1) * 8 : (__s64)row->fp * 8;
  const int in_register = kind == SAMPAN_ROW_RA_REGISTER || (sampan_native.link_register && slot == SAMPAN_SLOT_FP);
  __u64 cfa = 0, pc = 0, fp = w->fp;
  const __u32 reg = (__u32)row->fp & (SAMPAN_REGISTERS - 1);
  if (!find_sp(w, row)) return stop(w, SAMPAN_NO_RULE);
  if (!w->fp_known && (kind == SAMPAN_ROW_FP || kind == SAMPAN_ROW_DEREF_FP || base == SAMPAN_BASE_FP)) return stop(w, SAMPAN_NO_RULE);
  if (!w->innermost && (kind == SAMPAN_ROW_REGISTER || kind == SAMPAN_ROW_RA_REGISTER)) return stop(w, SAMPAN_NO_RULE);
  switch (kind) {
    case SAMPAN_ROW_SP: case SAMPAN_ROW_GO_INJECTED: case SAMPAN_ROW_RA_REGISTER: cfa = w->sp + offset; break;
    case SAMPAN_ROW_FP: cfa = w->fp + offset; break;
    case SAMPAN_ROW_DEREF_SP: if (read_word(w->sp + offset, &cfa)) return stop(w, SAMPAN_NO_MEMORY); break;
    case SAMPAN_ROW_DEREF_FP: if (read_word(w->fp + offset, &cfa)) return stop(w, SAMPAN_NO_MEMORY); break;
    case SAMPAN_ROW_PLT: cfa = w->sp + offset + ((w->pc & 15) >= (__u64)row->fp ? 8 : 0); break;
    case SAMPAN_ROW_REGISTER: cfa = registers->general[reg] + offset; break;
    default: return stop(w, SAMPAN_NO_RULE);
  }
  if (in_register ? cfa < w->sp : cfa <= w->sp) return stop(w, SAMPAN_NO_RULE);
  // A slot below sp has been popped by an epilogue: the register holds it again.
  const int popped = base == SAMPAN_BASE_CFA && cfa + lowest < w->sp;
  if (kind == SAMPAN_ROW_RA_REGISTER) {
    pc = registers->general[reg];
  } else if (sampan_native.link_register) {
    const __u32 why = linked_return(w, row, cfa, popped, &pc);
    if (why) return stop(w, why);
  } else if (read_word(cfa - 8, &pc)) {
    return stop(w, SAMPAN_NO_MEMORY);
  }
  int known = w->fp_known;
  if (base != SAMPAN_BASE_NONE && slot != SAMPAN_SLOT_RA && !popped) known = read_word(base_of(w, row, cfa) + lowest, &fp) == 0;
  const int injected = sampan_native.link_register && kind == SAMPAN_ROW_GO_INJECTED;
  __u64 lr = 0;
  if (injected && read_word(cfa, &lr)) return stop(w, SAMPAN_NO_MEMORY);
  const long done = enter(w, pc, cfa + (injected ? 16 : 0), fp);
  w->fp_known = known;
  w->lr = lr;
  w->exact = injected;
  return done;
}

static __always_inline long step(struct sampan_work *work, struct walk *w) {
  struct sampan_row row = {};
  const __u64 address = w->exact ? w->pc : w->pc - 1;
  const __u32 count = w->count;
  if (count >= SAMPAN_MOST_FRAMES) return 1;
  work->addresses[count & (SAMPAN_MOST_FRAMES - 1)] = address;
  w->count = count + 1;
  if (!find_mapping(w, work->space, address)) return stop(w, SAMPAN_UNMAPPED);
  find_row(w, address, &row);
  if (sampan_row_inferred(&row)) w->flags |= SAMPAN_INFERRED;
  switch (SAMPAN_ROW_KIND(row.kind)) {
    case SAMPAN_ROW_NONE: return by_frame_pointer(w, &row, 1);
    case SAMPAN_ROW_FP_SWITCH: return by_frame_pointer(w, &row, 0);
    case SAMPAN_ROW_ROOT: return stop(w, SAMPAN_ROOTED);
    case SAMPAN_ROW_SIGNAL: return by_signal_frame(w);
    case SAMPAN_ROW_GO_CGO: return by_go_switch(w, &row);
    default: return by_row(w, &work->registers, &row);
  }
}

// Some frames more; 1 where the walk has ended. Global, so that the verifier looks at it once.
#define FRAMES_A_CALL 4
__noinline int walk_frames(__u32 which) {
  struct sampan_work *work = sampan_work_of(which);
  if (!work) return 1;
  for (int i = 0; i < FRAMES_A_CALL; ++i) {
    SAMPAN_FORGET();
    if (step(work, (struct walk *)work->scratch)) return 1;
  }
  return 0;
}

// Walks from work->registers; fills addresses, record.frames and record.flags.
static __always_inline void walk_user(__u32 which, struct sampan_work *work) {
  struct walk *w = (struct walk *)work->scratch;
  __builtin_memset(w, 0, sizeof(*w));
  w->exact = w->innermost = w->fp_known = w->sp_known = 1;
  w->pc = work->registers.pc;
  w->sp = work->registers.general[sampan_native.sp];
  w->fp = work->registers.general[sampan_native.fp];
  if (sampan_native.link_register) w->lr = work->registers.general[sampan_native.ra];
  w->bits = address_bits(work->space);
  SAMPAN_REPEAT(SAMPAN_MOST_FRAMES / FRAMES_A_CALL, walk_frames(which));
  SAMPAN_FORGET();
  work->record.frames = w->count;
  work->record.flags |= w->flags;
}

#endif
