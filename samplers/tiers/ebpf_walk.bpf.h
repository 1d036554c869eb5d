// The walk: rows of .eh_frame where they cover the code, a frame-pointer step where none does.
#ifndef SAMPAN_TIERS_EBPF_WALK_BPF_H
#define SAMPAN_TIERS_EBPF_WALK_BPF_H

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

// A record under construction. Two a processor: a sample may interrupt a switch.
struct work {
  struct sampan_record record;
  __u64 addresses[SAMPAN_MOST_FRAMES + SAMPAN_MOST_KERNEL + SAMPAN_MOST_INTERPRETER / 8];
  struct sampan_registers registers;
  __u64 scratch[32];       // of a runtime's own walk
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, struct work);
} works SEC(".maps");

struct walk {
  struct work *work;
  __u64 pc, sp, fp;
  __u64 start, end, bias;    // the mapping of the last frame
  __u32 module, pages;
  __u32 space;
  __u32 count;
  __u32 flags;
  __u8 exact, innermost;
};

static __always_inline int read_word(__u64 address, __u64 *value) {
  return bpf_probe_read_user(value, sizeof(*value), (void *)address);
}

// A binary search, one step a call: loops proper cost the verifier a hundred times as much.
struct search {
  void *map;
  __u32 low, high, base;
  __u64 key;
};

// Ends with `low`: the first mapping that starts above the key.
static long search_mappings(__u32 index, void *context) {
  struct search *s = context;
  __u32 middle = (s->low + s->high) / 2;
  (void)index;
  if (s->low >= s->high) return 1;
  const struct sampan_mapping *m = bpf_map_lookup_elem(s->map, &middle);
  if (!m) return 1;
  if (m->start <= s->key) s->low = middle + 1;
  else s->high = middle;
  return 0;
}

// Ends with `low`: the last row at or before the key, in [low, high).
static long search_rows(__u32 index, void *context) {
  struct search *s = context;
  const __u32 middle = (s->low + s->high) / 2;
  __u32 at = s->base + middle;
  (void)index;
  if (s->low + 1 >= s->high) return 1;
  const struct sampan_row *row = bpf_map_lookup_elem(s->map, &at);
  if (!row) return 1;
  if (row->pc <= s->key) s->low = middle;
  else s->high = middle;
  return 0;
}

// Finds the mapping of an address; false where the space has none.
static __always_inline int find_mapping(struct walk *w, __u64 address) {
  if (address >= w->start && address < w->end) return 1;
  __u32 space = w->space, zero = 0;
  struct search s = {.low = 1, .key = address};
  s.map = bpf_map_lookup_elem(&spaces, &space);
  if (!s.map) return 0;
  const struct sampan_mapping *m = bpf_map_lookup_elem(s.map, &zero);
  if (!m) return 0;
  s.high = (__u32)m->start + 1;
  bpf_loop(18, search_mappings, &s, 0);
  __u32 at = s.low - 1;
  if (at == 0) return 0;
  m = bpf_map_lookup_elem(s.map, &at);
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
  __u32 page = (__u32)(relative >> SAMPAN_PAGE_SHIFT);
  if (slot == 0 || relative >> 32 || page >= w->pages) return;
  struct search s = {.base = w->pages + 1, .key = relative};
  s.map = bpf_map_lookup_elem(&modules, &slot);
  if (!s.map) return;
  const __u64 *word = bpf_map_lookup_elem(s.map, &page);
  if (!word) return;
  s.low = (__u32)*word;
  ++page;
  word = bpf_map_lookup_elem(s.map, &page);
  if (!word) return;
  s.high = (__u32)*word + 1;
  bpf_loop(SAMPAN_PAGE_SHIFT + 2, search_rows, &s, 0);
  __u32 at = s.base + s.low;
  const struct sampan_row *found = bpf_map_lookup_elem(s.map, &at);
  if (found && found->pc <= (__u32)relative) *row = *found;
}

// Moves on to the caller; 1 ends the walk.
static __always_inline long enter(struct walk *w, __u64 pc, __u64 sp, __u64 fp, __u8 exact) {
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
  if (w->fp == 0) return stop(w, SAMPAN_ROOTED);
  if ((same_stack && w->fp < w->sp) || (w->fp & 7)) return stop(w, SAMPAN_NO_RULE);
  if (read_word(w->fp, &fp) || read_word(w->fp + 8, &pc)) return stop(w, SAMPAN_NO_MEMORY);
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

static __always_inline long by_row(struct walk *w, const struct sampan_row *row) {
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
      cfa = w->work->registers.general[reg] + offset;
      break;
    default: return stop(w, SAMPAN_NO_RULE);
  }
  if (kind == SAMPAN_ROW_RA_REGISTER) {
    if (!w->innermost) return stop(w, SAMPAN_NO_RULE);
    pc = w->work->registers.general[reg];
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

static long step(__u32 index, void *context) {
  struct walk *w = context;
  struct sampan_row row = {};
  const __u64 address = w->exact ? w->pc : w->pc - 1;
  (void)index;
  if (w->count >= SAMPAN_MOST_FRAMES) return 1;
  w->work->addresses[w->count & (SAMPAN_MOST_FRAMES - 1)] = address;
  ++w->count;
  if (!find_mapping(w, address)) return stop(w, SAMPAN_UNMAPPED);
  find_row(w, address, &row);
  switch (SAMPAN_ROW_KIND(row.kind)) {
    case SAMPAN_ROW_NONE: return by_frame_pointer(w, 1);
    case SAMPAN_ROW_FP_SWITCH: return by_frame_pointer(w, 0);
    case SAMPAN_ROW_ROOT: return stop(w, SAMPAN_ROOTED);
    case SAMPAN_ROW_SIGNAL: return by_signal_frame(w);
    case SAMPAN_ROW_GO_CGO: return by_go_switch(w, &row);
    default: return by_row(w, &row);
  }
}

// Walks from work->registers; fills addresses, record.frames and record.flags.
static __always_inline void walk_user(struct work *work, __u32 space) {
  struct walk w = {.work = work, .space = space, .exact = 1, .innermost = 1};
  w.pc = work->registers.pc;
  w.sp = work->registers.general[7];
  w.fp = work->registers.general[6];
  bpf_loop(SAMPAN_MOST_FRAMES, step, &w, 0);
  work->record.frames = w.count;
  work->record.flags |= w.flags;
  // However the walk ended, the verifier goes on from one state.
  __builtin_memset(&w, 0, sizeof(w));
  asm volatile("" ::"r"(&w) : "memory");
}

#endif
