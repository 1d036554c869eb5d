// What the BPF program and the ebpf tier say to each other. C, shared; addresses are of the target.
#ifndef SAMPAN_TIERS_EBPF_H
#define SAMPAN_TIERS_EBPF_H

#include <linux/types.h>

#include "samplers/unwind/rows.h"

#define SAMPAN_MOST_FRAMES 1024      // a power of two
#define SAMPAN_MOST_KERNEL 64
#define SAMPAN_MOST_INTERPRETER 20488   // bytes
#define SAMPAN_MOST_STACK 65536
#define SAMPAN_MOST_TARGETS 16384
#define SAMPAN_MOST_MODULES 16384
#define SAMPAN_PAGE_SHIFT 12

// One executable mapping, in a space: an array sorted by start. Element 0 is a head whose `start` counts the others.
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
  SAMPAN_TARGET_INTERPRETER = 8, // the runtime's own frames, by its own walk
  SAMPAN_TARGET_MACHINE = 16,    // the machine's frames
};
struct sampan_target {
  __u32 flags;
  __u32 space;         // whose mappings: its own tgid, or its parent's after a fork
  __u32 stack_bytes;   // at most SAMPAN_MOST_STACK
  __u32 padding;
};

enum sampan_record_kind {
  SAMPAN_RECORD_SAMPLE = 1,      // it ran
  SAMPAN_RECORD_OFF = 2,         // it blocks from `time` on
  SAMPAN_RECORD_ON = 3,          // it runs again; no stack
  SAMPAN_RECORD_FORK = 4,        // `tid` is a new process of target `tgid`
};
enum sampan_record_flags {
  SAMPAN_ROOTED = 1,             // the walk reached the thread's start
  SAMPAN_UNMAPPED = 2,           // it met code that the space does not know: mappings have changed
  SAMPAN_NO_RULE = 4,            // it ended where a rule is not understood
  SAMPAN_NO_MEMORY = 8,          // it ended where the stack could not be read
  SAMPAN_PREEMPTED = 16,         // OFF: it could run but another did
};

// In the order of DWARF's numbers, so that rows may name them.
struct sampan_registers {
  __u64 general[16];
  __u64 pc;
  __u64 thread_pointer;
};

// Followed by `frames` addresses, innermost first, each inside its call, then `kernel` addresses; or, in a stack
// record, by sampan_registers, then `stack_bytes` from sp up, then `kernel` addresses.
struct sampan_record {
  __u32 kind;
  __u32 flags;
  __u32 tgid, tid;        // in the agent's PID namespace
  __u32 inner_tid;        // in the thread's own
  __u32 frames;
  __u32 kernel;
  __u32 stack_bytes;      // not 0: a stack record
  __u64 time;             // CLOCK_MONOTONIC, nanoseconds
  __u32 weight;           // OFF: how many such blocks it stands for
  __u32 interpreter;      // bytes of the runtime's own frames, behind all else
};

#endif
