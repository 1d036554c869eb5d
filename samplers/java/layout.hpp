// The offsets that the walker uses, under HotSpot's own names, filled from VmStructs once per process.
// Where versions differ, the difference is a row of data in layout.cpp; nothing else knows a version.
#pragma once

#include <cstdint>
#include <vector>

#include "samplers/base/architecture.h"
#include "samplers/java/vm_structs.hpp"

namespace sampan::java {

using Offset = std::int32_t;
inline constexpr Offset kAbsent = -1;

struct Layout {
  const sampan_architecture* architecture = &sampan_native;   // of the VM's code
  int major = 0;                        // JDK's feature version, for messages and the encodings below

  // Code cache: one heap until JDK 8, an array of heaps since.
  std::uint64_t heaps = 0, single_heap = 0;             // addresses of static pointers
  std::uint64_t low_bound = 0, high_bound = 0;          // addresses; 0 on JDK 8
  Offset array_length = kAbsent, array_data = kAbsent;  // GrowableArray
  Offset heap_memory = kAbsent, heap_segmap = kAbsent, heap_shift = kAbsent;
  Offset space_low = kAbsent, space_high = kAbsent, space_low_boundary = kAbsent, space_high_boundary = kAbsent;
  Offset block_used = kAbsent;
  std::uint64_t block_size = 0;

  // CodeBlob and nmethod. Of a pair, one exists: an address in the blob, or an offset from its start.
  std::uint64_t blob_bytes = 0;                         // what to read of a blob to have every field below
  Offset blob_name = kAbsent, blob_size = kAbsent, blob_frame_size = kAbsent, blob_frame_complete = kAbsent;
  bool frame_complete_is_short = false;                 // int16_t since JDK 23
  Offset code_begin = kAbsent, code_offset = kAbsent;
  Offset method = kAbsent, compile_id = kAbsent, comp_level = kAbsent, orig_pc = kAbsent;
  Offset verified_entry = kAbsent, verified_entry_offset = kAbsent;
  Offset deopt_begin = kAbsent, deopt_mh_begin = kAbsent, deopt_offset = kAbsent, deopt_mh_offset = kAbsent;
  Offset scopes_pcs = kAbsent, scopes_pcs_end = kAbsent;       // ints: offsets from the immutable data or the blob
  Offset scopes_begin = kAbsent, scopes_offset = kAbsent;
  Offset immutable_data = kAbsent;
  Offset metadata_offset = kAbsent, data_offset = kAbsent, mutable_data = kAbsent, relocation_size = kAbsent;

  // Method metadata.
  Offset const_method = kAbsent;
  Offset cm_constants = kAbsent, cm_flags = kAbsent, cm_code_size = kAbsent, cm_name = kAbsent, cm_signature = kAbsent;
  std::uint64_t cm_bytes = 0;                           // sizeof(ConstMethod): the bytecodes follow
  std::uint32_t cm_has_lines = 1;                       // the flag's bit
  Offset pool_holder = kAbsent, pool_length = kAbsent, pool_source_file = kAbsent;
  std::uint64_t pool_bytes = 0;                         // sizeof(ConstantPool): the entries follow
  Offset klass_name = kAbsent, klass_constants = kAbsent, klass_source_file = kAbsent;
  Offset klass_fields = kAbsent, klass_field_stream = kAbsent, klass_field_count = kAbsent;
  Offset array_of_u1 = kAbsent, array_of_u2 = kAbsent;  // Array<u1>::_data
  Offset symbol_length = kAbsent, symbol_length_and_refcount = kAbsent, symbol_body = kAbsent;

  std::uint64_t perf_start = 0;                         // address of the static pointer to the VM's counters

  // Threads.
  std::uint64_t threads_list = 0, first_thread = 0;     // addresses of static pointers; the second on JDK 8
  Offset list_length = kAbsent, list_threads = kAbsent, thread_next = kAbsent;
  std::uint64_t thread_bytes = 0;                       // sizeof(JavaThread)
  Offset thread_osthread = kAbsent, thread_object = kAbsent, thread_anchor = kAbsent, thread_stack_base = kAbsent;
  Offset thread_cont_entry = kAbsent;
  Offset osthread_id = kAbsent;
  Offset anchor_sp = kAbsent, anchor_pc = kAbsent, anchor_fp = kAbsent;
  Offset wrapper_anchor = kAbsent;                      // JavaCallWrapper
  std::uint64_t cont_return_pc = 0;                     // address of the static pointer; since JDK 24

  // Frames.
  std::uint64_t call_stub_return = 0;                   // address of the static pointer
  std::int32_t entry_wrapper_slot = -6;                 // words from the frame pointer
  std::int32_t interpreter_bcp_slot = -8;
  std::uint64_t interpreter_code = 0;                   // address of the static StubQueue*
  Offset queue_buffer = kAbsent, queue_limit = kAbsent;
  Offset codelet_size = kAbsent, codelet_description = kAbsent;
  std::uint64_t codelet_bytes = 0;

  // Encodings.
  std::uint8_t unsigned5_excludes = 0;                  // byte values that UNSIGNED5 leaves out: 1 since JDK 20

  // Heap objects, for thread names only.
  bool thread_object_is_handle = false;                 // OopHandle: a pointer to the pointer
  Offset klass_super = kAbsent;
  Offset oop_klass = kAbsent, oop_compressed_klass = kAbsent;
  std::uint64_t klass_base = 0, klass_shift = 0, oop_base = 0, oop_shift = 0;   // addresses of statics
  std::uint64_t flags = 0, flag_count = 0;              // addresses of statics
  Offset flag_name = kAbsent, flag_address = kAbsent;
  std::uint64_t flag_bytes = 0;
  std::uint64_t z_instance = 0;                         // ZGlobalsForVMStructs
  Offset z_load_shift = kAbsent;
  Offset mark_klass_shift = kAbsent;                    // compact object headers
};

// Fails with CannotSample and the names of what the VM does not describe.
Result<Layout> make_layout(Memory& memory, const VmStructs& vm, const sampan_architecture& architecture);

}  // namespace sampan::java
