#include "agent/run/watchdog.hpp"

#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <utility>

#include "agent/run/signals.hpp"
#include "agent/run/worker.hpp"
#include "samplers/base/clock.hpp"
#include "samplers/process/records.hpp"
#include "samplers/tiers/stop.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr auto kLookEvery = std::chrono::milliseconds(200);
constexpr std::uint64_t kMostWait = 10 * kSecond, kMostWaitAsked = 2 * kSecond, kMostStop = kSecond;
std::atomic<std::uint64_t> progress_{0};   // of the work, counted by itself
constexpr long kReads[] = {SYS_process_vm_readv, SYS_openat, SYS_openat2, SYS_pread64, SYS_read, SYS_fstat,
                           SYS_newfstatat, SYS_fstatfs, SYS_getdents64};

std::string of_process(pid_t pid, const char* file) {
  return read_record("/proc/" + std::to_string(pid) + "/" + file, 8192).value_or("");
}

bool number_after(const std::string& text, const char* label, unsigned long long& number) {
  const auto at = text.find(label);
  if (at == std::string::npos) return false;
  const auto first = text.find_first_of("0123456789", at);
  return first != std::string::npos && std::from_chars(text.data() + first, text.data() + text.size(), number).ec == std::errc{};
}

// Looked at again and again; says since when one and the same read has been waiting.
class ReadWatch {
 public:
  explicit ReadWatch(pid_t pid) : pid_(pid) {}
  bool stuck() {
    if (const std::uint64_t now = progress_; std::exchange(progressed_, now) != now) return last_ = {}, false;
    WaitingRead read;
    const bool reads = parse_waiting_read(of_process(pid_, "syscall"), of_process(pid_, "status"), read);
    const std::uint64_t now = now_ns();
    if (!reads || read != last_) since_ = now;
    last_ = reads ? read : WaitingRead{};
    if (!reads || now == since_) return false;
    const std::uint64_t stop = open_stop_since();
    return now - since_ >= (signals_seen() > 0 ? kMostWaitAsked : kMostWait) || (stop != 0 && now - std::max(stop, since_) >= kMostStop);
  }

 private:
  pid_t pid_;
  WaitingRead last_;
  std::uint64_t since_ = 0, progressed_ = progress_;
};

}  // namespace

bool parse_waiting_read(const std::string& syscall_text, const std::string& status_text, WaitingRead& read) {
  const auto [end, error] = std::from_chars(syscall_text.data(), syscall_text.data() + syscall_text.size(), read.call);
  if (error != std::errc{} || std::find(std::begin(kReads), std::end(kReads), read.call) == std::end(kReads)) return false;
  unsigned long long forced = 0;
  if (!number_after(status_text, "\nvoluntary_ctxt_switches:", read.waits)) return false;
  if (number_after(status_text, "\nnonvoluntary_ctxt_switches:", forced)) read.waits += forced;
  return true;
}

void note_progress() { progress_.fetch_add(1, std::memory_order_relaxed); }

Watched run_watched(const std::function<void()>& work) {
  Worker worker(work);
  ReadWatch watch(worker.pid());
  while (!worker.wait(kLookEvery)) {
    if (!watch.stuck()) continue;
    worker.end();
    return Watched::Stuck;
  }
  return worker.completed() ? Watched::Completed : Watched::Crashed;
}

}  // namespace sampan
