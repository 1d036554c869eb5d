// Code made at run time with a perf map beside it; ends after SECONDS (0: never). With `bare`, the code clears rbp.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// push rbp; mov rbp, rsp; mov ecx, N; 1: dec ecx; jnz 1b; pop rbp; ret
static const unsigned char kCode[] = {0x55, 0x48, 0x89, 0xe5, 0xb9, 0x40, 0x9c, 0x00, 0x00, 0xff, 0xc9, 0x75, 0xfc, 0x5d, 0xc3};
// push rbp; xor ebp, ebp; mov ecx, N; 1: dec ecx; jnz 1b; pop rbp; ret
static const unsigned char kBare[] = {0x55, 0x31, 0xed, 0x90, 0xb9, 0x40, 0x9c, 0x00, 0x00, 0xff, 0xc9, 0x75, 0xfc, 0x5d, 0xc3};

int main(int count, char** arguments) {
  const int bare = count > 2 && strcmp(arguments[2], "bare") == 0;
  const double seconds = count > 1 ? atof(arguments[1]) : 0;
  unsigned char* code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(code, bare ? kBare : kCode, sizeof kCode);
  char name[64];
  snprintf(name, sizeof name, "/tmp/perf-%d.map", (int)getpid());
  FILE* map = fopen(name, "w");
  fprintf(map, "%lx %zx made_here\n", (unsigned long)code, sizeof kCode);
  fclose(map);
  puts("ready");
  fflush(stdout);
  struct timespec begun, now;
  clock_gettime(CLOCK_MONOTONIC, &begun);
  do {
    for (int i = 0; i < 1000; ++i) ((void (*)(void))code)();
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (seconds == 0 || (double)(now.tv_sec - begun.tv_sec) + 1e-9 * (double)(now.tv_nsec - begun.tv_nsec) < seconds);
}
