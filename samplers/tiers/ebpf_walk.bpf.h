// The walk: rows of .eh_frame where they cover the code, a frame-pointer step where none does.
#ifndef SAMPAN_TIERS_EBPF_WALK_BPF_H
#define SAMPAN_TIERS_EBPF_WALK_BPF_H

#include "samplers/kernel/walk.bpf.h"
#include "samplers/tiers/ebpf.h"
#include "samplers/tiers/ebpf_kernel.bpf.h"

struct inner_space {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_INNER_MAP);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(struct sampan_mapping));
};
struct {
  __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
  __uint(max_entries, SAMPAN_MOST_TARGETS);
  __type(key, __u32);
  __array(values, struct inner_space);
} spaces SEC(".maps");

struct inner_module {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_INNER_MAP | BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u64));
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, SAMPAN_MOST_MODULES);
  __type(key, __u32);
  __array(values, struct inner_module);
} modules SEC(".maps");

// The walk's state, in the work area's scratch: registers of a frame, where a search stands.
struct walk {
  __u64 pc, sp, fp;
  __u64 start, end, bias;    // the mapping of the last frame
  __u32 module, pages;
  __u32 count;
  __u32 flags;
  __u32 exact, innermost;
  __u32 low, high;
};

static __always_inline int read_word(__u64 address, __u64 *value) {
  return bpf_probe_read_user(value, sizeof(*value), (void *)address);
}

// Ends with w->low: the first mapping that starts above the address.
static __always_inline void search_mappings(struct walk *w, void *space, __u64 address) {
  for (int i = 0; i < 18; ++i) {
    SAMPAN_FORGET();
    const __u32 low = w->low, high = w->high;
    __u32 middle = (low + high) / 2;
    if (low >= high) return;
    const struct sampan_mapping *m = bpf_map_lookup_elem(space, &middle);
    if (!m) return;
    if (m->start <= address) w->low = middle + 1;
    else w->high = middle;
  }
}

// Ends with w->low: the last row at or before the address, in [low, high). Rows lie from `base` on.
static __always_inline void search_rows(struct walk *w, void *rows, __u32 base, __u64 relative) {
  for (int i = 0; i < SAMPAN_PAGE_SHIFT + 2; ++i) {
    SAMPAN_FORGET();
    const __u32 low = w->low, high = w->high, middle = (low + high) / 2;
    __u32 at = base + middle;
    if (low + 1 >= high) return;
    const struct sampan_row *row = bpf_map_lookup_elem(rows, &at);
    if (!row) return;
    if (row->pc <= relative) w->low = middle;
    else w->high = middle;
  }
}

// Finds the mapping of an address; false where the space has none.
static __always_inline int find_mapping(struct walk *w, __u32 space, __u64 address) {
  if (address >= w->start && address < w->end) return 1;
  __u32 zero = 0;
  void *mappings = bpf_map_lookup_elem(&spaces, &space);
  if (!mappings) return 0;
  const struct sampan_mapping *m = bpf_map_lookup_elem(mappings, &zero);
  if (!m) return 0;
  w->low = 1;
  w->high = (__u32)m->start + 1;
  search_mappings(w, mappings, address);
  __u32 at = w->low - 1;
  if (at == 0) return 0;
  m = bpf_map_lookup_elem(mappings, &at);
  if (!m || address < m->start || address >= m->end) return 0;
  w->start = m->start;
  w->end = m->end;
  w->bias = m->bias;
  w->module = m->module;
  w->pages = m->pages;
  return 1;
}

// The row that holds at an address; a NONE row where nothing covers it.
static __always_inline void find_row(struct walk *w, __u64 address, struct sampan_row *row) {
  __u32 slot = w->module;
  const __u64 relative = address - w->bias;
  const __u32 pages = w->pages;
  __u32 page = (__u32)(relative >> SAMPAN_PAGE_SHIFT);
  if (slot == 0 || relative >> 32 || page >= pages) return;
  void *rows = bpf_map_lookup_elem(&modules, &slot);
  if (!rows) return;
  const __u64 *word = bpf_map_lookup_elem(rows, &page);
  if (!word) return;
  w->low = (__u32)*word;
  ++page;
  word = bpf_map_lookup_elem(rows, &page);
  if (!word) return;
  w->high = (__u32)*word + 1;
  search_rows(w, rows, pages + 1, relative);
  __u32 at = pages + 1 + w->low;
  const struct sampan_row *found = bpf_map_lookup_elem(rows, &at);
  if (found && found->pc <= (__u32)relative) *row = *found;
}

// Moves on to the caller; 1 ends the walk.
static __always_inline long enter(struct walk *w, __u64 pc, __u64 sp, __u64 fp, __u32 exact) {
  w->pc = pc;
  w->sp = sp;
  w->fp = fp;
  w->exact = exact;
  w->innermost = 0;
  if (pc != 0) return 0;
  w->flags |= SAMPAN_ROOTED;
  return 1;
}

static __always_inline long stop(struct walk *w, __u32 flag) {
  w->flags |= flag;
  return 1;
}

static __always_inline long by_frame_pointer(struct walk *w, int same_stack) {
  __u64 pc, fp;
  // A frame pointer of 0 is no proof of the thread's start: any code may keep what it likes in that register.
  if (w->fp == 0 || (same_stack && w->fp < w->sp) || (w->fp & 7)) return stop(w, SAMPAN_NO_RULE);
  if (read_word(w->fp, &fp) || read_word(w->fp + 8, &pc)) return stop(w, SAMPAN_NO_MEMORY);
  if (pc == 0 && same_stack) return stop(w, SAMPAN_NO_RULE);
  return enter(w, pc, w->fp + 16, fp, 0);
}

static __always_inline long by_signal_frame(struct walk *w) {
  __u64 pc, sp, fp;
  if (read_word(w->sp + SAMPAN_UCONTEXT_PC, &pc) || read_word(w->sp + SAMPAN_UCONTEXT_SP, &sp) ||
      read_word(w->sp + SAMPAN_UCONTEXT_FP, &fp))
    return stop(w, SAMPAN_NO_MEMORY);
  return enter(w, pc, sp, fp, 1);
}

// C that Go called runs on the thread's own stack; the goroutine's goes on where asmcgocall left it. Without a g the
// word below is the stack pointer itself.
static __always_inline long by_go_switch(struct walk *w, const struct sampan_row *row) {
  const __u64 place = w->sp + (__s64)row->cfa * 8;
  __u64 g, sp, high = 0, pc, fp = w->fp;
  if (read_word(place, &g) || read_word(place - 8, &sp) || (g && read_word(g + 8, &high))) return stop(w, SAMPAN_NO_MEMORY);
  if (g) sp = high - sp;
  if (row->fp) {
    if (read_word(sp, &fp)) return stop(w, SAMPAN_NO_MEMORY);
    sp += 8;
  }
  if (read_word(sp, &pc)) return stop(w, SAMPAN_NO_MEMORY);
  return enter(w, pc, sp + 8, fp, 0);
}

static __always_inline long by_row(struct walk *w, const struct sampan_registers *registers, const struct sampan_row *row) {
  const __u32 kind = SAMPAN_ROW_KIND(row->kind), rule = SAMPAN_ROW_FP_RULE(row->kind);
  const __s64 offset = (__s64)row->cfa * 8, slot = (__s64)row->fp * 8;
  __u64 cfa = 0, pc = 0, fp = w->fp;
  const __u32 reg = (__u32)row->fp & 15;
  switch (kind) {
    case SAMPAN_ROW_SP: case SAMPAN_ROW_RA_REGISTER: cfa = w->sp + offset; break;
    case SAMPAN_ROW_FP: cfa = w->fp + offset; break;
    case SAMPAN_ROW_DEREF_SP: if (read_word(w->sp + offset, &cfa)) return stop(w, SAMPAN_NO_MEMORY); break;
    case SAMPAN_ROW_DEREF_FP: if (read_word(w->fp + offset, &cfa)) return stop(w, SAMPAN_NO_MEMORY); break;
    case SAMPAN_ROW_PLT: cfa = w->sp + offset + ((w->pc & 15) >= (__u64)row->fp ? 8 : 0); break;
    case SAMPAN_ROW_REGISTER:
      if (!w->innermost) return stop(w, SAMPAN_NO_RULE);
      cfa = registers->general[reg] + offset;
      break;
    default: return stop(w, SAMPAN_NO_RULE);
  }
  if (kind == SAMPAN_ROW_RA_REGISTER) {
    if (!w->innermost) return stop(w, SAMPAN_NO_RULE);
    pc = registers->general[reg];
  } else {
    if (cfa <= w->sp) return stop(w, SAMPAN_NO_RULE);
    if (read_word(cfa - 8, &pc)) return stop(w, SAMPAN_NO_MEMORY);
  }
  // A slot below sp has been popped by an epilogue: the register holds it again.
  if (rule == SAMPAN_FP_AT_CFA && cfa + slot >= w->sp) {
    if (read_word(cfa + slot, &fp)) return stop(w, SAMPAN_NO_MEMORY);
  } else if (rule == SAMPAN_FP_AT_FP) {
    if (read_word(w->fp + slot, &fp)) return stop(w, SAMPAN_NO_MEMORY);
  }
  return enter(w, pc, cfa, fp, 0);
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
  if (row.kind == SAMPAN_ROW_NONE || (row.kind & SAMPAN_ROW_DERIVED)) w->flags |= SAMPAN_INFERRED;
  switch (SAMPAN_ROW_KIND(row.kind)) {
    case SAMPAN_ROW_NONE: return by_frame_pointer(w, 1);
    case SAMPAN_ROW_FP_SWITCH: return by_frame_pointer(w, 0);
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
  w->exact = w->innermost = 1;
  w->pc = work->registers.pc;
  w->sp = work->registers.general[7];
  w->fp = work->registers.general[6];
  SAMPAN_REPEAT(SAMPAN_MOST_FRAMES / FRAMES_A_CALL, walk_frames(which));
  SAMPAN_FORGET();
  work->record.frames = w->count;
  work->record.flags |= w->flags;
}

#endif
