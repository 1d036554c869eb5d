/* Works below a function that is called as the build says (-DNAME=…): two builds of one size, each with names of its own. */
static volatile unsigned long sum;

__attribute__((noinline)) void NAME(void) {
  for (unsigned long i = 0; i < 2000000; ++i) sum += i * i;
}

#include <stdio.h>

int main(void) {
  puts("ready");
  fflush(stdout);
  for (;;) {
    NAME();
    sum += 1;   /* no tail call */
  }
}
