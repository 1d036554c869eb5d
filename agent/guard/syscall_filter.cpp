#include "agent/guard/syscall_filter.hpp"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <type_traits>
#include <vector>

namespace sampan {
namespace {

// Whatever their arguments. A name that an architecture does not have is passed over by libseccomp.
constexpr int kAllowed[] = {
    // files by descriptor
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(close),
    SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(fstatfs), SCMP_SYS(getdents64), SCMP_SYS(dup), SCMP_SYS(dup3), SCMP_SYS(ftruncate),
    SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(flock), SCMP_SYS(fadvise64), SCMP_SYS(fallocate),
    // files by name; openat2 is how a target's are read
    SCMP_SYS(openat2), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat), SCMP_SYS(linkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    // own memory
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mincore), SCMP_SYS(msync),
    // own threads, time and signals
    SCMP_SYS(futex), SCMP_SYS(futex_waitv), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(set_tid_address), SCMP_SYS(gettid), SCMP_SYS(getpid),
    SCMP_SYS(getppid), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_getattr),
    SCMP_SYS(sched_setattr), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler), SCMP_SYS(getcpu), SCMP_SYS(membarrier),
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(pause), SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigsuspend), SCMP_SYS(sigaltstack), SCMP_SYS(alarm), SCMP_SYS(setitimer), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(timer_create),
    SCMP_SYS(timer_settime), SCMP_SYS(timer_delete), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(eventfd2),
    // what it is and has
    SCMP_SYS(capget), SCMP_SYS(getrusage), SCMP_SYS(getrlimit), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrandom), SCMP_SYS(arch_prctl),
    // sampling
    SCMP_SYS(process_vm_readv), SCMP_SYS(pidfd_open), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(memfd_create),
    // waiting for descriptors
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(pipe), SCMP_SYS(pipe2),
    // delivery: a client's calls; sockets have rules of their own
    SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(shutdown), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt),
};

// What reading a stopped thread needs. PTRACE_ATTACH is not among them: it stops a whole process by a signal.
constexpr int kPtraceRequests[] = {
    PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_LISTEN, PTRACE_CONT, PTRACE_DETACH, PTRACE_SETOPTIONS, PTRACE_PEEKTEXT,
    PTRACE_PEEKDATA, PTRACE_PEEKUSER, PTRACE_GETREGSET, PTRACE_GETSIGINFO, PTRACE_GETEVENTMSG, PTRACE_GETSIGMASK,
    PTRACE_GET_SYSCALL_INFO,
#if defined(__x86_64__)
    PTRACE_GETREGS, PTRACE_GETFPREGS,
#endif
};

// A terminal's size and mode, an event's switch, non-blocking sockets. TIOCSTI, which types into a terminal, is not here.
constexpr std::uint32_t kIoctls[] = {
    TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, FIONBIO, FIONREAD, PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE,
    PERF_EVENT_IOC_SET_BPF, PERF_EVENT_IOC_ID, PERF_EVENT_IOC_PERIOD, PERF_EVENT_IOC_RESET,
};
// F_SETOWN and F_NOTIFY, which send signals, are not here.
constexpr int kFcntls[] = {F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD, F_DUPFD_CLOEXEC, F_GETLK, F_SETLK};

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) {}

  void attribute(scmp_filter_attr name, std::uint32_t value) { note(seccomp_attr_set(context_.get(), name, value)); }
  void allow(int call) { add(SCMP_ACT_ALLOW, call, {}); }
  void answer(int call, unsigned error) { add(SCMP_ACT_ERRNO(error), call, {}); }
  // Where these bits of an int argument have that value. Rules of one call add up.
  void allow_bits(int call, unsigned argument, std::uint32_t bits, std::uint32_t value) {
    add(SCMP_ACT_ALLOW, call, {{argument, SCMP_CMP_MASKED_EQ, bits, value}});
  }
  void allow_number(int call, unsigned argument, std::uint32_t value) { allow_bits(call, argument, 0xffff'ffff, value); }
  // Where all 64 bits have that value: ptrace's request is a long.
  void allow_long(int call, unsigned argument, std::uint64_t value) { add(SCMP_ACT_ALLOW, call, {{argument, SCMP_CMP_EQ, value, 0}}); }

  int load() {
    if (error_ == 0) note(seccomp_load(context_.get()));
    return error_;
  }

 private:
  void add(std::uint32_t action, int call, std::vector<scmp_arg_cmp> when) {
    note(seccomp_rule_add_array(context_.get(), action, call, static_cast<unsigned>(when.size()), when.data()));
  }
  void note(int result) {
    if (result < 0 && error_ == 0) error_ = -result;
  }
  struct Release {
    void operator()(scmp_filter_ctx context) const { seccomp_release(context); }
  };
  std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, Release> context_;
  int error_ = 0;
};

// For reading; for writing where no file of that name is there, or none will have a name.
void allow_opening(Filter& filter) {
  for (const auto& [call, flags] : {std::pair{SCMP_SYS(open), 1u}, {SCMP_SYS(openat), 2u}}) {
    filter.allow_bits(call, flags, O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY), O_RDONLY);
    filter.allow_bits(call, flags, O_CREAT | O_EXCL, O_CREAT | O_EXCL);
    filter.allow_bits(call, flags, O_TMPFILE, O_TMPFILE);
  }
}

// Signal 0 asks whether a process is there; the agent may signal itself.
void allow_signals(Filter& filter, pid_t self) {
  for (const auto& [call, signal] : {std::pair{SCMP_SYS(kill), 1u}, {SCMP_SYS(rt_sigqueueinfo), 1u}, {SCMP_SYS(tgkill), 2u},
                                     {SCMP_SYS(rt_tgsigqueueinfo), 2u}}) {
    filter.allow_number(call, 0, static_cast<std::uint32_t>(self));
    filter.allow_number(call, signal, 0);
  }
  filter.allow_number(SCMP_SYS(pidfd_send_signal), 1, 0);
}

// Threads, and processes that share this one's memory (agent/run/worker, which asks to end with its thread) yes; copies and
// namespaces no. clone3 hides its flags behind a pointer: libc falls back to clone.
void allow_threads(Filter& filter) {
  constexpr std::uint32_t kSpaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
  filter.allow_bits(SCMP_SYS(clone), 0, CLONE_VM | kSpaces, CLONE_VM);
  filter.allow_number(SCMP_SYS(prctl), 0, PR_SET_PDEATHSIG);
  filter.answer(SCMP_SYS(clone3), ENOSYS);
  filter.allow_number(SCMP_SYS(prlimit64), 0, 0);   // its own limits
}

void allow_own_memory(Filter& filter) {
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) filter.allow_bits(call, 2, PROT_EXEC, 0);
}

// Netlink is how libc learns which addresses the machine has. The pair is libcurl's, between its own threads.
void allow_sockets(Filter& filter) {
  for (const std::uint32_t family : {AF_INET, AF_INET6, AF_NETLINK}) filter.allow_number(SCMP_SYS(socket), 0, family);
  filter.allow_number(SCMP_SYS(socketpair), 0, AF_UNIX);
}

}  // namespace

int install_syscall_filter(pid_t self) {
  Filter filter;
  filter.attribute(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));   // 32-bit calls, and x32's
  filter.attribute(SCMP_FLTATR_CTL_TSYNC, 1);
  filter.attribute(SCMP_FLTATR_CTL_OPTIMIZE, 2);                       // a search tree, not a list
  for (const int call : kAllowed) filter.allow(call);
  for (const int request : kPtraceRequests) filter.allow_long(SCMP_SYS(ptrace), 0, static_cast<std::uint64_t>(request));
  for (const std::uint32_t request : kIoctls) filter.allow_number(SCMP_SYS(ioctl), 1, request);
  for (const int command : kFcntls) filter.allow_number(SCMP_SYS(fcntl), 1, static_cast<std::uint32_t>(command));
  allow_opening(filter);
  allow_signals(filter, self);
  allow_threads(filter);
  allow_own_memory(filter);
  allow_sockets(filter);
  return filter.load();
}

}  // namespace sampan
