#include "agent/signals.hpp"

#include <csignal>
#include <ctime>

namespace sampan {
namespace {

volatile std::sig_atomic_t seen_ = 0;
volatile timespec first_{};

void on_signal(int) {
  if (seen_ == 0) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    first_.tv_sec = now.tv_sec;
    first_.tv_nsec = now.tv_nsec;
  }
  seen_ = seen_ + 1;
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

int signals_seen() { return seen_; }

unsigned long long first_signal_ns() {
  if (seen_ == 0) return 0;
  return static_cast<unsigned long long>(first_.tv_sec) * 1'000'000'000 + static_cast<unsigned long long>(first_.tv_nsec);
}

}  // namespace sampan
