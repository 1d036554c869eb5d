// What the BPF program and the ebpf tier say to each other. C, shared; addresses are of the target.
#ifndef SAMPAN_TIERS_EBPF_H
#define SAMPAN_TIERS_EBPF_H

#include <linux/types.h>

#include "samplers/kernel/record.h"
#include "samplers/unwind/rows.h"

#define SAMPAN_MOST_STACK 65536
#define SAMPAN_MOST_MODULES 16384
#define SAMPAN_MOST_WALKS 16            // runtimes with a walk of their own
#define SAMPAN_PAGE_SHIFT 12

// One executable mapping, in a space: an array sorted by start. Element 0 is a head: its `start`
// counts the others, its `end` has the bits that a code address can have set.
struct sampan_mapping {
  __u64 start, end;
  __u64 bias;          // pc - bias = address relative to the module's rows
  __u32 module;        // index into modules; 0: no rows, frame-pointer steps only
  __u32 pages;         // of the module's index
};

// A module's array: `pages` + 1 words, the row that holds where each page starts; then the rows.

enum sampan_target_flags {
  SAMPAN_TARGET_MAIN_ONLY = 1,   // the main thread only
  SAMPAN_TARGET_STACK = 2,       // registers and a stack copy, no walk
  SAMPAN_TARGET_KERNEL = 4,      // kernel frames too
  SAMPAN_TARGET_MACHINE = 8,     // the machine's frames
};
struct sampan_target {
  __u32 flags;
  __u32 space;         // whose mappings: its own tgid, or its parent's after a fork
  __u32 stack_bytes;   // at most SAMPAN_MOST_STACK
  __u32 walk;          // of the runtime's own frames: index into the walks; 0: none
};

#endif
