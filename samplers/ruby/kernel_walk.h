/* What the in-kernel walk of Ruby's control frames is given and what it sends. C, shared with the BPF program. */
#ifndef SAMPAN_RUBY_KERNEL_WALK_H
#define SAMPAN_RUBY_KERNEL_WALK_H

#include <linux/types.h>

#define SAMPAN_RUBY_MOST_FRAMES 512    /* sent of a deeper stack: the innermost half and the outermost half */
#define SAMPAN_RUBY_HALF (SAMPAN_RUBY_MOST_FRAMES / 2)
#define SAMPAN_RUBY_MOST_FRAME 64      /* bytes of a control frame */
#define SAMPAN_RUBY_NONE 0xffff        /* the release has no such field */

/* Of one process: where its VM is and, of its layout, where the rest lies. */
struct sampan_ruby_process {
  __u64 vm;                  /* rb_vm_t */
  __u64 space;               /* rb_objspace_t; 0: not known */
  __u32 descriptor;          /* how far below the thread pointer a thread's pthread_t is */
  __u32 collecting;          /* the objspace's word whose bit 5 says that garbage is being collected */
  __u32 vm_threads;          /* list of threads, or of ractors */
  __u32 ractor_node;         /* NONE: it knows no ractors */
  __u32 ractor_threads, ractor_running;
  __u32 thread_vm, thread_ec;
  __u32 thread_native;       /* NONE: the next lies in the thread itself */
  __u32 thread_descriptor;
  __u32 ec_thread;
  __u32 frame_size;
  __u32 frame_jit_return;    /* NONE: there is none */
  __u32 padding;
};

enum sampan_ruby_walk_flags {
  SAMPAN_RUBY_LOCK = 1,        /* the thread held its ractor's lock */
  SAMPAN_RUBY_COLLECTING = 2,  /* and collected garbage */
  SAMPAN_RUBY_TORN = 4,        /* what was met is no stack of control frames */
  SAMPAN_RUBY_CUT = 8,         /* the walk did not reach the outermost */
  SAMPAN_RUBY_THREAD = 16,     /* the thread is one of Ruby's */
};

/* Followed by the frames, innermost first; from SAMPAN_RUBY_HALF on they lie in a ring of that size. */
struct sampan_ruby_stack {
  __u32 flags;
  __u32 frames;              /* that the walk met: more than there are where it is deeper than SAMPAN_RUBY_MOST_FRAMES */
};

enum sampan_ruby_frame_flags {
  SAMPAN_RUBY_OWN_METHOD = 1,  /* the method was found in the frame's own environment */
  SAMPAN_RUBY_COMPILED = 2,    /* it was called by machine code (jit_return) */
};

struct sampan_ruby_frame {
  __u64 pc, iseq;
  __u64 method;              /* nearest method entry or cref, as the environments chain to it; 0: none */
  __u32 kind;                /* the lower half of its environment's word 0 */
  __u32 flags;
};

#endif
