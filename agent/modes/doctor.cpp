#include "agent/modes/doctor.hpp"

#include <linux/capability.h>
#include <sys/ptrace.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "agent/delivery/files.hpp"
#include "agent/guard/restrict.hpp"
#include "agent/target/discovery.hpp"
#include "samplers/base/log.hpp"
#include "samplers/tiers/tiers.hpp"

namespace sampan {
namespace {

constexpr const char* kAddPtrace = "securityContext: {capabilities: {add: [SYS_PTRACE]}}";

std::uint64_t status_number(const char* key, int base) {
  const auto status = read_file("/proc/self/status", 16384).value_or("");
  const auto line = status.find(std::string("\n") + key + ":\t");
  std::uint64_t value = 0;
  if (line == std::string::npos) return 0;
  const char* from = status.data() + line + std::strlen(key) + 3;
  std::from_chars(from, status.data() + status.size(), value, base);
  return value;
}

bool has_capability(unsigned bit) { return ((status_number("CapEff", 16) >> bit) & 1) != 0; }

std::string first_line(const std::string& path) {
  std::string text = read_file(path, 256).value_or("");
  text.erase(std::min(text.find_first_of("\r\n"), text.size()));
  text.erase(std::min(text.find('\0'), text.size()));
  return text;
}

Check check_host() {
  if (sees_host()) return {"host processes", Check::Ok, "the agent sees more processes than its own", {}};
  return {"host processes", Check::Missing, "the agent sees its own processes only", "hostPID: true (docker run --pid=host)"};
}

Check check_capability() {
  if (has_capability(CAP_SYS_PTRACE)) return {"SYS_PTRACE", Check::Ok, "the capability is effective", {}};
  if (geteuid() != 0 && ((status_number("CapBnd", 16) >> CAP_SYS_PTRACE) & 1) != 0) {
    return {"SYS_PTRACE", Check::Missing, fmt::format("user {} is given no added capability", geteuid()), "securityContext: {runAsUser: 0}"};
  }
  return {"SYS_PTRACE", Check::Missing, "the capability is missing", kAddPtrace};
}

// A process of somebody else to try on: a target, or any that is not the agent's own.
pid_t someone(const TargetKeys& keys) {
  if (keys.any()) {
    auto discovery = Discovery::open(keys);
    if (!discovery) return 0;
    const auto found = discovery->look();
    return found.empty() ? 0 : found[0].id.pid;
  }
  TargetKeys all;
  all.cmdline_regex = ".";
  const auto found = Discovery::open(all)->look();
  for (const Found& one : found) {
    if (one.id.pid != 1 && one.id.pid != getppid()) return one.id.pid;
  }
  return 0;
}

// Why a process may not be read though the capability is there.
Check refused(int error) {
  const std::string apparmor = first_line("/proc/self/attr/apparmor/current").empty() ? first_line("/proc/self/attr/current")
                                                                                      : first_line("/proc/self/attr/apparmor/current");
  if (first_line("/proc/sys/kernel/yama/ptrace_scope") == "3") {
    return {"reading memory", Check::Missing, "Yama forbids it to everyone on this node (kernel.yama.ptrace_scope is 3)", {}};
  }
  if (apparmor.find("(enforce)") != std::string::npos) {
    return {"reading memory", Check::Missing, fmt::format("AppArmor's profile {} lets only its own processes be traced", apparmor),
            "securityContext: {appArmorProfile: {type: Unconfined}}"};
  }
  if (error == EPERM && status_number("Seccomp", 10) == 2) {
    return {"reading memory", Check::Missing, "a seccomp profile forbids process_vm_readv", "securityContext: {seccompProfile: {type: RuntimeDefault}}"};
  }
  return {"reading memory", Check::Missing, fmt::format("refused: {} (an LSM or a user namespace)", std::strerror(error)), {}};
}

Check check_reading(const TargetKeys& keys) {
  const pid_t pid = someone(keys);
  if (pid == 0) return {"reading memory", Check::Ok, "not tried: there is no other process", {}};
  const auto maps = read_maps(pid);
  int error = errno;
  for (const Mapping& mapping : maps) {
    if (!mapping.readable || mapping.path.empty() || mapping.path[0] != '/') continue;
    std::uint64_t word = 0;
    if (LiveMemory(pid).read_into(mapping.start, word)) return {"reading memory", Check::Ok, fmt::format("tried on process {}", pid), {}};
    error = errno;
    break;
  }
  if (!has_capability(CAP_SYS_PTRACE)) return {"reading memory", Check::Missing, fmt::format("refused on process {}", pid), kAddPtrace};
  return refused(error);
}

// Tried on a child of the agent's own.
Check check_stopping() {
  const pid_t child = fork();
  if (child < 0) return {"stopping a thread", Check::Optional, "not tried: no child could be made", {}};
  if (child == 0) {
    while (true) pause();
  }
  const bool seized = ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0;
  const int error = errno;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  if (seized) return {"stopping a thread", Check::Ok, "the ptrace tier can work", {}};
  return {"stopping a thread", Check::Optional, fmt::format("ptrace is refused: {}: native code needs the ebpf tier", std::strerror(error)),
          "securityContext: {seccompProfile: {type: RuntimeDefault}}"};
}

Check check_kernel() {
  utsname name{};
  uname(&name);
  // gVisor says of itself what no kernel says any more.
  if (std::string_view(name.release) == "4.4.0" && first_line("/proc/version").find("Jan 10 15:06:54 PST 2016") != std::string::npos) {
    return {"kernel", Check::Missing, "this is gVisor: other containers cannot be seen from inside", "runtimeClassName of a native runtime (runc)"};
  }
  return {"kernel", Check::Ok, std::string("Linux ") + name.release + " " + name.machine, {}};
}

Check check_ebpf(const Options& options) {
  Profile profile;
  Context context{profile, options, {}};
  const auto opened = open_ebpf_tier(context);
  if (opened) return {"ebpf tier", Check::Ok, "stacks can be walked in the kernel", {}};
  const std::string& why = opened.error().message;
  const char* manifest = why.find("perf_event_paranoid") != std::string::npos ? "securityContext: {capabilities: {add: [SYS_PTRACE, BPF, PERFMON, SYS_ADMIN]}}"
                         : why.find("capabilities") != std::string::npos      ? "securityContext: {capabilities: {add: [SYS_PTRACE, BPF, PERFMON]}}"
                                                                              : "";
  return {"ebpf tier", Check::Optional, why, manifest};
}

Check check_deleted_files() {
  constexpr unsigned kCheckpointRestore = 40;   // linux/capability.h
  if (has_capability(kCheckpointRestore) || has_capability(CAP_SYS_ADMIN)) return {"deleted files", Check::Ok, "a replaced binary can be read", {}};
  return {"deleted files", Check::Optional, "a binary that was replaced on disk while it runs has no symbols",
          "securityContext: {capabilities: {add: [SYS_PTRACE, CHECKPOINT_RESTORE]}}"};
}

Check check_output(const DeliveryOptions& options) {
  const auto probed = probe_directory(options.output_dir);
  if (probed) return {"output_dir", Check::Ok, options.output_dir + " can be written", {}};
  return {"output_dir", options.uploads.empty() ? Check::Missing : Check::Optional, probed.error().message,
          "volumeMounts: [{name: output, mountPath: " + options.output_dir + "}]"};
}

void tell(const Check& check, Progress& progress) {
  constexpr const char* kStates[] = {"ok", "missing", "optional"};
  const char* state = kStates[check.state];
  if (progress.terminal()) {
    progress.stage("doctor", fmt::format("{:<9} {:<18} {}{}{}", state, check.name, check.sentence, check.manifest.empty() ? "" : "\n                               add ", check.manifest));
    return;
  }
  progress.event("check", {{"name", check.name}, {"state", state}, {"sentence", check.sentence}, {"manifest", check.manifest}});
}

}  // namespace

std::vector<Check> check_needs(const TargetKeys& keys) {
  return {check_kernel(), check_host(), check_capability(), check_reading(keys)};
}

Error explained(Error error, const TargetKeys& keys) {
  if (error.code != Exit::NotPermitted) return error;
  for (const Check& check : check_needs(keys)) {
    if (check.state != Check::Missing) continue;
    error.message += fmt::format("; {}: {}", check.name, check.sentence);
    if (!check.manifest.empty()) error.message += "; add `" + check.manifest + "`";
    break;
  }
  return error;
}

RunResult run_doctor(const TargetKeys& keys, const Options& sampling, const DeliveryOptions& delivery, Progress& progress) {
  auto checks = check_needs(keys);
  checks.push_back(check_stopping());
  // From here on with what a run keeps, so that it is tried what a run will do.
  if (const auto restricted = restrict_self(delivery.output_dir); !restricted.shortfall.empty()) log_warning("{}", restricted.shortfall);
  for (Check check : {check_ebpf(sampling), check_deleted_files(), check_output(delivery)}) checks.push_back(std::move(check));
  RunResult outcome;
  std::string missing;
  for (const Check& check : checks) {
    tell(check, progress);
    if (check.state != Check::Missing) continue;
    (missing += missing.empty() ? "" : ", ") += check.name;
    const Exit code = check.name == "host processes" ? Exit::NoTarget : check.name == "output_dir" ? Exit::DeliveryFailed : Exit::NotPermitted;
    if (outcome.code == Exit::Delivered || code == Exit::NotPermitted) outcome.code = code;
  }
  outcome.sentence = missing.empty() ? "everything that sampling needs is there" : "missing: " + missing;
  return outcome;
}

}  // namespace sampan
