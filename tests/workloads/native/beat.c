// A loop of exactly so long: 60, 30 and 10 % of each turn in three functions, by the clock. beat PERIOD_US
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#define UNTIL(name)                                        \
  __attribute__((noinline, no_icf)) static void name(uint64_t end) { \
    while (now() < end) {                                  \
    }                                                      \
    __asm__ volatile("");                                  \
  }
UNTIL(sixty)
UNTIL(thirty)
UNTIL(ten)

int main(int count, char** arguments) {
  const uint64_t period = (uint64_t)(count > 1 ? atoi(arguments[1]) : 10000) * 1000u;
  puts("ready");
  fflush(stdout);
  for (uint64_t turn = now();; turn += period) {
    sixty(turn + period * 6 / 10);
    thirty(turn + period * 9 / 10);
    ten(turn + period);
  }
}
