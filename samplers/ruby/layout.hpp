// Where CRuby keeps what the walker reads, by version: one row each, as the headers of that release compile to on
// x86_64 and arm64 Linux (vm_core.h, ractor_core.h, thread_pthread.h, internal/class.h, iseq.h). Byte offsets.
#pragma once

#include <cstdint>
#include <span>

#include "samplers/ruby/kernel_walk.h"

namespace sampan::ruby {

using Offset = std::uint16_t;
constexpr Offset kNone = SAMPAN_RUBY_NONE;

struct Version {
  std::uint8_t major = 0, minor = 0, patch = 0;
  auto operator<=>(const Version&) const = default;
};

struct Layout {
  Version since;                   // this release and later ones, up to the next row's
  struct {
    Offset threads;                // list of threads (up to 2.7), or of ractors
    Offset main_thread;
    Offset objspace;
    Offset collecting;             // word of rb_objspace.flags, whose bit 5 says that garbage is being collected
  } vm;
  struct {
    Offset node;                   // vmlr_node; kNone up to 2.7, which knows no ractors
    Offset threads;                // list of threads
    Offset running;                // who holds the lock: an execution context; a thread, in the VM, up to 2.7
  } ractor;
  struct {
    Offset vm, ec;
    Offset native;                 // pointer to rb_native_thread (from 3.2); kNone: the next lies here
    Offset descriptor;             // pthread_t, in the native thread from 3.2
    Offset tid;                    // kernel's id beside it; kNone up to 3.0
  } thread;
  Offset ec_thread;                // vm_stack 0, vm_stack_size 8, cfp 16 everywhere
  Offset frame_size;               // pc 0, iseq 16, ep 32 everywhere
  Offset frame_jit_return;         // kNone: none
  struct {
    Offset insns;                  // iseq_size 4, iseq_encoded 8, location 64 everywhere
    Offset insns_size;
    Offset insns_index;            // succ_index_table; kNone: positions lie in the entries
    Offset local_iseq;
    Offset jit_code;               // machine code of the method; kNone: none
    Offset entry_size, entry_line;
  } body;
  struct {
    Offset extension;              // rb_classext_t within the class; kNone: pointed to by word 3, names in a table
    Offset path, attached;
    std::uint8_t singleton_bit;    // of RBasic.flags
  } klass;
  Offset string_length;            // RString.len; its text or pointer follows
  bool string_long_header;         // from 3.2 embedded strings have their length there too
};

std::span<const Layout> layouts();
// The row of a version; of one that is newer than all rows, the last one. nullptr before 2.5.
const Layout* find_layout(Version version);

}  // namespace sampan::ruby
