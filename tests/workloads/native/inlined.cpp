// A hot loop in a function that is always inlined, in one that is inlined too.
#include <cstdint>
#include <cstdio>

namespace inlined {
volatile std::uint64_t sink;
struct Mixer {
  __attribute__((always_inline)) static inline std::uint64_t innermost(std::uint64_t x) {
    for (int i = 0; i < 100000; ++i) x = (x ^ (x >> 7)) * 6364136223846793005u + 1;
    return x;
  }
  __attribute__((always_inline)) static inline std::uint64_t middle(std::uint64_t x) { return innermost(x) ^ 5; }
};
__attribute__((noinline)) void outermost() { sink = Mixer::middle(sink); }
}  // namespace inlined

int main() {
  std::puts("ready");
  std::fflush(stdout);
  while (true) inlined::outermost();
}
