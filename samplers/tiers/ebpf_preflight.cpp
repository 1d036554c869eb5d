// Sentences for a tier that was tried and refused.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "samplers/process/files.hpp"
#include "samplers/tiers/ebpf_program.hpp"

namespace sampan {
namespace {

// linux/capability.h
constexpr unsigned kSysAdmin = 21, kPerfmon = 38, kBpf = 39;

std::uint64_t effective_capabilities() {
  const auto status = read_file("/proc/self/status", 16384).value_or("");
  const auto line = status.find("CapEff:\t");
  std::uint64_t mask = 0;
  if (line != std::string::npos) std::from_chars(status.data() + line + 8, status.data() + status.size(), mask, 16);
  return mask;
}

bool older_than(int wanted_major, int wanted_minor) {
  utsname name{};
  int major = 0, minor = 0;
  if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
  return major < wanted_major || (major == wanted_major && minor < wanted_minor);
}

bool locked_down() {
  return read_file("/sys/kernel/security/lockdown", 256).value_or("").find("[confidentiality]") != std::string::npos;
}

// kernel.perf_event_paranoid, a digit; empty where it is below 0 or cannot be read.
std::string paranoia() {
  const std::string text = read_file("/proc/sys/kernel/perf_event_paranoid", 16).value_or("");
  return !text.empty() && text[0] >= '0' && text[0] <= '9' ? text.substr(0, 1) : std::string();
}

std::string missing_capabilities() {
  const std::uint64_t mask = effective_capabilities();
  const auto has = [&](unsigned bit) { return ((mask >> bit) & 1) != 0; };
  if (has(kSysAdmin)) return {};
  std::string missing;
  if (!has(kBpf)) missing = "BPF";
  if (!has(kPerfmon)) missing += missing.empty() ? "PERFMON" : " and PERFMON";
  return missing;
}

}  // namespace

std::string explain_ebpf_failure(const char* what, int error) {
  if (const std::string missing = missing_capabilities(); !missing.empty()) {
    return fmt::format("the ebpf tier needs the capabilities BPF, PERFMON and SYS_PTRACE: {} {} missing "
                       "(securityContext.capabilities.add)", missing, missing.find(' ') == std::string::npos ? "is" : "are");
  }
  if (older_than(5, 10)) return "the ebpf tier needs a kernel of 5.10 or newer";
  if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) return "the ebpf tier needs a kernel with BTF (/sys/kernel/btf/vmlinux)";
  if (locked_down()) return "the kernel is locked down (confidentiality): the ebpf tier is not allowed";
  if (error == EACCES && std::strcmp(what, "loading the BPF program") == 0) return "this kernel's verifier does not take the BPF program";
  if (error == EPERM && older_than(5, 11)) {
    return "kernels before 5.11 count BPF maps to RLIMIT_MEMLOCK: the ebpf tier needs SYS_RESOURCE there too (securityContext.capabilities.add)";
  }
  if (const std::string level = paranoia(); (error == EPERM || error == EACCES) && level > "2" && std::strcmp(what, "perf_event_open") == 0) {
    return fmt::format("perf_event_open was refused: kernel.perf_event_paranoid is {} on this node, which asks for SYS_ADMIN beside PERFMON "
                       "(sysctl kernel.perf_event_paranoid=2 on the node, or securityContext.capabilities.add SYS_ADMIN)", level);
  }
  if (error == EPERM || error == EACCES) {
    return fmt::format("{} was refused though the capabilities are there: a seccomp profile or an LSM forbids it", what);
  }
  return fmt::format("{} failed: {}", what, std::strerror(error));
}

}  // namespace sampan
