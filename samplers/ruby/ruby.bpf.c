// Ruby's control frames, walked by the perf-event program while the thread stands in it: nothing can change meanwhile. The
// thread is the one of its VM whose pthread_t is its own: most often it holds the lock of its ractor, and is met at once.
#include "samplers/kernel/walk.bpf.h"
#include "samplers/ruby/kernel_walk.h"

#define SAMPAN_RUBY_MOST_STEPS 8192
#define SAMPAN_RUBY_STEPS_A_CALL 16
#define SAMPAN_RUBY_MOST_ENVIRONMENTS 64
#define SAMPAN_RUBY_MOST_WORDS (1ull << 28)   // of a stack

// samplers/ruby/objects.hpp, include/ruby/internal/value_type.h, internal/imemo.h
#define TYPE_IMEMO 0x1a
#define IMEMO_SVAR 2
#define IMEMO_METHOD_ENTRY 6
#define ENVIRONMENT_LOCAL 2
#define DURING_GC (1u << 5)

SAMPAN_WALK_GIVEN(struct sampan_ruby_process)

// The walk's state, in the work area's scratch.
struct ruby_walk {
  __u64 self;                    // its pthread_t
  __u64 ractors, ractor;         // the list's head, and where the search stands: a node
  __u64 threads, thread;         // the same of a ractor's threads; 0: the next ractor's
  __u64 running;                 // address of the ractor's word for who holds its lock
  __u64 frame, end;              // where the walk stands: a control frame, the stack's end
  __u64 environment;             // of the frame taken last; 0: its method is known
  __u32 environments;            // how many were looked at; the first of them is the frame's own
  __u32 count, flags, padding;
  __u64 of_frame[SAMPAN_RUBY_MOST_FRAME / 8];   // what one read brought: {pc, sp, iseq, self, ep, …}
  __u64 of_environment[3];       // {method or cref, the next one out, flags}
  __u64 of_object[2];            // {flags, …}
  __u64 of_context[3];           // {stack, its words, control frame}
};
_Static_assert(sizeof(struct ruby_walk) <= sizeof(((struct sampan_work *)0)->scratch), "ruby_walk fits the scratch");

static __always_inline __u64 ruby_word(__u64 address) {
  __u64 value = 0;
  bpf_probe_read_user(&value, sizeof(value), (void *)address);
  return value;
}

static __always_inline int ruby_object(__u64 word) { return word > 8 && word % 8 == 0 && word < 1ull << 56; }

static __always_inline long ruby_torn(struct ruby_walk *w) {
  w->flags |= SAMPAN_RUBY_TORN;
  return 1;
}

static __always_inline int ruby_is_own(const struct ruby_walk *w, const struct sampan_ruby_process *p, __u64 thread) {
  if (!ruby_object(thread) || ruby_word(thread + p->thread_vm) != p->vm) return 0;
  const __u64 native = p->thread_native == SAMPAN_RUBY_NONE ? thread : ruby_word(thread + p->thread_native);
  return ruby_object(native) && ruby_word(native + p->thread_descriptor) == w->self;
}

static __always_inline long ruby_enter(struct ruby_walk *w, const struct sampan_ruby_process *p, __u64 thread) {
  const __u64 context = ruby_word(thread + p->thread_ec), holder = ruby_word(w->running);
  __u32 collecting = 0;
  w->flags |= SAMPAN_RUBY_THREAD;
  if (holder == context || holder == thread) w->flags |= SAMPAN_RUBY_LOCK;
  if (p->space && (w->flags & SAMPAN_RUBY_LOCK)) bpf_probe_read_user(&collecting, sizeof(collecting), (void *)(p->space + p->collecting));
  if (collecting & DURING_GC) w->flags |= SAMPAN_RUBY_COLLECTING;
  if (!ruby_object(context) || bpf_probe_read_user(w->of_context, sizeof(w->of_context), (void *)context)) return 1;
  const __u64 stack = w->of_context[0], words = w->of_context[1], frame = w->of_context[2];
  if (!ruby_object(stack) || words == 0 || words > SAMPAN_RUBY_MOST_WORDS) return 1;
  if (frame % 8 || frame < stack || frame > stack + words * 8) return ruby_torn(w);
  w->frame = frame;
  w->end = stack + words * 8;
  return 0;
}

// A ractor's threads from now on, who holds its lock first. Without ractors, the VM's.
static __always_inline long ruby_threads(struct ruby_walk *w, const struct sampan_ruby_process *p, __u64 ractor) {
  w->threads = ractor + (p->ractor_node == SAMPAN_RUBY_NONE ? p->vm_threads : p->ractor_threads);
  w->thread = ruby_word(w->threads);
  w->running = ractor + p->ractor_running;
  const __u64 holder = ruby_word(w->running);
  const __u64 thread = p->ractor_node == SAMPAN_RUBY_NONE || !ruby_object(holder) ? holder : ruby_word(holder + p->ec_thread);
  return ruby_is_own(w, p, thread) ? ruby_enter(w, p, thread) : 0;
}

// One thread looked at, or the step to the next ractor; 1 ends.
static __always_inline long ruby_search(struct ruby_walk *w, const struct sampan_ruby_process *p) {
  if (w->thread == 0) {
    const __u64 at = w->ractor;
    if (at == 0 || at == w->ractors) return 1;
    w->ractor = ruby_word(at);
    return ruby_threads(w, p, at - p->ractor_node);
  }
  const __u64 thread = w->thread;
  w->thread = ruby_word(thread);
  if (thread == w->threads) w->thread = 0;
  else if (ruby_is_own(w, p, thread)) return ruby_enter(w, p, thread);
  return 0;
}

static __always_inline struct sampan_ruby_frame *ruby_out(struct sampan_ruby_stack *out, __u32 at) {
  struct sampan_ruby_frame *frames = (void *)(out + 1);
  if (at >= SAMPAN_RUBY_HALF) at = SAMPAN_RUBY_HALF | (at & (SAMPAN_RUBY_HALF - 1));
  barrier_var(at);
  return &frames[at & (SAMPAN_RUBY_MOST_FRAMES - 1)];
}

static __always_inline long ruby_take(struct ruby_walk *w, const struct sampan_ruby_process *p, struct sampan_ruby_stack *out) {
  __u64 size = p->frame_size;
  barrier_var(size);
  if (size == 0 || size > SAMPAN_RUBY_MOST_FRAME || w->frame + size > w->end) return 1;
  if (bpf_probe_read_user(w->of_frame, size, (void *)w->frame)) return ruby_torn(w);
  struct sampan_ruby_frame *frame = ruby_out(out, w->count);
  const __u32 jit_return = p->frame_jit_return;
  frame->pc = w->of_frame[0];
  frame->iseq = w->of_frame[2];
  frame->method = 0;
  frame->kind = 0;
  frame->flags = jit_return != SAMPAN_RUBY_NONE && w->of_frame[(jit_return / 8) & 7] ? SAMPAN_RUBY_COMPILED : 0;
  w->environment = ruby_object(w->of_frame[4]) ? w->of_frame[4] : 0;
  w->environments = 0;
  w->frame += size;
  ++w->count;
  return 0;
}

// What a block's environment has where its method's entry would be: one itself, or a frame's special variables around it.
static __always_inline int ruby_is_method(struct ruby_walk *w, __u64 word) {
  for (int i = 0; i < 2; ++i) {
    if (!ruby_object(word) || bpf_probe_read_user(w->of_object, sizeof(w->of_object), (void *)word)) return 0;
    const __u64 type = w->of_object[0] >> 12 & 0xf;
    if ((w->of_object[0] & 0x1f) != TYPE_IMEMO) return 0;
    if (type == IMEMO_METHOD_ENTRY) return 1;
    if (type != IMEMO_SVAR) return 0;
    word = w->of_object[1];
  }
  return 0;
}

// Blocks' environments chain to their method's.
static __always_inline long ruby_follow(struct ruby_walk *w, struct sampan_ruby_stack *out) {
  struct sampan_ruby_frame *frame = ruby_out(out, w->count - 1);
  const __u64 at = w->environment;
  const __u32 first = w->environments++ == 0;
  w->environment = 0;
  if (w->environments > SAMPAN_RUBY_MOST_ENVIRONMENTS) return 0;
  if (bpf_probe_read_user(w->of_environment, sizeof(w->of_environment), (void *)(at - 16))) return 0;
  if (first) frame->kind = (__u32)w->of_environment[2];
  if (!(w->of_environment[2] & ENVIRONMENT_LOCAL) && !ruby_is_method(w, w->of_environment[0])) {
    const __u64 outer = w->of_environment[1] & ~3ull;
    w->environment = ruby_object(outer) ? outer : 0;
    return 0;
  }
  frame->method = w->of_environment[0];
  if (first) frame->flags |= SAMPAN_RUBY_OWN_METHOD;
  return 0;
}

static __always_inline long ruby_step(struct ruby_walk *w, const struct sampan_ruby_process *p, struct sampan_ruby_stack *out) {
  if (!w->end) return ruby_search(w, p);
  return w->environment ? ruby_follow(w, out) : ruby_take(w, p, out);
}

__noinline int ruby_steps(__u32 which) {
  struct sampan_work *work = sampan_work_of(which);
  if (!work) return 1;
  const struct sampan_ruby_process *process = sampan_process(work);
  struct sampan_ruby_stack *out = sampan_out(work);
  if (!process) return 1;
  for (int i = 0; i < SAMPAN_RUBY_STEPS_A_CALL; ++i) {
    SAMPAN_FORGET();
    if (ruby_step((struct ruby_walk *)work->scratch, process, out)) return 1;
  }
  return 0;
}

static __always_inline __u64 walk_ruby(__u32 which, struct sampan_work *work) {
  const struct sampan_ruby_process *process = sampan_process(work);
  struct ruby_walk *w = (struct ruby_walk *)work->scratch;
  struct sampan_ruby_stack *out = sampan_out(work);
  if (!process) return 0;
  __builtin_memset(w, 0, __builtin_offsetof(struct ruby_walk, of_frame));
  w->self = work->registers.thread_pointer - process->descriptor;
  w->ractors = process->vm + process->vm_threads;
  long ended = 0;
  if (process->ractor_node == SAMPAN_RUBY_NONE) ended = ruby_threads(w, process, process->vm);
  else w->ractor = ruby_word(w->ractors);
  if (!ended) SAMPAN_REPEAT(SAMPAN_RUBY_MOST_STEPS / SAMPAN_RUBY_STEPS_A_CALL, ruby_steps(which));
  SAMPAN_FORGET();
  const __u32 count = w->count;
  const int open = w->end && !(w->flags & SAMPAN_RUBY_TORN) && w->frame + process->frame_size <= w->end;
  out->flags = w->flags | (open ? SAMPAN_RUBY_CUT : 0);
  out->frames = count;
  return sizeof(*out) + (count < SAMPAN_RUBY_MOST_FRAMES ? count : SAMPAN_RUBY_MOST_FRAMES) * sizeof(struct sampan_ruby_frame);
}

SAMPAN_KERNEL_WALK(walk_ruby);
