// PHP's own frames, walked by the perf-event program while the thread stands in it: nothing can change meanwhile. Of a
// thread-safe build the executor's globals are those in the thread's entry of TSRM's table: the one with its pthread_t.
#include "samplers/kernel/walk.bpf.h"
#include "samplers/php/kernel_walk.h"

#define SAMPAN_PHP_MOST_STEPS 4096
#define SAMPAN_PHP_STEPS_A_CALL 16
#define SAMPAN_PHP_MOST_GENERATORS 64

SAMPAN_WALK_GIVEN(struct sampan_php_process)

// The walk's state, in the work area's scratch.
struct php_walk {
  __u64 thread;                  // its pthread_t
  __u64 table, entry;            // thread-safe: where the search stands
  __u64 frame, generator;        // where the walk stands: execute_data, zend_generator
  __u64 running, opline;         // the frame that the VM's loop runs and where, as registers have it; 0: another runs
  __u32 slot, generators;
  __u32 count, flags;
  __u32 walking, padding;
  __u64 of_entry[4];             // what one read brought: {storage, count, thread, next}
  __u64 of_frame[7];             // {opline, call, return value, function, This, its type, previous}
  __u64 of_function[3];          // {type, name, scope}
  __u64 of_file[2];              // {file, first and last line}
};
_Static_assert(sizeof(struct php_walk) <= sizeof(((struct sampan_work *)0)->scratch), "php_walk fits the scratch");

static __always_inline __u64 php_word(__u64 address) {
  __u64 value = 0;
  bpf_probe_read_user(&value, sizeof(value), (void *)address);
  return value;
}

static __always_inline __u32 php_int(__u64 address) {
  __u32 value = 0;
  bpf_probe_read_user(&value, sizeof(value), (void *)address);
  return value;
}

static __always_inline int php_pointer(__u64 word) { return word != 0 && word % 8 == 0 && word < 1ull << 56; }

static __always_inline void php_enter(struct php_walk *w, const struct sampan_php_process *p, __u64 globals) {
  w->frame = php_word(globals + p->current_execute_data);
  w->walking = 1;
}

// One entry of TSRM's table looked at, or the step to the next slot; 1 ends.
static __always_inline long php_search(struct php_walk *w, const struct sampan_php_process *p) {
  if (w->entry == 0) {
    if (w->slot >= p->slots) return 1;
    w->entry = php_word(w->table + w->slot * 8ull);
    ++w->slot;
    return 0;
  }
  if (bpf_probe_read_user(w->of_entry, sizeof(w->of_entry), (void *)w->entry)) w->of_entry[2] = w->of_entry[3] = 0;
  if (w->of_entry[2] == w->thread) php_enter(w, p, w->entry + p->globals);
  else w->entry = w->of_entry[3];
  return 0;
}

static __always_inline long php_torn(struct php_walk *w) {
  w->flags |= SAMPAN_PHP_TORN;
  return 1;
}

static __always_inline long php_call(struct php_walk *w, const struct sampan_php_process *p, struct sampan_php_stack *out,
                                     __u64 function, __u64 opline, __u32 flags) {
  struct sampan_php_frame *frames = (void *)(out + 1);
  __u32 at = w->count;
  if (at >= SAMPAN_PHP_HALF) at = SAMPAN_PHP_HALF | (at & (SAMPAN_PHP_HALF - 1));
  barrier_var(at);
  struct sampan_php_frame *frame = &frames[at & (SAMPAN_PHP_MOST_FRAMES - 1)];
  if (bpf_probe_read_user(w->of_function, sizeof(w->of_function), (void *)function)) return php_torn(w);
  const __u8 type = (__u8)w->of_function[0];
  const __u64 name = w->of_function[1];
  __u64 check = sampan_php_check(sampan_php_check(sampan_php_check(0, type), name), w->of_function[2]);
  check = sampan_php_check(check, name ? php_word(name + SAMPAN_PHP_STRING_HASH) : 0);
  frame->line = 0;
  frame->flags = flags & SAMPAN_PHP_DELEGATES;
  if (type == SAMPAN_PHP_USER || type == SAMPAN_PHP_EVAL) {
    if (bpf_probe_read_user(w->of_file, sizeof(w->of_file), (void *)(function + p->filename))) return php_torn(w);
    const __u64 file = w->of_file[0];
    check = sampan_php_check(sampan_php_check(check, file), w->of_file[1]);
    check = sampan_php_check(check, file ? php_word(file + SAMPAN_PHP_STRING_HASH) : 0);
    if (opline) frame->line = php_int(opline + SAMPAN_PHP_OP_LINE);
    frame->flags = flags;
  }
  frame->function = function;
  frame->check = check;
  ++w->count;
  return 0;
}

// A frame without a function stands for generators that delegate (`yield from`): from the one that is iterated over, by its
// parents, to the one that runs, whose frame was met already.
static __always_inline long php_generator(struct php_walk *w, const struct sampan_php_process *p, struct sampan_php_stack *out) {
  const __u64 at = w->generator + p->generator_frame;
  const __u64 frame = php_word(at), parent = php_word(at + SAMPAN_PHP_GENERATOR_PARENT);
  w->generator = 0;
  if (!php_pointer(frame) || !php_pointer(parent) || w->generators >= SAMPAN_PHP_MOST_GENERATORS) return 0;
  if (bpf_probe_read_user(w->of_frame, sizeof(w->of_frame), (void *)frame) || !php_pointer(w->of_frame[3])) return 0;
  w->generator = parent;
  ++w->generators;
  return php_call(w, p, out, w->of_frame[3], w->of_frame[0], SAMPAN_PHP_DELEGATES);
}

static __always_inline long php_frame(struct php_walk *w, const struct sampan_php_process *p, struct sampan_php_stack *out) {
  if (!php_pointer(w->frame)) return w->frame ? php_torn(w) : 1;
  if (bpf_probe_read_user(w->of_frame, sizeof(w->of_frame), (void *)w->frame)) return php_torn(w);
  const __u64 function = w->of_frame[3], opline = w->frame == w->running ? w->opline : w->of_frame[0];
  w->frame = w->of_frame[6];
  w->generators = 0;
  w->running = 0;                // of the innermost alone
  const __u32 entry = w->of_frame[5] >> (p->entry_bit & 31) & 1 ? SAMPAN_PHP_ENTRY : 0;
  if (php_pointer(function)) return php_call(w, p, out, function, opline, entry);
  if ((__u8)w->of_frame[5] == SAMPAN_PHP_OBJECT) w->generator = w->of_frame[4];
  return 0;
}

static __always_inline long php_step(struct php_walk *w, const struct sampan_php_process *p, struct sampan_php_stack *out) {
  if (!w->walking) return php_search(w, p);
  return w->generator ? php_generator(w, p, out) : php_frame(w, p, out);
}

static __always_inline void php_running(struct php_walk *w, const struct sampan_php_process *p, const struct sampan_registers *registers) {
  for (int i = 0; i < 2; ++i) {
    if (registers->pc < p->loop[i][0] || registers->pc >= p->loop[i][1]) continue;
    w->running = registers->general[p->registers.frame & (SAMPAN_REGISTERS - 1)];
    w->opline = registers->general[p->registers.opline & (SAMPAN_REGISTERS - 1)];
  }
}

__noinline int php_steps(__u32 which) {
  struct sampan_work *work = sampan_work_of(which);
  if (!work) return 1;
  const struct sampan_php_process *process = sampan_process(work);
  struct sampan_php_stack *out = sampan_out(work);
  if (!process) return 1;
  for (int i = 0; i < SAMPAN_PHP_STEPS_A_CALL; ++i) {
    SAMPAN_FORGET();
    if (php_step((struct php_walk *)work->scratch, process, out)) return 1;
  }
  return 0;
}

static __always_inline __u64 walk_php(__u32 which, struct sampan_work *work) {
  const struct sampan_php_process *process = sampan_process(work);
  struct php_walk *w = (struct php_walk *)work->scratch;
  struct sampan_php_stack *out = sampan_out(work);
  if (!process) return 0;
  __builtin_memset(w, 0, sizeof(*w));
  w->thread = work->registers.thread_pointer - process->descriptor;
  php_running(w, process, &work->registers);
  if (process->table) w->table = php_word(process->table);
  else if (work->record.tid == work->record.tgid) php_enter(w, process, process->globals);
  else return 0;
  SAMPAN_REPEAT(SAMPAN_PHP_MOST_STEPS / SAMPAN_PHP_STEPS_A_CALL, php_steps(which));
  SAMPAN_FORGET();
  const __u32 count = w->count;
  out->flags = w->flags | (w->walking && w->frame && !(w->flags & SAMPAN_PHP_TORN) ? SAMPAN_PHP_CUT : 0);
  out->frames = count;
  return sizeof(*out) + (count < SAMPAN_PHP_MOST_FRAMES ? count : SAMPAN_PHP_MOST_FRAMES) * sizeof(struct sampan_php_frame);
}

SAMPAN_KERNEL_WALK(walk_php);
