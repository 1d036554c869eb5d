// Code without unwind rows whose leaf clears the frame pointer: no stack here is proven whole. `bare` as the argument: a
// leaf without a frame of its own instead, which a frame-pointer step would hide the caller of.
#include <stdio.h>
#include <string.h>

volatile unsigned long s;

static __attribute__((noinline)) void spin(void) {
  for (int i = 0; i < 20000; ++i) s += (unsigned long)i;
}

__attribute__((noinline)) void leaf(void) {
  __asm__ volatile("xor %%ebp,%%ebp" ::: "rbp");
  spin();
  s++;
}

__attribute__((noinline)) void level(int depth, void (*last)(void)) {
  if (depth == 0) last();
  else level(depth - 1, last);
  s++;
}

int main(int count, char** arguments) {
  puts("ready");
  fflush(stdout);
  void (*last)(void) = count > 1 && strcmp(arguments[1], "bare") == 0 ? spin : leaf;
  for (;;) level(20, last);
}
