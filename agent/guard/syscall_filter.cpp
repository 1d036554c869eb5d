#include "agent/guard/syscall_filter.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace sampan {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

constexpr std::uint32_t kDenied[] = {
    // another process's memory and fate
    SYS_process_vm_writev, SYS_process_madvise, SYS_move_pages, SYS_migrate_pages, SYS_userfaultfd, SYS_tkill,
    // new programs
    SYS_execve, SYS_execveat,
    // namespaces and file systems
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, SYS_unshare, SYS_open_tree, SYS_move_mount, SYS_fsopen,
    SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_open_by_handle_at, SYS_quotactl, SYS_swapon, SYS_swapoff, SYS_acct,
    // the kernel and the machine
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_sethostname, SYS_setdomainname,
    SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_add_key, SYS_request_key, SYS_keyctl,
    SYS_fanotify_init, SYS_io_uring_setup, SYS_personality, SYS_vhangup,
    // other users, a server of its own
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_setfsuid,
    SYS_setfsgid, SYS_listen, SYS_accept, SYS_accept4,
#if defined(__x86_64__)
    SYS_fork, SYS_vfork, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_kexec_file_load,
#endif
};

// What reading a stopped thread needs. PTRACE_ATTACH is not among them: it stops a whole process by a signal.
constexpr std::uint32_t kPtraceRequests[] = {
    PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_LISTEN, PTRACE_CONT, PTRACE_DETACH, PTRACE_SETOPTIONS, PTRACE_PEEKTEXT,
    PTRACE_PEEKDATA, PTRACE_PEEKUSER, PTRACE_GETREGSET, PTRACE_GETSIGINFO, PTRACE_GETEVENTMSG, PTRACE_GETSIGMASK,
    PTRACE_GET_SYSCALL_INFO,
#if defined(__x86_64__)
    PTRACE_GETREGS, PTRACE_GETFPREGS,
#endif
};

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kNotThere = SECCOMP_RET_ERRNO | ENOSYS;

class Program {
 public:
  void load_number() { load(offsetof(seccomp_data, nr)); }
  void load_architecture() { load(offsetof(seccomp_data, arch)); }
  // Both architectures are little-endian: the low half comes first.
  void load_argument(unsigned n, bool high = false) {
    load(static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * n + (high ? 4 : 0)));
  }
  void verdict(std::uint32_t value) { add(BPF_RET | BPF_K, 0, 0, value); }
  void verdict_if_equal(std::uint32_t value, std::uint32_t result) { guarded(BPF_JEQ, value, true, result); }
  void verdict_unless_equal(std::uint32_t value, std::uint32_t result) { guarded(BPF_JEQ, value, false, result); }
  void verdict_if_bits(std::uint32_t bits, std::uint32_t result) { guarded(BPF_JSET, bits, true, result); }
  void verdict_unless_bits(std::uint32_t bits, std::uint32_t result) { guarded(BPF_JSET, bits, false, result); }

  // Runs `body` for that system call only; the body ends with a verdict.
  template <typename Body>
  void for_call(std::uint32_t number, Body body) {
    const std::size_t jump = code.size();
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, number);
    body(*this);
    code[jump].jf = static_cast<std::uint8_t>(code.size() - jump - 1);
  }

  std::vector<sock_filter> code;

 private:
  void load(std::uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset); }
  void add(unsigned operation, std::uint8_t if_true, std::uint8_t if_false, std::uint32_t value) {
    code.push_back({static_cast<std::uint16_t>(operation), if_true, if_false, value});
  }
  void guarded(unsigned test, std::uint32_t value, bool when, std::uint32_t result) {
    add(BPF_JMP | test | BPF_K, when ? 0 : 1, when ? 1 : 0, value);
    verdict(result);
  }
};

void restrict_ptrace(Program& p) {
  p.load_argument(0, true);
  p.verdict_unless_equal(0, kRefuse);
  p.load_argument(0);
  for (const std::uint32_t request : kPtraceRequests) p.verdict_if_equal(request, kAllow);
  p.verdict(kRefuse);
}

// Signal 0 asks whether a process is there; the agent may signal itself.
void restrict_signals(Program& p, pid_t self) {
  const auto own = static_cast<std::uint32_t>(self);
  for (const std::uint32_t call : {SYS_kill, SYS_rt_sigqueueinfo, SYS_tgkill, SYS_rt_tgsigqueueinfo})
    p.for_call(call, [&](Program& body) {
      body.load_argument(0);
      body.verdict_if_equal(own, kAllow);
      body.load_argument(call == SYS_kill || call == SYS_rt_sigqueueinfo ? 1 : 2);
      body.verdict_unless_equal(0, kRefuse);
      body.verdict(kAllow);
    });
  p.for_call(SYS_pidfd_send_signal, [](Program& body) {
    body.load_argument(1);
    body.verdict_unless_equal(0, kRefuse);
    body.verdict(kAllow);
  });
}

// Threads yes, processes no. clone3 hides its flags behind a pointer: libc falls back to clone.
void restrict_clone(Program& p) {
  p.for_call(SYS_clone, [](Program& body) {
    body.load_argument(0);
    body.verdict_unless_bits(CLONE_THREAD, kRefuse);
    body.verdict(kAllow);
  });
  p.verdict_if_equal(SYS_clone3, kNotThere);
}

void restrict_limits(Program& p) {
  p.for_call(SYS_prlimit64, [](Program& body) {
    body.load_argument(0);
    body.verdict_unless_equal(0, kRefuse);
    body.verdict(kAllow);
  });
}

void restrict_executable_memory(Program& p) {
  for (const std::uint32_t call : {SYS_mmap, SYS_mprotect, SYS_pkey_mprotect})
    p.for_call(call, [](Program& body) {
      body.load_argument(2);
      body.verdict_if_bits(PROT_EXEC, kRefuse);
      body.verdict(kAllow);
    });
}

}  // namespace

std::vector<sock_filter> syscall_filter(pid_t self) {
  Program p;
  p.load_architecture();
  p.verdict_unless_equal(kArchitecture, kNotThere);
  p.load_number();
#if defined(__x86_64__)
  constexpr std::uint32_t kX32 = 0x40000000;   // the same calls by other numbers
  p.verdict_if_bits(kX32, kNotThere);
#endif
  for (const std::uint32_t call : kDenied) p.verdict_if_equal(call, kRefuse);
  p.for_call(SYS_ptrace, restrict_ptrace);
  restrict_signals(p, self);
  restrict_clone(p);
  restrict_limits(p);
  restrict_executable_memory(p);
  p.verdict(kAllow);
  return p.code;
}

}  // namespace sampan
