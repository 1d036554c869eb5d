// The user's registers of the current task, by processor: the one place of the kernel's program that asks which it is.
#ifndef SAMPAN_TIERS_EBPF_REGISTERS_BPF_H
#define SAMPAN_TIERS_EBPF_REGISTERS_BPF_H

#include "samplers/kernel/record.h"
#include "samplers/tiers/ebpf_kernel.bpf.h"

// Where they were saved as the task entered the kernel. Before 5.15 no helper tells: at the end of its stack (struct
// pt_regs and THREAD_SIZE in arch/…/include/asm).
#define KERNEL_STACK_SIZE 16384
static __always_inline const void *user_registers(struct task_struct *current, __u64 size) {
  if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) return (const void *)bpf_task_pt_regs(bpf_get_current_task_btf());
  return BPF_CORE_READ(current, stack) + KERNEL_STACK_SIZE - size;
}

#if defined(__TARGET_ARCH_x86)

#define SAMPAN_OWN_FRAMES 2          // of this program, on the kernel's stack as a task is switched out

static __always_inline int in_kernel(const struct bpf_perf_event_data *ctx) { return (ctx->regs.cs & 3) == 0; }

static __always_inline void read_user_registers(struct task_struct *task, struct sampan_registers *out) {
  struct pt_regs regs = {};
  bpf_probe_read_kernel(&regs, sizeof(regs), user_registers(task, sizeof(regs)));
  const __u64 general[16] = {regs.rax, regs.rdx, regs.rcx, regs.rbx, regs.rsi, regs.rdi, regs.rbp, regs.rsp,
                             regs.r8, regs.r9, regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15};
  __builtin_memcpy(out->general, general, sizeof(general));
  out->pc = regs.rip;
  out->thread_pointer = BPF_CORE_READ(task, thread.fsbase);
}

#elif defined(__TARGET_ARCH_arm64)

#define SAMPAN_OWN_FRAMES 4

// Begins with the user's part, struct user_pt_regs.
struct pt_regs {
  __u64 pc;
} __attribute__((preserve_access_index));

static __always_inline int in_kernel(const struct bpf_perf_event_data *ctx) { return (ctx->regs.pstate & 15) != 0; }

static __always_inline void read_user_registers(struct task_struct *task, struct sampan_registers *out) {
  const void *saved = user_registers(task, bpf_core_type_size(struct pt_regs));
  // x0 to x30 and sp follow each other, as their DWARF numbers do.
  bpf_probe_read_kernel(out->general, sizeof(out->general), saved);
  bpf_probe_read_kernel(&out->pc, sizeof(out->pc), saved + __builtin_offsetof(struct user_pt_regs, pc));
  out->thread_pointer = BPF_CORE_READ(task, thread.uw.tp_value);
}

#endif
#endif
