/* A runtime's walk in the kernel, compiled for this machine over a test's memory: what a BPF program finds in the kernel.
 * A file NAME_walk.c includes this, then the walk, and ends with SAMPAN_WALK_UNDER_TEST(NAME). */
#ifndef SAMPAN_TESTS_KERNEL_UNDER_TEST_H
#define SAMPAN_TESTS_KERNEL_UNDER_TEST_H

#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpointer-arith"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wint-to-pointer-cast"

#include <stddef.h>
#include <linux/types.h>

#define __BPF_HELPERS__   /* in place of bpf/bpf_helpers.h */
#define SEC(name)
#define __uint(name, value) int (*name)[value]
#define __type(name, value) __typeof__(value) *name
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define barrier_var(variable) __asm__ volatile("" : "+r"(variable))

/* Defined by the test: 0 where all could be read. */
long kernel_read_user(void *into, __u32 size, __u64 address);

static void *bpf_map_lookup_elem(void *map, const void *key);
static inline long bpf_probe_read_user(void *into, __u32 size, const void *from) { return kernel_read_user(into, size, (__u64)from); }
static inline __u64 bpf_ktime_get_ns(void) { return 0; }
static inline long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags) { return 0; }

/* What the walk sends of a thread, with `given` for its process; valid until the next walk. */
#define SAMPAN_WALK_UNDER_TEST(name)                                                                                     \
  static struct sampan_work the_work;                                                                                    \
  static struct sampan_totals the_totals;                                                                                \
  static const void *the_given;                                                                                          \
  static void *bpf_map_lookup_elem(void *map, const void *key) {                                                         \
    return map == &works ? (void *)&the_work : map == &totals ? (void *)&the_totals : (void *)the_given;                 \
  }                                                                                                                      \
  __u32 name##_walk(const void *given, __u32 tgid, __u32 tid, const struct sampan_registers *registers, const void **sent) { \
    the_given = given;                                                                                                   \
    the_work.record = (struct sampan_record){.tgid = tgid, .tid = tid};                                                  \
    the_work.registers = *registers;                                                                                     \
    the_work.out = 0;                                                                                                    \
    walk_sample(0);                                                                                                      \
    *sent = sampan_out(&the_work);                                                                                       \
    return the_work.record.interpreter;                                                                                  \
  }

#endif
