/* A hostile target: trap FILE… maps each file as code and runs what lies at its second page, in turn with code in
   anonymous memory; so an agent meets the files in its samples and wants names for them. x86_64. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* mov rcx, 2000000; 1: dec rcx; jnz 1b; ret */
static const unsigned char loop_code[] = {0x48, 0xc7, 0xc1, 0x80, 0x84, 0x1e, 0x00, 0x48, 0xff, 0xc9, 0x75, 0xfb, 0xc3};

int main(int count, char **words) {
  void (*codes[64])(void);
  int used = 0;
  unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(page, loop_code, sizeof loop_code);
  codes[used++] = (void (*)(void))page;
  for (int i = 1; i < count && used < 64; i++) {
    const int fd = open(words[i], O_RDONLY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0 || status.st_size < 8192) continue;
    unsigned char *file = mmap(NULL, 65536, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED) continue;
    if (memcmp(file + 4096, loop_code, sizeof loop_code) == 0) codes[used++] = (void (*)(void))(file + 4096);
    close(fd);
  }
  printf("ready %d\n", used);
  fflush(stdout);
  for (;;)
    for (int i = 0; i < used; i++) codes[i]();
}
