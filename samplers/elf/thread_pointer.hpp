// Where a thread's descriptor (what pthread_self() returns) is, seen from the processor's thread pointer.
#pragma once

#include <cstdint>
#include <optional>

#include "samplers/elf/elf_file.hpp"

namespace sampan {

// How many bytes below the thread pointer; on x86_64 it is at it. On arm64 it ends there, and how large it is the C library
// tells debuggers (glibc's _thread_db_sizeof_pthread); nothing where it does not.
std::optional<std::uint64_t> descriptor_distance(const Process& process, ElfCache& elfs);

}  // namespace sampan
