// What the walk looks up: a space's mappings, a module's rows, words of the target's memory.
#ifndef SAMPAN_TIERS_EBPF_ROWS_BPF_H
#define SAMPAN_TIERS_EBPF_ROWS_BPF_H

#include "samplers/kernel/walk.bpf.h"
#include "samplers/tiers/ebpf.h"

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
  __u64 pc, sp, fp, lr;      // lr: where `exact`
  __u64 bits;                // that a code address can have set
  __u64 start, end, bias;    // the mapping of the last frame
  __u32 module, pages;
  __u32 count;
  __u32 flags;
  __u32 exact, innermost;    // as in FrameState, samplers/unwind/unwinder.hpp
  __u32 fp_known, sp_known;
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

static __always_inline __u64 address_bits(__u32 space) {
  __u32 zero = 0;
  void *mappings = bpf_map_lookup_elem(&spaces, &space);
  const struct sampan_mapping *head = mappings ? bpf_map_lookup_elem(mappings, &zero) : 0;
  return head ? head->end : ~0ull;
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

#endif
