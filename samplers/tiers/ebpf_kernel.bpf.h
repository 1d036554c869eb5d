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
struct pid_namespace;
struct upid {
  int nr;
  struct pid_namespace *ns;
};
struct pid {
  unsigned int level;
  struct upid numbers[1];
};
struct thread_struct {
  unsigned long fsbase;           // x86_64
  struct {
    unsigned long tp_value;       // arm64: as of its last switch
  } uw;
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
  unsigned int __state;           // from 5.14 on
  void *stack;
  struct task_struct *group_leader;
  struct pid *thread_pid;
  struct signal_struct *signal;
  struct thread_struct thread;
};
struct task_struct___before_5_14 {
  long state;
};
struct seq_file;
struct bpf_iter_meta {
  struct seq_file *seq;
  __u64 session_id;
  __u64 seq_num;
};
struct bpf_map;
struct bpf_iter__bpf_map {
  struct bpf_iter_meta *meta;
  struct bpf_map *map;
};
#pragma clang attribute pop

// Set by locate(): the agent's own PID namespace, and how deep it is nested.
__u64 own_namespace = 0;
__u32 own_level = 0;

static __always_inline struct upid number_at(struct pid *pid, __u32 level) {
  struct upid number = {};
  const void *at = (const void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
  bpf_probe_read_kernel(&number.nr, sizeof(number.nr), at + bpf_core_field_offset(struct upid, nr));
  bpf_probe_read_kernel(&number.ns, sizeof(number.ns), at + bpf_core_field_offset(struct upid, ns));
  return number;
}

// A task's id as the agent sees it; 0 where it is not in the agent's namespace: the same number at the same depth may be
// another container's. `inner`: as it sees itself.
static __always_inline __u32 visible_id(struct task_struct *task, __u32 *inner) {
  struct pid *pid = BPF_CORE_READ(task, thread_pid);
  if (!pid) return 0;
  const __u32 level = BPF_CORE_READ(pid, level);
  if (level < own_level) return 0;
  const struct upid own = number_at(pid, own_level);
  if ((__u64)own.ns != own_namespace) return 0;
  if (inner) *inner = level == own_level ? (__u32)own.nr : (__u32)number_at(pid, level).nr;
  return (__u32)own.nr;
}

// Whether it could run on.
static __always_inline int is_runnable(struct task_struct *task) {
  if (bpf_core_field_exists(task->__state)) return BPF_CORE_READ(task, __state) == 0;
  return BPF_CORE_READ((struct task_struct___before_5_14 *)task, state) == 0;
}

#endif
