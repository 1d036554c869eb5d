/* Where CPython keeps what a walk needs: one plain struct of named offsets, shared by every tier.
 * C, so that in-kernel programs read the very same. An offset of zero means: this version has no such field
 * (but for those that are truly zero, which the kinds below tell). */
#pragma once

#ifndef __bpf__
#include <stdint.h>
#endif

/* How a frame says where it is in its code. */
enum sampan_py_position {
  SAMPAN_PY_LASTI_BYTES,      /* int, bytes into the bytecode; -1: not started (<= 3.9) */
  SAMPAN_PY_LASTI_UNITS,      /* int, code units of two bytes (3.10) */
  SAMPAN_PY_INSTR_POINTER,    /* pointer into the code object's own bytecode (3.11 and newer) */
};

/* How a code object tells lines. */
enum sampan_py_lines {
  SAMPAN_PY_LNOTAB_UNSIGNED,  /* 2.7: both deltas unsigned */
  SAMPAN_PY_LNOTAB,           /* 3.6-3.9: line deltas signed */
  SAMPAN_PY_LINETABLE,        /* 3.10, PEP 626 */
  SAMPAN_PY_LOCATIONS,        /* 3.11 and newer, PEP 657 */
};

/* How a dict keeps its rows. */
enum sampan_py_dicts {
  SAMPAN_PY_DICT_TABLE,       /* 2.7: ma_mask, ma_table */
  SAMPAN_PY_DICT_SIZED,       /* 3.6-3.10: PyDictKeysObject says the size of its table of indices */
  SAMPAN_PY_DICT_LOG2,        /* 3.11 and newer: its logarithm, and rows of strings without their hash */
};

/* How an instance keeps its attributes. */
enum sampan_py_attributes {
  SAMPAN_PY_ATTR_DICT,        /* up to 3.10: a dict at tp_dictoffset */
  SAMPAN_PY_ATTR_TWO_WORDS,   /* 3.11: before the object a pointer to values and one to a dict */
  SAMPAN_PY_ATTR_TAGGED,      /* 3.12: one word for either: that of values is one less than their address */
  SAMPAN_PY_ATTR_INLINE,      /* 3.13 and newer: a pointer to a dict before it, values behind it */
};

struct sampan_py_offsets {
  uint32_t version;              /* major << 8 | minor */
  uint8_t position;              /* enum sampan_py_position */
  uint8_t lines;                 /* enum sampan_py_lines */
  uint8_t interpreter_frames;    /* frames are _PyInterpreterFrame in stack chunks, not PyFrameObject (3.11+) */
  uint8_t boundary_owner;        /* frames with this owner or above are no frames of Python's; 255: there are none */
  uint8_t byte_strings;          /* names are byte strings, not PEP 393 unicode (2.7) */
  uint8_t free_threaded;         /* built without the global lock */
  uint8_t wide_string_state;     /* the unicode state holds `interned` in a whole byte (free-threaded 3.14+) */
  uint8_t current_by_symbol;     /* the running thread state is _PyThreadState_Current's value (2.7, 3.6) */
  uint8_t dicts;                 /* enum sampan_py_dicts */
  uint8_t attributes;            /* enum sampan_py_attributes */
  uint8_t values_from;           /* from a table of values to the first of them */
  uint8_t managed_dict;          /* how far before an object its managed dict's word is (3.11+) */

  /* _PyRuntimeState */
  uint32_t runtime_interpreters_head;
  uint32_t runtime_tstate_current;      /* gilstate.tstate_current, 3.7-3.11 */
  /* PyInterpreterState */
  uint32_t interp_next;
  uint32_t interp_threads_head;
  uint32_t interp_modules;              /* sys.modules */
  uint32_t interp_gil;                  /* ceval.gil, pointer to struct _gil_runtime_state, 3.12+ */
  uint32_t interp_code_generation;      /* 3.14+ */
  /* struct _gil_runtime_state; up to 3.11 within _PyRuntimeState */
  uint32_t gil_locked;
  uint32_t gil_holder;
  uint32_t gil_enabled;                 /* free-threaded builds */
  /* PyThreadState */
  uint32_t tstate_next;
  uint32_t tstate_interp;
  uint32_t tstate_frame;                /* frame, cframe (3.11-3.12) or current_frame */
  uint32_t tstate_thread_id;
  uint32_t tstate_native_thread_id;     /* 3.11+ */
  uint32_t tstate_chunk;                /* datastack_chunk, then datastack_top; 3.11+ */
  uint32_t tstate_base_frame;           /* 3.15+ */
  uint32_t tstate_holds_gil;            /* 3.15+ */
  /* _PyCFrame, 3.11-3.12 */
  uint32_t has_cframe;
  uint32_t cframe_current_frame;
  /* PyFrameObject or _PyInterpreterFrame */
  uint32_t frame_code;                  /* may carry tag bits (3.14+): mask the low three */
  uint32_t frame_back;
  uint32_t frame_position;              /* f_lasti, prev_instr or instr_ptr */
  uint32_t frame_owner;
  uint32_t frame_is_entry;              /* 3.11: set in the outermost frame of one call of the interpreter */
  uint32_t frame_tlbc_index;            /* free-threaded 3.14+ */
  uint32_t frame_locals;                /* f_localsplus, up to 3.10: where `self` is */
  /* PyCodeObject */
  uint32_t code_argcount;
  uint32_t code_flags;
  uint32_t code_first_line;
  uint32_t code_filename;
  uint32_t code_name;
  uint32_t code_qualname;               /* 3.11+ */
  uint32_t code_line_table;
  uint32_t code_bytecode;               /* co_code_adaptive, 3.11+ */
  uint32_t code_tlbc;                   /* free-threaded 3.14+ */
  uint32_t code_varnames;               /* up to 3.10 */
  /* Objects */
  uint32_t object_type;
  uint32_t var_size;                    /* ob_size */
  uint32_t bytes_data;
  uint32_t unicode_length;
  uint32_t unicode_state;
  uint32_t unicode_ascii_data;          /* sizeof(PyASCIIObject) */
  uint32_t unicode_compact_data;        /* sizeof(PyCompactUnicodeObject) */
  uint32_t type_mro;                    /* up to 3.10, to find a method's class */
  uint32_t type_dict;
  uint32_t type_name;
  uint32_t type_flags;
  uint32_t type_basic_size;
  uint32_t type_dict_offset;
  uint32_t type_cached_keys;            /* PyHeapTypeObject.ht_cached_keys, 3.11+ */
  uint32_t module_dict;
  uint32_t dict_keys;                   /* PyDictKeysObject *ma_keys, 3.6+; 2.7: ma_mask, then ma_table */
  uint32_t dict_values;                 /* ma_values, 3.6+ */
  uint32_t function_code;
  uint32_t function_qualname;           /* 3.6-3.10 */
};
