// A known truth: 60 / 30 / 10 % of the time in three functions, 40 calls deep, PLT calls, a signal handler, an exception.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/time.h>

namespace split {

volatile std::uint64_t sink;

#define WORK(name, rounds)                                                    \
  __attribute__((noinline)) void name() {                                     \
    std::uint64_t x = sink;                                                   \
    for (int i = 0; i < (rounds); ++i) x = x * 6364136223846793005u + 1442695040888963407u; \
    sink = x;                                                                 \
  }
WORK(sixty, 6000)
WORK(thirty, 3000)
WORK(ten, 1000)

struct Base {
  virtual ~Base() = default;
  virtual void run(int depth) = 0;
};
struct Descent final : Base {
  __attribute__((noinline)) void run(int depth) override {
    if (depth == 0) {
      for (int i = 0; i < 50; ++i) { sixty(); thirty(); ten(); }
      return;
    }
    run(depth - 1);
    sink = sink + 1;   // not a tail call
  }
};

}  // namespace split

static void on_alarm(int) {
  for (int i = 0; i < 3; ++i) split::ten();
}

int main(int argc, char** argv) {
  const bool signals = argc > 1 && std::strcmp(argv[1], "signals") == 0;
  const bool plt = argc > 1 && std::strcmp(argv[1], "plt") == 0;
  if (signals) {
    std::signal(SIGALRM, on_alarm);
    const itimerval every{{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &every, nullptr);
  }
  split::Descent descent;
  std::puts("ready");
  std::fflush(stdout);
  char text[64];
  while (true) {
    if (plt) {
      for (int i = 0; i < 1000; ++i) split::sink = split::sink + std::strlen(std::strcpy(text, argv[0])) + static_cast<std::uint64_t>(std::abs(i));
    } else {
      descent.run(40);
    }
  }
}
