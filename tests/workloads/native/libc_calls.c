// Most of its time lies below the C library's own functions: memcpy, malloc, write, qsort.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char from[1 << 16], to[1 << 16];
volatile unsigned long s;

static int order(const void* a, const void* b) { return *(const int*)a - *(const int*)b; }

__attribute__((noinline)) void copies(void) {
  for (int i = 0; i < 200; ++i) memcpy(to, from, sizeof to), s += (unsigned char)to[i];
}
__attribute__((noinline)) void allocates(void) {
  void* kept[64];
  for (int i = 0; i < 64; ++i) kept[i] = malloc(100 + (size_t)i * 50);
  for (int i = 0; i < 64; ++i) free(kept[i]);
}
__attribute__((noinline)) void writes(int null) {
  for (int i = 0; i < 50; ++i) s += (unsigned long)write(null, from, 512);
}
__attribute__((noinline)) void sorts(void) {
  int numbers[512];
  for (int i = 0; i < 512; ++i) numbers[i] = (i * 7919) % 512;
  qsort(numbers, 512, sizeof *numbers, order);
  s += (unsigned long)numbers[3];
}
__attribute__((noinline)) void prints(void) {
  char text[256];
  for (int i = 0; i < 100; ++i) s += (unsigned long)snprintf(text, sizeof text, "%d %s %f", i, "text", i * 1.5);
}

int main(void) {
  const int null = open("/dev/null", O_WRONLY);
  puts("ready");
  fflush(stdout);
  for (;;) copies(), allocates(), writes(null), sorts(), prints();
}
