// Two threads that are always busy, each in a function of its own.
#include <pthread.h>
#include <stdio.h>

__attribute__((noinline)) static void one(void) {
  for (;;) for (volatile int i = 0; i < 1000; ++i) {}
}
__attribute__((noinline)) static void two(void) {
  for (;;) for (volatile int i = 0; i < 999; ++i) {}
}
static void* run(void* unused) {
  one();
  return unused;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  puts("ready");
  fflush(stdout);
  two();
}
