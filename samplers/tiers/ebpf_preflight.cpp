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
  if (older_than(5, 17)) return "the ebpf tier needs a kernel of 5.17 or newer";
  if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) return "the ebpf tier needs a kernel with BTF (/sys/kernel/btf/vmlinux)";
  if (locked_down()) return "the kernel is locked down (confidentiality): the ebpf tier is not allowed";
  if (error == EACCES && std::strcmp(what, "loading the BPF program") == 0) return "this kernel's verifier does not take the BPF program";
  if (error == EPERM || error == EACCES) {
    return fmt::format("{} was refused though the capabilities are there: a seccomp profile, an LSM or "
                       "kernel.perf_event_paranoid above 2 forbids it", what);
  }
  return fmt::format("{} failed: {}", what, std::strerror(error));
}

}  // namespace sampan
