#include "agent/guard/restrict.hpp"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "agent/guard/syscall_filter.hpp"
#include "samplers/process/files.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t bit(unsigned capability) { return std::uint64_t{1} << capability; }

// Sampling's own; whichever of them the process was given.
constexpr std::uint64_t kNeeded = bit(CAP_SYS_PTRACE) | bit(CAP_BPF) | bit(CAP_PERFMON) |
                                  bit(CAP_DAC_READ_SEARCH) | bit(CAP_CHECKPOINT_RESTORE);

class Capabilities {
 public:
  bool read() { return ::syscall(SYS_capget, &header_, data_) == 0; }
  std::uint64_t permitted() const { return data_[0].permitted | std::uint64_t{data_[1].permitted} << 32; }
  bool keep(std::uint64_t wanted) {
    for (unsigned half = 0; half < 2; ++half) {
      const auto bits = static_cast<std::uint32_t>(wanted >> (32 * half));
      data_[half] = {.effective = bits, .permitted = bits, .inheritable = 0};
    }
    return ::syscall(SYS_capset, &header_, data_) == 0;
  }

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data_[2]{};
};

// Without any capability: is the folder (or the nearest one above it that exists) the user's own to write?
bool owner_can_write(const std::string& folder) {
  std::filesystem::path path(folder);
  struct stat status {};
  while (::stat(path.c_str(), &status) != 0) {
    if (!path.has_relative_path()) return false;
    path = path.parent_path();
  }
  return (status.st_mode & (status.st_uid == ::geteuid() ? S_IWUSR : S_IWOTH)) != 0;
}

// Debian's and Ubuntu's kernels, by default: PERFMON does not suffice there. What else SYS_ADMIN allows, the system-call
// filter refuses.
bool perf_events_need_admin() {
  const std::string level = read_file("/proc/sys/kernel/perf_event_paranoid", 16).value_or("");
  return std::atoi(level.c_str()) > 2;
}

std::uint64_t wanted(std::uint64_t permitted, const std::string& output_dir, bool samples) {
  std::uint64_t keep = samples ? permitted & kNeeded : 0;
  const bool reads_all = (keep & bit(CAP_DAC_READ_SEARCH)) != 0;
  if (!reads_all || !owner_can_write(output_dir)) keep |= permitted & bit(CAP_DAC_OVERRIDE);
  if (samples && perf_events_need_admin()) keep |= permitted & bit(CAP_SYS_ADMIN);
  return keep;
}

void note(Restriction& result, const char* what) {
  result.shortfall += fmt::format("{}{}: {}", result.shortfall.empty() ? "" : "; ", what, std::strerror(errno));
}

void drop_capabilities(Restriction& result, const std::string& output_dir, bool samples) {
  Capabilities own;
  if (!own.read()) return note(result, "capabilities cannot be read");
  const std::uint64_t keep = wanted(own.permitted(), output_dir, samples);
  // The bounding set matters to new programs only, which the filter refuses anyway; it needs SETPCAP.
  if ((own.permitted() & bit(CAP_SETPCAP)) != 0)
    for (unsigned capability = 0; capability < 64; ++capability)
      if ((keep & bit(capability)) == 0) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (!own.keep(keep)) return note(result, "capabilities cannot be dropped");
  result.capabilities = keep;
}

void install_filter(Restriction& result) {
  errno = install_syscall_filter(::getpid());
  result.filtered = errno == 0;
  if (!result.filtered) note(result, "no system-call filter");
}

}  // namespace

Restriction restrict_self(const std::string& output_dir, bool samples) {
  Restriction result;
  const rlimit all{RLIM_INFINITY, RLIM_INFINITY};   // kernels before 5.11 count BPF maps to it
  ::setrlimit(RLIMIT_MEMLOCK, &all);
  drop_capabilities(result, output_dir, samples);
  const rlimit none{0, 0};   // a core would hold what was read from targets
  if (::setrlimit(RLIMIT_CORE, &none) != 0) note(result, "core dumps cannot be forbidden");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) note(result, "no_new_privs");
  else install_filter(result);
  return result;
}

}  // namespace sampan
