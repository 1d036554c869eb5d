// The few kernel structures that the program reads, by hand: CO-RE fits them to the running kernel, so neither a dump
// of the build host's BTF nor kernel headers are needed.
#ifndef SAMPAN_TIERS_EBPF_KERNEL_BPF_H
#define SAMPAN_TIERS_EBPF_KERNEL_BPF_H

#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/ptrace.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct upid {
  int nr;
};
struct pid {
  unsigned int level;
  struct upid numbers[1];
};
struct thread_struct {
  unsigned long fsbase;
};
typedef struct {
  int counter;
} atomic_t;
struct signal_struct {
  atomic_t live;                  // threads that have not exited
};
struct task_struct {
  int pid;
  int tgid;
  unsigned int __state;
  struct task_struct *group_leader;
  struct pid *thread_pid;
  struct signal_struct *signal;
  struct thread_struct thread;
};
#pragma clang attribute pop

// Set by locate(): how deep the agent's own PID namespace is nested.
__u32 own_level = 0;

static __always_inline __u32 number_at(struct pid *pid, __u32 level) {
  struct upid number = {};
  const void *at = (const void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
  bpf_probe_read_kernel(&number.nr, sizeof(number.nr), at + bpf_core_field_offset(struct upid, nr));
  return (__u32)number.nr;
}

// A task's id as the agent sees it; 0 where it is not in the agent's namespace. `inner`: as it sees itself.
static __always_inline __u32 visible_id(struct task_struct *task, __u32 *inner) {
  struct pid *pid = BPF_CORE_READ(task, thread_pid);
  if (!pid) return 0;
  const __u32 level = BPF_CORE_READ(pid, level);
  if (level < own_level) return 0;
  if (inner) *inner = number_at(pid, level);
  return number_at(pid, own_level);
}

#endif
