// A worker shares all, can be ended wherever it waits, and what it traced is free at its end.
#include "agent/run/worker.hpp"

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/guard/restrict.hpp"
#include "samplers/process/identity.hpp"

namespace sampan {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::size_t descriptors() {
  namespace fs = std::filesystem;
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

// Where it can have no process of its own (ThreadSanitizer) the work is done at once: what waits for the test would never end.
bool apart() {
  const Worker worker([] {});
  return worker.pid() != 0;
}

TEST(Worker, SharesMemoryFilesAndExceptions) {
  std::vector<std::string> seen;
  int ends[2];
  const pid_t self = getpid();
  Worker worker([&] {
    for (int i = 0; i < 1000; ++i) seen.push_back(std::string(static_cast<std::size_t>(i), 'x'));
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    if (getpid() == self) seen.clear();   // it is no thread of this process
  });
  EXPECT_TRUE(worker.wait(seconds(30)));
  EXPECT_TRUE(worker.completed());
  if (worker.pid() != 0) {
    EXPECT_EQ(seen.size(), 1000u);
  }
  EXPECT_EQ(close(ends[0]) + close(ends[1]), 0);

  Worker throws([] { throw std::runtime_error("as it was thrown"); });
  EXPECT_TRUE(throws.wait(seconds(30)));
  EXPECT_THROW(throws.completed(), std::runtime_error);
}

TEST(Worker, IsEndedWhereverItWaits) {
  if (!apart()) GTEST_SKIP() << "no such process can be had here";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    Worker worker([&] {
      char byte;
      while (read(ends[0], &byte, 1) == 0) {
      }
    });
    EXPECT_FALSE(worker.wait(milliseconds(50)));
    EXPECT_EQ(kill(worker.pid(), 0), 0);
    const pid_t pid = worker.pid();
    EXPECT_TRUE(worker.end());
    EXPECT_FALSE(worker.completed());
    EXPECT_NE(kill(pid, 0), 0);
  }
  close(ends[0]);
  close(ends[1]);
}

TEST(Worker, WhatItTracedRunsAgainAtItsEnd) {
  if (!apart()) GTEST_SKIP() << "no such process can be had here";
  const pid_t target = fork();
  if (target == 0)
    for (;;) pause();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::atomic<bool> stopped = false;   // seen by the worker, which shares this memory
  Worker worker([&] {
    ptrace(PTRACE_SEIZE, target, nullptr, nullptr);
    ptrace(PTRACE_INTERRUPT, target, nullptr, nullptr);
    stopped = waitpid(target, nullptr, __WALL) == target;
    char byte;
    if (read(ends[0], &byte, 1) < 0) stopped = false;
  });
  const auto state = [&] { return read_stat(target).value_or(ProcessStat{}).state; };
  const auto until = [&](char wanted) {
    for (int i = 0; i < 2000 && state() != wanted; ++i) usleep(1000);
    return state() == wanted;
  };
  EXPECT_TRUE(until('t'));
  for (int i = 0; i < 2000 && !stopped; ++i) usleep(1000);
  EXPECT_TRUE(worker.end());
  EXPECT_TRUE(until('S'));
  EXPECT_TRUE(stopped);
  kill(target, SIGKILL);
  waitpid(target, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
}

// The agent's own system calls are restricted before the first of them, and a crash is the worker's alone.
TEST(Worker, UnderTheFilterAndManyTimes) {
  const pid_t child = fork();
  if (child == 0) {
    if (!restrict_self("/tmp").filtered) _exit(1);
    const std::size_t before = descriptors();
    for (int i = 0; i < 50; ++i) {
      int done = 0;
      Worker worker([&] { ++done; });
      if (!worker.wait(seconds(30)) || !worker.completed() || done != 1) _exit(2);
      if (worker.pid() == 0) _exit(77);
    }
    if (descriptors() != before) _exit(3);
    Worker waits([] { pause(); });
    if (!waits.end()) _exit(4);
#if !defined(__SANITIZE_ADDRESS__)
    Worker crashes([] { *static_cast<volatile int*>(nullptr) = 1; });
    if (!crashes.wait(seconds(30)) || crashes.completed()) _exit(5);
#endif
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no such process can be had here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace sampan
