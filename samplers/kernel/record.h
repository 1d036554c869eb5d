// The record of one sample, as the BPF programs of the ebpf tier and of runtimes build and send it. C, shared with the
// agent; addresses are of the target.
#ifndef SAMPAN_KERNEL_RECORD_H
#define SAMPAN_KERNEL_RECORD_H

#include <linux/types.h>

#include "samplers/base/architecture.h"

#define SAMPAN_MOST_FRAMES 1024      // a power of two
#define SAMPAN_MOST_KERNEL 64
#define SAMPAN_MOST_INTERPRETER 20488   // bytes
#define SAMPAN_MOST_TARGETS 16384

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
  SAMPAN_INFERRED = 32,          // a step went by no unwind information
};

// In the order of DWARF's numbers, so that rows may name them.
struct sampan_registers {
  __u64 general[SAMPAN_REGISTERS];
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

// Sums over a run, of all processors: one element of the map `totals`.
struct sampan_totals {
  __u64 lost;             // records that the ring had no room for
  __u64 nanoseconds;      // that the programs spent, the clock's own reading included: on targets, and on looks at strangers
  __u64 interrupts;       // of perf events that ran a program
};

#endif
