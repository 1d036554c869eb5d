// 60, 30 and 10 % of the work in three functions, 40 calls deep, without frame pointers; counts in the file $COUNTER.
#include <fcntl.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

static volatile std::uint64_t sink;

#define WORK(name, rounds)                                                                  \
  __attribute__((noinline)) static void name() {                                            \
    std::uint64_t x = sink;                                                                 \
    for (int i = 0; i < (rounds); ++i) x = x * 6364136223846793005u + 1442695040888963407u; \
    sink = x;                                                                               \
  }
WORK(sixty, 6000)
WORK(thirty, 3000)
WORK(ten, 1000)

__attribute__((noinline)) static void down(int depth) {
  if (depth == 0) {
    for (int i = 0; i < 50; ++i) sixty(), thirty(), ten();
    return;
  }
  down(depth - 1);
  sink = sink + 1;   // not a tail call
}

int main() {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open(std::getenv("COUNTER"), O_RDWR), 0);
  auto* counter = static_cast<volatile std::uint64_t*>(page);
  std::puts("ready");
  std::fflush(stdout);
  while (true) {
    down(40);
    *counter = *counter + 1;
  }
}
