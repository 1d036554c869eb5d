// This very process's own stacks, unwound from a capture made by a signal handler on itself.
#include "samplers/unwind/unwinder.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>

namespace sampan {
namespace {

constexpr std::size_t kCopy = 64 * 1024;

struct Capture {
  FrameState frame;
  std::vector<std::byte> stack;
};
Capture* capture_ = nullptr;

// Called in a signal's handler: the room is made beforehand.
void copy_stack(std::uint64_t from) {
  LiveMemory memory(getpid());
  std::size_t got = 0;
  while (got < kCopy && memory.read(from + got, std::span(capture_->stack).subspan(got, 8))) got += 8;
  capture_->stack.resize(got);
}

// The handler's own registers: what the interrupted function was doing lies below a signal frame.
__attribute__((noinline)) void on_signal(int, siginfo_t*, void*) {
  ucontext_t here{};
  getcontext(&here);
  Registers& r = capture_->frame.registers;
#if defined(__x86_64__)
  const auto* g = here.uc_mcontext.gregs;
  r.pc = static_cast<std::uint64_t>(g[REG_RIP]);
  r.sp = static_cast<std::uint64_t>(g[REG_RSP]);
  r.fp = static_cast<std::uint64_t>(g[REG_RBP]);
#elif defined(__aarch64__)
  const auto& g = here.uc_mcontext;
  r.pc = g.pc, r.sp = g.sp, r.fp = g.regs[29], r.lr = g.regs[30];
#endif
  copy_stack(r.sp);
}

__attribute__((noinline)) int deep(int depth) {
  if (depth == 0) {
    raise(SIGUSR1);
    return 1;
  }
  volatile int kept = deep(depth - 1);
  return kept + depth;
}

std::size_t frames_in(const std::vector<std::uint64_t>& addresses, std::uint64_t start, std::uint64_t size) {
  return static_cast<std::size_t>(std::count_if(addresses.begin(), addresses.end(), [&](std::uint64_t a) { return a >= start && a < start + size; }));
}

TEST(Unwinder, WalksThroughASignalFrameToTheThreadsStart) {
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  Capture capture;
  capture.stack.resize(kCopy);
  capture_ = &capture;
  std::thread([] { deep(40); }).join();

  auto process = open_process(*identify(getpid()));
  ASSERT_TRUE(process) << process.error().message;
  ElfCache elfs;
  UnwindCache tables;
  const AddressSpace space(*process, elfs, tables);
  std::vector<std::uint64_t> addresses;
  const StackCopy stack{capture.frame.registers.sp, capture.stack};
  EXPECT_EQ(unwind(space, stack, capture.frame, addresses), Step::Root);
  EXPECT_GE(frames_in(addresses, reinterpret_cast<std::uint64_t>(&deep), 200), 40u);

  // A copy that is too short says so.
  addresses.clear();
  const StackCopy cut{stack.start, stack.bytes.first(2048)};
  EXPECT_EQ(unwind(space, cut, capture.frame, addresses), Step::OutOfStack);
}

TEST(Unwinder, StopsWhereNothingIsMapped) {
  auto process = open_process(*identify(getpid()));
  ASSERT_TRUE(process);
  ElfCache elfs;
  UnwindCache tables;
  const AddressSpace space(*process, elfs, tables);
  FrameState frame;
  frame.registers.pc = 0x10;
  std::vector<std::uint64_t> addresses;
  EXPECT_EQ(unwind(space, {}, frame, addresses), Step::Lost);
  EXPECT_EQ(addresses, std::vector<std::uint64_t>{0x10});
}

// Code that no row covers may keep what it likes in rbp: 0 there is no proof of the thread's first function.
TEST(Unwinder, AFramePointerOfZeroIsNoRoot) {
  constexpr std::size_t kPage = 4096;
  void* const made = mmap(nullptr, kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(made, MAP_FAILED);
  auto process = open_process(*identify(getpid()));
  ASSERT_TRUE(process);
  ElfCache elfs;
  UnwindCache tables;
  const AddressSpace space(*process, elfs, tables);
  FrameState frame;
  frame.registers.pc = reinterpret_cast<std::uint64_t>(made) + 8;
  const std::uint64_t words[4] = {};
  frame.registers.sp = reinterpret_cast<std::uint64_t>(words);
  const StackCopy stack{frame.registers.sp, std::as_bytes(std::span(words))};
  std::vector<std::uint64_t> addresses;
  bool inferred = false;
  EXPECT_EQ(unwind(space, stack, frame, addresses, &inferred), Step::Lost);
  EXPECT_TRUE(inferred);
  // Nor is a return address of 0 that a frame pointer led to.
  frame.registers.fp = frame.registers.sp;
  addresses.clear();
  EXPECT_EQ(unwind(space, stack, frame, addresses), Step::Lost);
  munmap(made, kPage);
}

Mapping mapped(std::uint64_t start, std::uint64_t end, std::uint64_t inode, const char* path, bool code = true) {
  Mapping m;
  m.start = start, m.end = end, m.file.inode = inode, m.path = path, m.executable = code;
  return m;
}

TEST(AddressSpace, AHoleBetweenMappingsOfOneFileIsOfThatFile) {
  const std::vector<Mapping> maps = {mapped(0x1000, 0x2000, 7, "/bin/x", false), mapped(0x2000, 0x3000, 0, ""),
                                     mapped(0x3000, 0x4000, 0, "[anon:huge]"), mapped(0x4000, 0x5000, 7, "/bin/x"),
                                     mapped(0x6000, 0x7000, 0, ""), mapped(0x8000, 0x9000, 8, "/lib/y")};
  EXPECT_EQ(&owner_of_code(maps, 1), &maps[0]);
  EXPECT_EQ(&owner_of_code(maps, 2), &maps[0]);
  EXPECT_EQ(&owner_of_code(maps, 3), &maps[3]);
  EXPECT_EQ(&owner_of_code(maps, 4), &maps[4]);   // two files' neighbour is neither's
  const std::vector<Mapping> alone = {mapped(0x2000, 0x3000, 0, "")};
  EXPECT_EQ(&owner_of_code(alone, 0), &alone[0]);
}

TEST(AddressSpace, KnowsTheVdsoAndSeesNoChangeWhereThereIsNone) {
  auto process = open_process(*identify(getpid()));
  ASSERT_TRUE(process);
  ElfCache elfs;
  UnwindCache tables;
  AddressSpace space(*process, elfs, tables);
  const auto& regions = space.regions();
  const auto vdso = std::find_if(regions.begin(), regions.end(), [](const CodeRegion& r) { return r.path == "[vdso]"; });
  ASSERT_NE(vdso, regions.end());
  ASSERT_TRUE(vdso->table);
  EXPECT_GT(vdso->table->rows.size(), 5u);
  const auto generation = space.generation();
  space.refresh();
  EXPECT_EQ(space.generation(), generation);
}

}  // namespace
}  // namespace sampan
