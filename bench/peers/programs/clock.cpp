// Says in its stack what time it is: at_N runs in millisecond N (modulo 4096) of the monotonic clock.
#include <cstdint>
#include <cstdio>
#include <ctime>

static std::uint64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1000 + static_cast<std::uint64_t>(time.tv_nsec) / 1'000'000;
}

static volatile std::uint64_t sink;
#define AT(n)                                                          \
  extern "C" __attribute__((noinline)) void at_##n(std::uint64_t until) { \
    while (now() < until) sink = sink + 1##n;                          \
  }
#define TEN(f, n) f(n##0) f(n##1) f(n##2) f(n##3) f(n##4) f(n##5) f(n##6) f(n##7) f(n##8) f(n##9)
#define HUNDRED(f, n) TEN(f, n##0) TEN(f, n##1) TEN(f, n##2) TEN(f, n##3) TEN(f, n##4) TEN(f, n##5) TEN(f, n##6) TEN(f, n##7) TEN(f, n##8) TEN(f, n##9)
#define THOUSAND(f, n) HUNDRED(f, n##0) HUNDRED(f, n##1) HUNDRED(f, n##2) HUNDRED(f, n##3) HUNDRED(f, n##4) HUNDRED(f, n##5) HUNDRED(f, n##6) HUNDRED(f, n##7) HUNDRED(f, n##8) HUNDRED(f, n##9)
#define ALL(f) THOUSAND(f, 0) THOUSAND(f, 1) THOUSAND(f, 2) THOUSAND(f, 3) HUNDRED(f, 40)
ALL(AT)

#define NAME(n) at_##n,
static void (*const kFunctions[])(std::uint64_t) = {ALL(NAME)};

int main() {
  std::puts("ready");
  std::fflush(stdout);
  while (true) {
    const std::uint64_t time = now();
    if (time % 4096 < sizeof kFunctions / sizeof *kFunctions) kFunctions[time % 4096](time + 1);
  }
}
