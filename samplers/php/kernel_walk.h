/* What the in-kernel walk of PHP's frames is given and what it sends. C, shared with the BPF program. */
#ifndef SAMPAN_PHP_KERNEL_WALK_H
#define SAMPAN_PHP_KERNEL_WALK_H

#include <linux/types.h>

#define SAMPAN_PHP_MOST_FRAMES 512    /* sent of a deeper stack: the innermost half and the outermost half */
#define SAMPAN_PHP_HALF (SAMPAN_PHP_MOST_FRAMES / 2)

/* The same in every release from 7.0 on. */
enum sampan_php_offsets {
  SAMPAN_PHP_STRING_HASH = 8,       /* zend_string */
  SAMPAN_PHP_OP_LINE = 24,          /* zend_op */
  SAMPAN_PHP_GENERATOR_PARENT = 96, /* zend_generator, from its frame on */
};
enum sampan_php_types {
  SAMPAN_PHP_INTERNAL = 1,          /* zend_function.type */
  SAMPAN_PHP_USER = 2,
  SAMPAN_PHP_EVAL = 4,
  SAMPAN_PHP_OBJECT = 8,            /* zval: IS_OBJECT */
};

/* Which registers of the processor, by DWARF number, hold execute_data and the opline that runs while the VM's loop does: the
   frame's own opline is written only before what may throw (Zend/zend_execute.c: ZEND_VM_FP_GLOBAL_REG, …_IP_GLOBAL_REG). */
struct sampan_php_registers {
  __u32 machine;             /* of ELF */
  __u32 frame, opline;
};

/* Of one process. */
struct sampan_php_process {
  __u64 loop[2][2];          /* the VM's loop and what was split off it: start, end */
  __u64 globals;             /* executor_globals; of a thread-safe build, their offset in a thread's entry of TSRM's table */
  __u64 table;               /* where the pointer to that table is; 0: the main thread alone runs PHP */
  __u32 slots;               /* of the table, at most */
  __u32 descriptor;          /* how far below the thread pointer a thread's pthread_t is */
  __u32 current_execute_data, filename, generator_frame, entry_bit;   /* of the layout */
  struct sampan_php_registers registers;
  __u32 padding;
};

enum sampan_php_walk_flags {
  SAMPAN_PHP_TORN = 1,       /* what was met is no chain of frames */
  SAMPAN_PHP_CUT = 2,        /* the walk did not reach the outermost */
};

/* Followed by the frames, innermost first; from SAMPAN_PHP_HALF on they lie in a ring of that size. */
struct sampan_php_stack {
  __u32 flags;
  __u32 frames;              /* that the walk met: more than there are where it is deeper than SAMPAN_PHP_MOST_FRAMES */
};

struct sampan_php_frame {
  __u64 function;            /* zend_function */
  __u64 check;               /* of what it held then: below */
  __u32 line;                /* of the opline, where it is PHP's own code; 0: not known */
  __u32 flags;
};

enum sampan_php_frame_flags {
  SAMPAN_PHP_DELEGATES = 1,  /* one of several generators that delegate, of which the outermost comes first */
  SAMPAN_PHP_ENTRY = 2,      /* the outermost of one call of the VM's loop */
};

/* The words that tell a function from another that lies there later, one after the other: type, name, scope, the name's
   hash; of PHP's own code also file, first and last line (one word), the file's hash. A hash that cannot be read is 0. */
static inline __u64 sampan_php_check(__u64 check, __u64 word) {
  check = (check ^ word) * 0x9e3779b97f4a7c15ull;
  return check ^ check >> 32;
}

#endif
