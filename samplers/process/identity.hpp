// Who a process is: its pid and its start time, which together are never reused.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sampan {

struct Identity {
  pid_t pid = 0;                   // in this agent's PID namespace
  std::uint64_t start_time = 0;    // clock ticks since boot
  auto operator<=>(const Identity&) const = default;
};

// What /proc/PID/stat (or /proc/PID/task/TID/stat) says; see proc(5).
struct ProcessStat {
  std::string comm;                // at most 15 bytes, any bytes
  char state = '?';
  pid_t parent = 0;
  std::uint64_t start_time = 0;    // clock ticks since boot
  std::uint64_t cpu_ticks = 0;     // user and system
  std::uint64_t child_ticks = 0;   // of children that it has waited for
};
// The command name may hold spaces and parentheses: fields are counted from the last `)`.
std::optional<ProcessStat> parse_stat(std::string_view text);
std::optional<ProcessStat> read_stat(pid_t pid);

// The process that bears the pid now; nothing where there is none.
std::optional<Identity> identify(pid_t pid);

// How long a process has been there, nanoseconds.
std::uint64_t age_ns(Identity id);

// The user that the process runs as (who owns /proc/PID); nothing where it has ended.
std::optional<std::uint32_t> owner_of(Identity id);

// The command line with NULs as spaces and trailing blanks cut; empty for kernel threads. At most 4 KiB.
std::string read_command_line(pid_t pid);

}  // namespace sampan
