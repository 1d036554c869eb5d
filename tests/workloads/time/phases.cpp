// As phases.py says.
#include <chrono>
#include <cstdio>
#include <thread>

static double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }
static volatile unsigned long sink[3][16];

__attribute__((noinline)) void work_a(int thread, double until) {
  while (now() < until) for (unsigned long i = 0; i < 3000; ++i) sink[thread][0] = sink[thread][0] * 3 + i;
}
__attribute__((noinline)) void work_b(int thread, double until) {
  while (now() < until) for (unsigned long i = 0; i < 3000; ++i) sink[thread][0] = sink[thread][0] * 5 + i;
}

static void run(int thread, double offset) {
  work_a(thread, now() + offset);
  for (;;) {
    work_a(thread, now() + 2.2);
    const double start = now();
    work_b(thread, start + 0.4);
    std::printf("b %d %.6f %.6f\n", thread, start, now());
    std::fflush(stdout);
  }
}

int main() {
  std::thread(run, 2, 1.3).detach();
  std::puts("ready");
  std::fflush(stdout);
  run(1, 0);
}
