/* What the in-kernel walk of Python's frames is given and what it sends. C, shared with the BPF program. */
#ifndef SAMPAN_PYTHON_KERNEL_WALK_H
#define SAMPAN_PYTHON_KERNEL_WALK_H

#include <linux/types.h>

#include "samplers/python/offsets.h"

#define SAMPAN_PY_MOST_FRAMES 512    /* sent of a deeper stack: the innermost half and the outermost half */
#define SAMPAN_PY_HALF (SAMPAN_PY_MOST_FRAMES / 2)
#define SAMPAN_PY_MOST_SPAN 128      /* bytes that one read of a frame or a code object takes */

/* Of one process. */
struct sampan_py_process {
  __u64 runtime;             /* _PyRuntime */
  __u64 interpreters_head;   /* where the pointer to the newest interpreter is */
  __u64 current;             /* where the pointer to the running thread state is; up to 3.6 */
  __u32 frame_bytes;         /* from a frame's start, as far as the walk needs it */
  __u32 code_from, code_bytes;   /* where the check's three fields of a code object are */
  __u32 descriptor;          /* how far below the thread pointer a thread's pthread_t is */
  struct sampan_py_offsets offsets;
};

enum sampan_py_walk_flags {
  SAMPAN_PY_GIL = 1,         /* the thread held the lock */
  SAMPAN_PY_TORN = 2,        /* what was met is no chain of frames */
  SAMPAN_PY_CUT = 4,         /* the walk did not reach the outermost */
  SAMPAN_PY_STATE = 8,       /* the thread has a thread state */
};

/* Followed by the frames, innermost first; from SAMPAN_PY_HALF on they lie in a ring of that size. */
struct sampan_py_stack {
  __u32 flags;
  __u32 frames;              /* that the walk met: more than there are where it is deeper than SAMPAN_PY_MOST_FRAMES */
};

struct sampan_py_frame {
  __u64 address;             /* of the frame; up to 3.10: of the first local's type, which outlives the local.
                                Lowest bit: the outermost of one call of the interpreter's loop */
  __u64 code;
  __u64 position;            /* as it stands: an int or a pointer */
  __u64 check;               /* sampan_py_check of the code object, as it was then */
  __u64 argument;            /* up to 3.10: the first local, by which a method's class is found */
};

static inline __u64 sampan_py_check(__u32 argcount, __u32 flags, __u32 first_line) {
  return (__u64)first_line << 32 | (__u32)(flags + argcount * 16777619u);
}

#endif
