// Moves its own text into anonymous memory, as huge-page remappers do (node --use-largepages, google's malloc_extension).
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

volatile unsigned long s;

__attribute__((noinline)) void moved_leaf(void) {
  for (int i = 0; i < 20000; ++i) s += (unsigned long)i;
}

__attribute__((noinline)) void moved_level(int depth) {
  if (depth == 0) moved_leaf();
  else moved_level(depth - 1);
  s++;
}

extern char __executable_start, etext;

int main(void) {
  char line[512];
  uintptr_t start = 0, end = 0;
  FILE* maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps)) {
    uintptr_t from, to;
    char flags[8];
    if (sscanf(line, "%lx-%lx %7s", &from, &to, flags) == 3 && flags[2] == 'x' && from <= (uintptr_t)main && (uintptr_t)main < to) start = from, end = to;
  }
  fclose(maps);
  const size_t size = end - start;
  char* copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(copy, (void*)start, size);
  mprotect(copy, size, PROT_READ | PROT_EXEC);
  if (mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, start) == MAP_FAILED) return 1;
  puts("ready");
  fflush(stdout);
  for (;;) moved_level(20);
}
