// Samples the threads of the targets: a perf event a processor for what runs, sched_switch for what waits.
#include "samplers/tiers/ebpf_registers.bpf.h"
#include "samplers/tiers/ebpf_walk.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SAMPAN_MOST_TARGETS);
  __type(key, __u32);
  __type(value, struct sampan_target);
} targets SEC(".maps");

// The runtimes' own walks (samplers/kernel/walk.bpf.h), by sampan_target.walk: each ends by sending the record.
struct walks {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, SAMPAN_MOST_WALKS);
  __type(key, __u32);
  __type(value, __u32);
};
struct walks sample_walks SEC(".maps");
struct walks switch_walks SEC(".maps");

// Stack copies do not fit a per-processor map: one element a processor.
struct stack_work {
  struct sampan_record record;
  struct sampan_registers registers;
  __u8 bytes[SAMPAN_MOST_STACK + SAMPAN_MOST_KERNEL * 8];
  __u64 from, done, most;    // of the copy that is under way
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct stack_work);
} stack_works SEC(".maps");

// Of a thread that waits.
struct switched {
  __u64 window;      // start of the window that `count` is of
  __u32 count;
  __u32 waits;       // an OFF record was sent and its ON is due
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, __u32);        // its tid in the first PID namespace
  __type(value, struct switched);
} switches SEC(".maps");

const volatile __u8 preemption = 0;     // threads that wait for a processor are told too

#define WINDOW_NS 10000000
#define WINDOW_FULL 32              // blocks a window that are all told; of more, one in WINDOW_ONE_IN
#define WINDOW_ONE_IN 16
#define LOOK_ONE_IN 64              // looks at strangers' switches whose time is taken: the clock costs as much as they

// The target that a task belongs to, with the record's ids filled in; 0 where it is a stranger. All programs ask this.
static __always_inline struct sampan_target *find_target(struct task_struct *task, struct sampan_record *record) {
  __u32 tgid;
  if (own_level == 0) {
    tgid = (__u32)BPF_CORE_READ(task, tgid);
  } else {
    struct task_struct *leader = BPF_CORE_READ(task, group_leader);
    tgid = leader ? visible_id(leader, 0) : 0;
  }
  struct sampan_target *target = bpf_map_lookup_elem(&targets, &tgid);
  if (!target) return 0;
  __u32 inner = 0;
  const __u32 tid = visible_id(task, &inner);
  if ((target->flags & SAMPAN_TARGET_MAIN_ONLY) && tid != tgid) return 0;
  record->tgid = tgid;
  record->tid = tid;
  record->inner_tid = inner;
  if (!record->time) record->time = bpf_ktime_get_ns();
  return target;
}

// Appends kernel addresses behind the user's and sends the record; a runtime's own walk does so with its frames.
static __always_inline void send_walk(void *ctx, struct sampan_work *work, const struct sampan_target *target, int kernel,
                                      __u64 skip, void *walks) {
  const __u32 frames = work->record.frames;
  __u32 count = 0;
  if (frames > SAMPAN_MOST_FRAMES) return;
  if (kernel) {
    const long got = bpf_get_stack(ctx, &work->addresses[frames], SAMPAN_MOST_KERNEL * 8, skip);
    if (got > 0) count = (__u32)got / 8;
  }
  work->record.kernel = count;
  work->out = (frames + count) * 8;
  if (target->walk) bpf_tail_call(ctx, walks, target->walk);
  sampan_send_walk(work, 0);
}

// One piece of the stack, to the end of its page, so that what lies past the stack's mapping costs nothing else; 1 where
// the copy has ended. Global, so that the verifier looks at it once.
__noinline int copy_piece(__u32 cpu) {
  struct stack_work *out = bpf_map_lookup_elem(&stack_works, &cpu);
  if (!out) return 1;
  const __u64 done = out->done, left = out->most - done, at = out->from + done;
  __u64 size = 4096 - (at & 4095);
  if (done >= out->most) return 1;
  if (size > left) size = left;
  barrier_var(size);   // the checks below are for the verifier: they must stay on this very value
  if (done > SAMPAN_MOST_STACK - 4096 || size > 4096) return 1;
  if (bpf_probe_read_user(&out->bytes[done], size, (void *)at)) return 1;
  out->done = done + size;
  return 0;
}

static __always_inline void send_stack(void *ctx, struct sampan_work *work, const struct sampan_target *target, int kernel,
                                       __u64 skip) {
  __u32 cpu = bpf_get_smp_processor_id();
  struct stack_work *out = bpf_map_lookup_elem(&stack_works, &cpu);
  if (!out) return;
  out->record = work->record;
  out->registers = work->registers;
  out->from = work->registers.general[sampan_native.sp];
  out->done = 0;
  out->most = target->stack_bytes;
  SAMPAN_REPEAT(SAMPAN_MOST_STACK / 4096 + 1, copy_piece(cpu));
  SAMPAN_FORGET();
  __u64 done = out->done & ~7ull;
  __u32 count = 0;
  barrier_var(done);
  if (done > SAMPAN_MOST_STACK) return;
  if (kernel) {
    const long got = bpf_get_stack(ctx, &out->bytes[done], SAMPAN_MOST_KERNEL * 8, skip);
    if (got > 0) count = (__u32)got / 8;
  }
  out->record.stack_bytes = (__u32)done;
  out->record.kernel = count;
  __u64 size = sizeof(struct sampan_record) + sizeof(struct sampan_registers) + done + (__u64)count * 8;
  barrier_var(size);
  if (size <= __builtin_offsetof(struct stack_work, from)) sampan_send(&out->record, size);
}

static __always_inline struct sampan_work *begin(__u32 which, __u32 kind) {
  struct sampan_work *work = sampan_work_of(which);
  if (!work) return 0;
  __builtin_memset(&work->record, 0, sizeof(work->record));
  work->record.kind = kind;
  work->record.weight = 1;
  return work;
}

// `skip`: kernel frames that are this program's own.
static __always_inline void observe(void *ctx, __u32 which, struct task_struct *task, struct sampan_work *work,
                                    const struct sampan_target *target, int from_kernel, __u64 skip, void *walks) {
  const int kernel = from_kernel && (target->flags & SAMPAN_TARGET_KERNEL);
  work->space = target->space;
  read_user_registers(task, &work->registers);
  int stack = (target->flags & SAMPAN_TARGET_STACK) != 0;
  if (!stack) {
    if (target->flags & SAMPAN_TARGET_MACHINE) walk_user(which, work);
    // Code that was mapped a moment ago: the agent walks this one, with the mappings as they are then.
    stack = (work->record.flags & SAMPAN_UNMAPPED) && !target->walk;
  }
  if (stack) send_stack(ctx, work, target, kernel, skip);
  else send_walk(ctx, work, target, kernel, skip, walks);
}

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx) {
  struct task_struct *task = (void *)bpf_get_current_task();
  struct sampan_work *work = begin(0, SAMPAN_RECORD_SAMPLE);
  __u32 zero = 0;
  struct sampan_totals *sums = bpf_map_lookup_elem(&totals, &zero);
  if (!work || !sums) return 0;
  work->record.time = bpf_ktime_get_ns();
  __sync_fetch_and_add(&sums->interrupts, 1);
  const struct sampan_target *target = find_target(task, &work->record);
  if (target) observe(ctx, 0, task, work, target, in_kernel(ctx), 0, &sample_walks);
  else sampan_spent(&work->record, 1);
  return 0;
}

// The target of a switch, where its task is one's; of strangers' switches the time of some stands for all.
static __always_inline struct sampan_target *find_switched(struct task_struct *task, struct sampan_work *work) {
  if (work->looks++ % LOOK_ONE_IN == 0) work->record.time = bpf_ktime_get_ns();
  struct sampan_target *target = find_target(task, &work->record);
  if (!target && work->record.time) sampan_spent(&work->record, LOOK_ONE_IN);
  return target;
}

static __always_inline void switch_out(void *ctx, struct task_struct *task, int preempted) {
  struct sampan_work *work = begin(1, SAMPAN_RECORD_OFF);
  if (!work) return;
  const struct sampan_target *target = find_switched(task, work);
  if (!target || (preempted && !preemption)) return;
  __u32 pid = (__u32)BPF_CORE_READ(task, pid);
  struct switched *s = bpf_map_lookup_elem(&switches, &pid);
  if (!s) {
    const struct switched none = {};
    bpf_map_update_elem(&switches, &pid, &none, BPF_NOEXIST);
    s = bpf_map_lookup_elem(&switches, &pid);
  }
  if (!s) return;
  if (work->record.time - s->window > WINDOW_NS) {
    s->window = work->record.time;
    s->count = 0;
  }
  if (++s->count > WINDOW_FULL) {
    if (s->count % WINDOW_ONE_IN) return;
    work->record.weight = WINDOW_ONE_IN;
  }
  s->waits = 1;
  if (preempted) work->record.flags |= SAMPAN_PREEMPTED;
  observe(ctx, 1, task, work, target, 1, SAMPAN_OWN_FRAMES, &switch_walks);
}

static __always_inline void switch_in(struct task_struct *task) {
  __u32 pid = (__u32)BPF_CORE_READ(task, pid);
  struct switched *s = bpf_map_lookup_elem(&switches, &pid);
  // Without a note it has waited since before this program saw it: the agent may know since when.
  if (s && !s->waits) return;
  if (s) s->waits = 0;
  struct sampan_work *work = begin(1, SAMPAN_RECORD_ON);
  if (work && find_switched(task, work)) sampan_send(&work->record, sizeof(struct sampan_record));
}

// The arguments: whether prev was preempted, prev, next.
SEC("tp_btf/sched_switch")
int switched_tasks(__u64 *ctx) {
  struct task_struct *prev = (void *)ctx[1];
  struct task_struct *next = (void *)ctx[2];
  switch_in(next);
  switch_out(ctx, prev, ctx[0] != 0 || is_runnable(prev));   // last: a runtime's walk is reached by tail call and does not return
  return 0;
}

SEC("tp_btf/sched_process_fork")
int forked(__u64 *ctx) {
  struct task_struct *child = (void *)ctx[1];
  struct sampan_work *work = begin(1, SAMPAN_RECORD_FORK);
  if (!work || child->pid != child->tgid) return 0;
  const struct sampan_target *parent = find_target((void *)ctx[0], &work->record);
  if (!parent) return 0;
  struct sampan_target target = *parent;
  __u32 tgid = visible_id(child, 0);
  bpf_map_update_elem(&targets, &tgid, &target, BPF_NOEXIST);
  work->record.tid = tgid;
  sampan_send(&work->record, sizeof(struct sampan_record));
  return 0;
}

// Another program runs in the process now: its mappings are not known until the agent has read them.
SEC("tp_btf/sched_process_exec")
int executed(__u64 *ctx) {
  struct sampan_work *work = begin(1, SAMPAN_RECORD_FORK);
  struct sampan_target *target = work ? find_target((void *)ctx[0], &work->record) : 0;
  if (target) target->space = 0;
  return 0;
}

// Its id may be another's in a moment: nothing of that one is sampled.
SEC("tp_btf/sched_process_exit")
int exited(__u64 *ctx) {
  struct task_struct *task = (void *)ctx[0];
  struct sampan_work *work = BPF_CORE_READ(task, signal, live.counter) == 0 ? begin(1, SAMPAN_RECORD_FORK) : 0;
  if (!work || !find_target(task, &work->record)) return 0;
  __u32 tgid = work->record.tgid;
  bpf_map_delete_elem(&targets, &tgid);
  return 0;
}

// Run once by the agent on itself.
SEC("raw_tp")
int locate(void *ctx) {
  struct pid *pid = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), thread_pid);
  (void)ctx;
  own_level = BPF_CORE_READ(pid, level);
  own_namespace = (__u64)number_at(pid, own_level).ns;
  return 0;
}

// What runs at the kernel address ctx[0], as the kernel itself prints it: `name` or `name [module]`. Run by the agent: a
// look-up, where /proc/kallsyms is a hundred thousand lines, which show no addresses without SYSLOG. From 5.13 on.
char kernel_name[128] = {};
SEC("raw_tp")
int name_kernel(__u64 *ctx) {
  if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_snprintf)) return 0;
  BPF_SNPRINTF(kernel_name, sizeof(kernel_name), "%ps", ctx[0]);
  return 0;
}

// The same before 5.13, with an offset behind the name: an iterator may print. %pB takes a return address.
__u64 kernel_address = 0;
SEC("iter/bpf_map")
int print_kernel_name(struct bpf_iter__bpf_map *ctx) {
  if (ctx->meta->seq_num == 0) BPF_SEQ_PRINTF(ctx->meta->seq, "%pB", kernel_address + 1);
  return 0;
}

// Apache-2.0 or GPL-2.0, as you choose; the kernel asks for the latter.
char program_license[] SEC("license") = "GPL";
