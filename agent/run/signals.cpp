#include "agent/run/signals.hpp"

#include <atomic>
#include <csignal>

#include "agent/contract/clock.hpp"
#include "samplers/base/clock.hpp"

namespace sampan {
namespace {

volatile std::sig_atomic_t seen_ = 0;
std::atomic<std::uint64_t> first_{0};   // CLOCK_MONOTONIC, ns

volatile std::sig_atomic_t counted_[NSIG] = {};

void on_counted(int signal) {
  counted_[signal] = counted_[signal] + 1;
  wake_sleepers();
}

void on_signal(int) {
  if (seen_ == 0) first_ = now_ns();
  seen_ = seen_ + 1;
  wake_sleepers();
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

void count_signal(int signal) {
  struct sigaction action {};
  action.sa_handler = on_counted;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

unsigned times_signalled(int signal) { return static_cast<unsigned>(counted_[signal]); }

std::uint64_t first_signal_ns() { return first_; }

}  // namespace sampan
