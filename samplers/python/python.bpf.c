// CPython's frames, walked by the perf-event program while the thread stands in it: nothing can change meanwhile.
// The thread's state is the first of its interpreter's list whose thread_id is the thread's pthread_t, as far below the
// thread pointer as its C library has it; a fork that Python was not told of leaves older ones behind it.
#include "samplers/kernel/walk.bpf.h"

typedef __u8 uint8_t;
typedef __u32 uint32_t;
#include "samplers/python/kernel_walk.h"

#define SAMPAN_PY_MOST_STEPS 4096
#define SAMPAN_PY_STEPS_A_CALL 16

SAMPAN_WALK_GIVEN(struct sampan_py_process)

// The walk's state, in the work area's scratch.
struct python_walk {
  __u64 thread;                      // its pthread_t
  __u64 interp, tstate;              // where the search stands
  __u64 frame, base, cframe;
  __u32 count, flags, begin;         // `begin`: the first frame of this state
  __u32 walking, tried_outer, padding;
  __u64 of_frame[SAMPAN_PY_MOST_SPAN / 8], of_code[SAMPAN_PY_MOST_SPAN / 8];   // what one read brought
};
_Static_assert(sizeof(struct python_walk) <= sizeof(((struct sampan_work *)0)->scratch), "python_walk fits the scratch");

static __always_inline __u64 python_word(__u64 address) {
  __u64 value = 0;
  bpf_probe_read_user(&value, sizeof(value), (void *)address);
  return value;
}

static __always_inline __u32 python_int(__u64 address) {
  __u32 value = 0;
  bpf_probe_read_user(&value, sizeof(value), (void *)address);
  return value;
}

static __always_inline int python_holds_gil(struct python_walk *w, const struct sampan_py_process *p) {
  const struct sampan_py_offsets *o = &p->offsets;
  if (o->tstate_holds_gil) return python_int(w->tstate + o->tstate_holds_gil) != 0;
  if (o->current_by_symbol) return python_word(p->current) == w->tstate;
  const __u64 gil = o->interp_gil ? python_word(w->interp + o->interp_gil) : p->runtime;
  return python_int(gil + o->gil_locked) == 1 && python_word(gil + o->gil_holder) == w->tstate;
}

static __always_inline void python_enter_state(struct python_walk *w, const struct sampan_py_process *p) {
  const struct sampan_py_offsets *o = &p->offsets;
  w->flags |= SAMPAN_PY_STATE;
  if (python_holds_gil(w, p)) w->flags |= SAMPAN_PY_GIL;
  w->frame = python_word(w->tstate + o->tstate_frame);
  w->cframe = 0;
  if (o->has_cframe) {
    w->cframe = w->frame;
    w->frame = python_word(w->cframe + o->cframe_current_frame);
  }
  w->base = o->tstate_base_frame ? python_word(w->tstate + o->tstate_base_frame) : 0;
  w->begin = w->count;
  w->walking = 1;
  w->tried_outer = 0;
}

// One thread state looked at, or the step to the next interpreter; 1 ends.
static __always_inline long python_search(struct python_walk *w, const struct sampan_py_process *p) {
  const struct sampan_py_offsets *o = &p->offsets;
  if (w->tstate == 0) {
    w->interp = python_word(w->interp + o->interp_next);
    if (w->interp == 0) return 1;
    w->tstate = python_word(w->interp + o->interp_threads_head);
    return 0;
  }
  if (python_word(w->tstate + o->tstate_interp) != w->interp) {   // freed as we read
    w->flags |= SAMPAN_PY_TORN;
    return 1;
  }
  if (python_word(w->tstate + o->tstate_thread_id) == w->thread) python_enter_state(w, p);
  else w->tstate = python_word(w->tstate + o->tstate_next);
  return 0;
}

// Between entering the loop and naming its first frame (3.11-3.12) a _PyCFrame holds what lay on the stack before: the
// caller's is asked then.
static __always_inline long python_torn(struct python_walk *w, const struct sampan_py_process *p) {
  const struct sampan_py_offsets *o = &p->offsets;
  if (o->has_cframe && !w->tried_outer) {
    w->tried_outer = 1;
    w->count = w->begin;
    w->frame = python_word(python_word(w->cframe + o->cframe_current_frame + 8) + o->cframe_current_frame);
    return 0;
  }
  w->flags |= SAMPAN_PY_TORN;
  return 1;
}

static __always_inline struct sampan_py_frame *python_frame(struct sampan_py_stack *out, __u32 at) {
  struct sampan_py_frame *frames = (void *)(out + 1);
  if (at >= SAMPAN_PY_HALF) at = SAMPAN_PY_HALF | (at & (SAMPAN_PY_HALF - 1));
  barrier_var(at);
  return &frames[at & (SAMPAN_PY_MOST_FRAMES - 1)];
}

// Of what one read brought: the bytes from `offset` on, lowest first.
static __always_inline __u64 python_at(const __u64 *words, __u32 offset) {
  return words[(offset >> 3) & (SAMPAN_PY_MOST_SPAN / 8 - 1)] >> (offset & 7) * 8;
}

// One read for all that is wanted of a structure: each costs more than what it copies. 0: done.
static __always_inline long python_read(__u64 *words, __u64 size, __u64 address) {
  barrier_var(size);
  if (size > SAMPAN_PY_MOST_SPAN) return 1;
  return bpf_probe_read_user(words, size, (void *)address);
}

// The first local and its type, by which a method's class is found.
static __always_inline void python_argument(struct sampan_py_frame *frame, __u64 at, const struct sampan_py_offsets *o) {
  frame->argument = python_word(at + o->frame_locals);
  frame->address = (frame->argument ? python_word(frame->argument + o->object_type) & ~7ull : 0) | 1;
}

static __always_inline long python_take(struct python_walk *w, const struct sampan_py_process *p, struct sampan_py_stack *out) {
  const struct sampan_py_offsets *o = &p->offsets;
  __u64 *of_frame = w->of_frame, *of_code = w->of_code;
  const __u64 at = w->frame;
  if (python_read(of_frame, p->frame_bytes, at)) return python_torn(w, p);
  const __u64 back = python_at(of_frame, o->frame_back);
  if (o->boundary_owner != 255 && (__u8)python_at(of_frame, o->frame_owner) >= o->boundary_owner) {
    if (w->count > w->begin) python_frame(out, w->count - 1)->address |= 1;
    w->frame = back;
    return 0;
  }
  const __u8 entry = o->frame_is_entry ? (__u8)python_at(of_frame, o->frame_is_entry) : 0;
  struct sampan_py_frame *frame = python_frame(out, w->count);
  const __u64 code = python_at(of_frame, o->frame_code) & ~7ull;
  const __u32 from = p->code_from;
  if (python_read(of_code, p->code_bytes, code + from)) return python_torn(w, p);
  frame->address = at | (!o->interpreter_frames || entry);
  frame->code = code;
  frame->position = python_at(of_frame, o->frame_position);
  frame->check = sampan_py_check((__u32)python_at(of_code, o->code_argcount - from), (__u32)python_at(of_code, o->code_flags - from),
                                 (__u32)python_at(of_code, o->code_first_line - from));
  frame->argument = 0;
  if (o->frame_locals) python_argument(frame, at, o);
  ++w->count;
  w->frame = back;
  return 0;
}

static __always_inline long python_step(struct python_walk *w, const struct sampan_py_process *p, struct sampan_py_stack *out) {
  if (!w->walking) return python_search(w, p);
  if (w->frame != 0 && w->frame != w->base) return python_take(w, p, out);
  w->walking = 0;      // the thread's state in an older interpreter goes on from here
  w->tstate = 0;
  return 0;
}

__noinline int python_steps(__u32 which) {
  struct sampan_work *work = sampan_work_of(which);
  if (!work) return 1;
  const struct sampan_py_process *process = sampan_process(work);
  struct sampan_py_stack *out = sampan_out(work);
  if (!process) return 1;
  for (int i = 0; i < SAMPAN_PY_STEPS_A_CALL; ++i) {
    SAMPAN_FORGET();
    if (python_step((struct python_walk *)work->scratch, process, out)) return 1;
  }
  return 0;
}

static __always_inline __u64 walk_python(__u32 which, struct sampan_work *work) {
  const struct sampan_py_process *process = sampan_process(work);
  struct python_walk *w = (struct python_walk *)work->scratch;
  struct sampan_py_stack *out = sampan_out(work);
  if (!process) return 0;
  __builtin_memset(w, 0, __builtin_offsetof(struct python_walk, of_frame));
  w->thread = work->registers.thread_pointer - process->descriptor;
  w->interp = python_word(process->interpreters_head);
  w->tstate = w->interp ? python_word(w->interp + process->offsets.interp_threads_head) : 0;
  if (w->interp) SAMPAN_REPEAT(SAMPAN_PY_MOST_STEPS / SAMPAN_PY_STEPS_A_CALL, python_steps(which));
  SAMPAN_FORGET();
  const __u32 count = w->count;
  out->flags = w->flags | (w->walking && w->frame && !(w->flags & SAMPAN_PY_TORN) ? SAMPAN_PY_CUT : 0);
  out->frames = count;
  return sizeof(*out) + (count < SAMPAN_PY_MOST_FRAMES ? count : SAMPAN_PY_MOST_FRAMES) * sizeof(struct sampan_py_frame);
}

SAMPAN_KERNEL_WALK(walk_python);
