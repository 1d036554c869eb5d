#include "agent/run/watchdog.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <string>

#include "samplers/process/files.hpp"

namespace sampan {
namespace {

constexpr int kLooks = 10;                       // a second apart
constexpr std::size_t kStackBytes = std::size_t{1} << 20;
constexpr int kPark = SIGUSR2;
constexpr long kReads[] = {SYS_process_vm_readv, SYS_openat, SYS_openat2, SYS_pread64, SYS_read, SYS_fstat,
                           SYS_newfstatat, SYS_fstatfs, SYS_getdents64};

void park(int) {
  for (;;) ::pause();
}

std::string of_thread(pid_t tid, const char* file) {
  return read_file("/proc/self/task/" + std::to_string(tid) + "/" + file, 8192).value_or("");
}

bool number_after(const std::string& text, const char* label, unsigned long long& number) {
  const auto at = text.find(label);
  if (at == std::string::npos) return false;
  const auto first = text.find_first_of("0123456789", at);
  return first != std::string::npos && std::from_chars(text.data() + first, text.data() + text.size(), number).ec == std::errc{};
}

}  // namespace

bool parse_waiting_read(const std::string& syscall_text, const std::string& status_text, WaitingRead& read) {
  const auto [end, error] = std::from_chars(syscall_text.data(), syscall_text.data() + syscall_text.size(), read.call);
  if (error != std::errc{} || std::find(std::begin(kReads), std::end(kReads), read.call) == std::end(kReads)) return false;
  unsigned long long forced = 0;
  if (!number_after(status_text, "\nvoluntary_ctxt_switches:", read.waits)) return false;
  if (number_after(status_text, "\nnonvoluntary_ctxt_switches:", forced)) read.waits += forced;
  return true;
}

Watchdog::Watchdog(std::function<void()> stuck) : watched_(static_cast<pid_t>(::syscall(SYS_gettid))), stuck_(std::move(stuck)) {
  struct sigaction action {};
  action.sa_handler = park;
  ::sigaction(kPark, &action, nullptr);
  // Signals are for the thread that samples: they end its sleep.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  start();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// With a stack that a small memory budget does not feel.
void Watchdog::start() {
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return;
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  const auto run = [](void* self) -> void* {
    static_cast<Watchdog*>(self)->watch();
    return nullptr;
  };
  running_ = ::pthread_create(&thread_, &attributes, run, this) == 0;
  ::pthread_attr_destroy(&attributes);
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  change_.notify_one();
  if (running_) ::pthread_join(thread_, nullptr);
}

// False where the watch is over.
bool Watchdog::waits_for(std::chrono::seconds time) {
  std::unique_lock lock(mutex_);
  return !change_.wait_for(lock, time, [this] { return over_; });
}

void Watchdog::watch() {
  WaitingRead last;
  int same = 0;
  while (waits_for(std::chrono::seconds(1))) {
    WaitingRead now;
    const bool reads = parse_waiting_read(of_thread(watched_, "syscall"), of_thread(watched_, "status"), now);
    same = reads && now == last ? same + 1 : 0;
    last = reads ? now : WaitingRead{};
    if (same < kLooks) continue;
    ::syscall(SYS_tgkill, ::getpid(), watched_, kPark);
    stuck_();
    return;
  }
}

}  // namespace sampan
