// Each test restricts a forked child and looks from inside: what must be refused, and what must still work.
#include "agent/guard/restrict.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <netdb.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>

namespace sampan {
namespace {

volatile long g_marker = 42;

// A process that sleeps; its memory is a copy of ours, so &g_marker is an address in it.
class Target {
 public:
  Target() : pid_(::fork()) {
    if (pid_ == 0)
      for (;;) ::pause();
  }
  ~Target() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

// Runs `body` in a child; it returns the number of the first expectation that failed, 0 for none.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

bool refused(long result) { return result == -1 && errno == EPERM; }

iovec marker() { return {const_cast<long*>(&g_marker), sizeof g_marker}; }

long copy(long call, pid_t pid) {
  long value = 7;
  const iovec local{&value, sizeof value}, remote = marker();
  return ::syscall(call, pid, &local, 1, &remote, 1, 0);
}

TEST(Restrict, WritingToATargetIsRefusedAndReadingIsNot) {
  const Target target;
  const int failed = in_child([&] {
    if (copy(SYS_process_vm_readv, target.pid()) == -1) return 77;   // no SYS_PTRACE here
    if (copy(SYS_process_vm_writev, target.pid()) == -1) return 1;   // so that the refusal below is the filter's
    if (!restrict_self("/tmp").filtered) return 2;
    if (copy(SYS_process_vm_readv, target.pid()) != sizeof(long)) return 3;
    if (!refused(copy(SYS_process_vm_writev, target.pid()))) return 4;
    return 0;
  });
  if (failed == 77) GTEST_SKIP() << "may not read another process here";
  EXPECT_EQ(failed, 0);
}

TEST(Restrict, AStoppedThreadIsReadButNotChanged) {
  const Target target;
  const int failed = in_child([&] {
    restrict_self("/tmp");
    const pid_t pid = target.pid();
    void* const address = const_cast<long*>(&g_marker);
    if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == -1) return 77;
    if (::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) == -1) return 1;
    if (::waitpid(pid, nullptr, __WALL) != pid) return 2;
    char registers[1024];
    iovec set{registers, sizeof registers};
    if (::ptrace(PTRACE_GETREGSET, pid, 1 /* NT_PRSTATUS */, &set) == -1) return 3;
    errno = 0;
    if (::ptrace(PTRACE_PEEKDATA, pid, address, nullptr) != 42 || errno != 0) return 4;
    if (!refused(::ptrace(PTRACE_POKEDATA, pid, address, nullptr))) return 5;
    if (!refused(::ptrace(PTRACE_POKETEXT, pid, address, nullptr))) return 6;
    if (!refused(::ptrace(PTRACE_SETREGSET, pid, 1, &set))) return 7;
    if (!refused(::ptrace(PTRACE_KILL, pid, nullptr, nullptr))) return 8;
    // The same request in a number whose upper half is set.
    if (!refused(::syscall(SYS_ptrace, 0x100000000L | PTRACE_POKEDATA, pid, address, 0L))) return 9;
    if (::ptrace(PTRACE_DETACH, pid, nullptr, nullptr) == -1) return 10;
    return 0;
  });
  if (failed == 77) GTEST_SKIP() << "may not trace another process here";
  EXPECT_EQ(failed, 0);
}

TEST(Restrict, NoNewProcessesNoSignalsToOthersNoExecutableMemory) {
  const Target target;
  EXPECT_EQ(in_child([&] {
    if (!restrict_self("/tmp").filtered) return 1;
    char program[] = "/bin/true";
    char* arguments[] = {program, nullptr};
    if (::execve(program, arguments, nullptr) != -1 || errno != EPERM) return 2;
    if (!refused(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))) return 3;
    if (!refused(::syscall(SYS_clone, CLONE_VM | CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0))) return 10;   // a process in a space of its own
    if (!refused(::kill(target.pid(), SIGTERM))) return 4;
    if (!refused(::syscall(SYS_tgkill, target.pid(), target.pid(), SIGSTOP))) return 5;
    if (::kill(target.pid(), 0) != 0) return 6;
    if (!refused(::mount("none", "/mnt", "tmpfs", 0, nullptr))) return 7;
    if (::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) return 8;
    if (!refused(::listen(::socket(AF_INET, SOCK_STREAM, 0), 1))) return 9;
    return 0;
  }), 0);
}

// A folder with one file, `kept`.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/sampan-restrict-XXXXXX";
    path_ = ::mkdtemp(name);
    ::close(::open(at("kept").c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600));
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

TEST(Restrict, FilesAreCreatedAnewOrNotAtAll) {
  const Folder folder;
  EXPECT_EQ(in_child([&] {
    if (!restrict_self("/tmp").filtered) return 1;
    const std::string kept = folder.at("kept"), fresh = folder.at("fresh");
    const auto opens = [](const std::string& path, int flags) { return ::open(path.c_str(), flags, 0600); };
    for (const int flags : {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND, O_WRONLY | O_CREAT, O_RDWR | O_CREAT | O_TRUNC, O_RDONLY | O_CREAT}) {
      if (!refused(opens(kept, flags))) return 2;
      if (!refused(opens("/proc/self/mem", flags))) return 3;
    }
    if (!refused(::syscall(SYS_truncate, kept.c_str(), 0L))) return 4;
    if (opens(kept, O_RDONLY) < 0 || opens(folder.at("."), O_RDONLY | O_DIRECTORY) < 0 || opens(kept, O_PATH) < 0) return 5;
    if (opens(kept, O_WRONLY | O_CREAT | O_EXCL) >= 0 || errno != EEXIST) return 6;
    const int file = opens(fresh, O_WRONLY | O_CREAT | O_EXCL);
    if (file < 0 || ::write(file, "x", 1) != 1 || ::fsync(file) != 0) return 7;
    if (opens(folder.at("."), O_WRONLY | O_TMPFILE) < 0 && errno == EPERM) return 8;
    if (::rename(fresh.c_str(), kept.c_str()) != 0 || ::unlink(kept.c_str()) != 0) return 9;
    return 0;
  }), 0);
}

// Each of these is harmless where it passes: what is asked for is not there.
TEST(Restrict, WhatIsNotKnownIsRefused) {
  EXPECT_EQ(in_child([&] {
    if (!restrict_self("/tmp").filtered) return 1;
    constexpr long kMountSetattr = 442, kPidfdGetfd = 438, kOfTheFuture = 999;
    int expectation = 2;
    for (const long call : {kPidfdGetfd, kMountSetattr, kOfTheFuture, long{SYS_io_uring_setup}, long{SYS_process_madvise}, long{SYS_keyctl},
                            long{SYS_setns}, long{SYS_chdir}, long{SYS_fchmodat}, long{SYS_process_vm_writev}}) {
      if (!refused(::syscall(call, -1L, 0L, 0L, 0L, 0L, 0L))) return expectation;
      ++expectation;
    }
    if (!refused(::socket(AF_UNIX, SOCK_STREAM, 0))) return 32;    // a container engine's own, for one
    if (!refused(::socket(AF_PACKET, SOCK_RAW, 0))) return 33;
    if (::socket(AF_INET, SOCK_STREAM, 0) < 0) return 34;
    if (!refused(::ioctl(0, TIOCSTI, "x"))) return 35;
    if (!refused(::fcntl(0, F_SETOWN, 1))) return 36;
    if (::syscall(SYS_clone3, nullptr, 0L) != -1 || errno != ENOSYS) return 37;
    return 0;
  }), 0);
}

// What the filter cannot see, and images/README.md says so: flags that a pointer points to.
TEST(Restrict, TheFlagsOfOpenat2AreNotSeen) {
  const Folder folder;
  EXPECT_EQ(in_child([&] {
    if (!restrict_self("/tmp").filtered) return 1;
    open_how how{};
    how.flags = O_WRONLY;
    return ::syscall(SYS_openat2, AT_FDCWD, folder.at("kept").c_str(), &how, sizeof how) >= 0 ? 0 : 2;
  }), 0);
}

TEST(Restrict, AnAbortIsAnAbort) {
  EXPECT_EQ(in_child([] {
    restrict_self("/tmp");
    std::abort();
    return 1;
  }), 1000 + SIGABRT);
}

TEST(Restrict, TheAgentStillWorks) {
  EXPECT_EQ(in_child([] {
    perf_event_attr event{};
    event.size = sizeof event;
    event.type = PERF_TYPE_SOFTWARE;
    event.config = PERF_COUNT_SW_CPU_CLOCK;
    const auto perf = [&] { return ::syscall(SYS_perf_event_open, &event, 0, -1, -1, 0) >= 0; };
    const bool had_perf = perf();
    if (!restrict_self("/tmp").filtered) return 1;
    if (perf() != had_perf) return 2;
    int answer = 0;
    std::thread([&] { answer = 42; }).join();
    if (answer != 42) return 3;
    addrinfo* found = nullptr;
    if (::getaddrinfo("127.0.0.1", "80", nullptr, &found) != 0) return 4;
    std::signal(SIGUSR1, SIG_IGN);
    if (std::raise(SIGUSR1) != 0 || ::kill(::getpid(), SIGUSR1) != 0) return 5;
    return 0;
  }), 0);
}

TEST(Restrict, NothingThatBpfNeedsIsTakenAway) {
  EXPECT_EQ(in_child([] {
    // BPF_MAP_CREATE of an array; the kernel's own answer must not change.
    alignas(8) char attributes[128] = {};
    const unsigned array[] = {2, 4, 8, 1};
    std::memcpy(attributes, array, sizeof array);
    const auto create = [&] { return ::syscall(SYS_bpf, 0, attributes, sizeof attributes) >= 0; };
    const bool could = create();
    restrict_self("/tmp");
    return create() == could ? 0 : 1;
  }), 0);
}

TEST(Restrict, OnlyTheNeededCapabilitiesStay) {
  EXPECT_EQ(in_child([] {
    const Restriction result = restrict_self("/tmp");
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    if (::syscall(SYS_capget, &header, data) != 0) return 1;
    const std::uint64_t permitted = data[0].permitted | std::uint64_t{data[1].permitted} << 32;
    if (permitted != result.capabilities || data[0].effective != data[0].permitted) return 2;
    for (const unsigned gone : {CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_SYS_MODULE, CAP_KILL, CAP_SETUID, CAP_CHOWN})
      if ((permitted >> gone & 1) != 0) return 3;
    rlimit core{};
    if (::getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0) return 4;
    return result.shortfall.empty() ? 0 : 5;
  }), 0);
}

}  // namespace
}  // namespace sampan
