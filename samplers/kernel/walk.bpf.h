// What the tier's BPF programs and a runtime's share: the work area of a record, the ring, and the frame of a runtime's
// own walk. All that a loop changes lies in map values: verifiers before 6.7 take what is on the stack for constants.
//
// A runtime's walk is a file RUNTIME.bpf.c, an object of its own that is loaded with the first process that needs it:
//
//   SAMPAN_WALK_GIVEN(struct given)
//   static __always_inline __u64 walk(__u32 which, struct sampan_work *work);
//   SAMPAN_KERNEL_WALK(walk);
//
// `struct given` is what Walker::kernel_walk() hands over for a process, found by sampan_process(work); walk() writes its
// frames to sampan_out(work) and returns their bytes, at most SAMPAN_MOST_INTERPRETER; 0: none. The walker finds them in
// ThreadSnapshot::interpreter. Long loops: a global function of `which` alone (`__noinline`, not static) that takes a few
// steps and looks the work area up anew, repeated by SAMPAN_REPEAT: the verifier looks at it once, on every kernel from
// 5.10 on.
#ifndef SAMPAN_KERNEL_WALK_BPF_H
#define SAMPAN_KERNEL_WALK_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "samplers/kernel/record.h"

// A record under construction. Two a processor: a sample (0) may interrupt a switch (1).
struct sampan_work {
  struct sampan_record record;
  __u64 addresses[SAMPAN_MOST_FRAMES + SAMPAN_MOST_KERNEL + SAMPAN_MOST_INTERPRETER / 8];
  struct sampan_registers registers;
  __u32 space;             // the process whose mappings and interpreter hold
  __u32 out;               // bytes of `addresses` that are taken
  __u64 scratch[96];       // state of the walk that is under way
  __u32 looks;             // at strangers' switches
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, struct sampan_work);
} works SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} records SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct sampan_totals);
} totals SEC(".maps");

// Calls until it is not 0, so often at most.
#define SAMPAN_REPEAT(most, call) \
  for (__u32 repeated = 0; repeated < (most); ++repeated) \
    if (call) break

// What was stored is read anew: the verifier then knows as little of it in each turn of a loop.
#define SAMPAN_FORGET() asm volatile("" ::: "memory")

static __always_inline struct sampan_work *sampan_work_of(__u32 which) { return bpf_map_lookup_elem(&works, &which); }

// Adds what passed since the record's time, so many times.
static __always_inline void sampan_spent(const struct sampan_record *record, __u64 times) {
  __u32 zero = 0;
  struct sampan_totals *sums = bpf_map_lookup_elem(&totals, &zero);
  if (sums) __sync_fetch_and_add(&sums->nanoseconds, (bpf_ktime_get_ns() - record->time) * times);
}

static __always_inline void sampan_send(const struct sampan_record *record, __u64 size) {
  __u32 zero = 0;
  const long refused = bpf_ringbuf_output(&records, (void *)record, size, BPF_RB_NO_WAKEUP);
  struct sampan_totals *sums = bpf_map_lookup_elem(&totals, &zero);
  if (refused && sums) __sync_fetch_and_add(&sums->lost, 1);
  sampan_spent(record, 1);
}

// Where a runtime's frames go: SAMPAN_MOST_INTERPRETER bytes.
static __always_inline void *sampan_out(struct sampan_work *work) {
  __u64 at = work->out;
  if (at > (SAMPAN_MOST_FRAMES + SAMPAN_MOST_KERNEL) * 8) at = 0;   // never, but the verifier does not know
  barrier_var(at);
  return (void *)work->addresses + at;
}

// Sends the record with all that follows it, `more` bytes of a runtime's among them.
static __always_inline void sampan_send_walk(struct sampan_work *work, __u64 more) {
  __u64 size = work->out;
  work->record.interpreter = (__u32)more;
  size += more;
  barrier_var(size);
  if (size <= sizeof(work->addresses)) sampan_send(&work->record, sizeof(struct sampan_record) + size);
}

// What the agent gave for a process, by its space.
#define SAMPAN_WALK_GIVEN(given)                                                          \
  struct {                                                                                \
    __uint(type, BPF_MAP_TYPE_HASH);                                                      \
    __uint(max_entries, SAMPAN_MOST_TARGETS);                                             \
    __uint(map_flags, BPF_F_NO_PREALLOC);                                                 \
    __type(key, __u32);                                                                   \
    __type(value, given);                                                                 \
  } processes SEC(".maps");                                                               \
  static __always_inline const given *sampan_process(const struct sampan_work *work) {    \
    __u32 space = work->space;                                                            \
    return bpf_map_lookup_elem(&processes, &space);                                       \
  }

#define SAMPAN_KERNEL_WALK(walk)                                                          \
  static __always_inline int sampan_walk_and_send(__u32 which) {                          \
    struct sampan_work *work = sampan_work_of(which);                                     \
    if (work) sampan_send_walk(work, walk(which, work));                                  \
    return 0;                                                                             \
  }                                                                                       \
  SEC("perf_event") int walk_sample(void *ctx) { return sampan_walk_and_send(0); }        \
  SEC("tp_btf/sched_switch") int walk_switch(void *ctx) { return sampan_walk_and_send(1); } \
  /* Apache-2.0 or GPL-2.0, as you choose; the kernel asks for the latter. */             \
  char program_license[] SEC("license") = "GPL"

#endif
