/* Targets for bad days: chaos MODE [NUMBER…]; each says `ready`.
   spin | exec | exec-by-thread | vfork | storm RATE | crowd PROCESSES THREADS | threads RATE | eat SECONDS | stuck */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile unsigned long counter;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
static void rest(double seconds) {
  struct timespec t = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
  nanosleep(&t, NULL);
}
__attribute__((noinline)) void spin_here(double seconds) {
  const double end = now() + seconds;
  while (now() < end)
    for (int i = 0; i < 1000; i++) counter++;
}
static void ready(void) {
  puts("ready");
  fflush(stdout);
}

static void *spin_once(void *seconds) {
  spin_here(*(double *)seconds);
  return NULL;
}

/* RATE short lives a second: each is due at its time, however late the last one came. */
static void storm(int rate, int threads) {
  static double life = 0.0005;
  unsigned long made = 0;
  const double start = now();
  signal(SIGCHLD, SIG_IGN);
  ready();
  for (;;) {
    while (made < (now() - start) * rate) {
      pthread_t thread;
      if (threads && pthread_create(&thread, NULL, spin_once, &life) == 0) pthread_detach(thread);
      else if (!threads && fork() == 0) spin_here(life), _exit(0);
      if (++made % (unsigned)rate == 0) printf("made %lu\n", made), fflush(stdout);
    }
    spin_here(0.0002);
  }
}

static void *mostly_sleep(void *unused) {
  (void)unused;
  for (;;) {
    rest(1 + (double)(rand() % 1000) / 1000);
    spin_here(0.0003);
  }
  return NULL;
}

static void crowd(int processes, int threads) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 * 1024);
  for (int p = 1; p < processes; p++)
    if (fork() == 0) break;
  srand((unsigned)getpid());
  for (int t = 1; t < threads; t++) {
    pthread_t thread;
    pthread_create(&thread, &small, mostly_sleep, NULL);
  }
  puts("ready");
  fflush(stdout);
  mostly_sleep(NULL);
}

static void eat(double after) {
  ready();
  spin_here(after);
  for (;;) {
    char *more = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (more != MAP_FAILED) memset(more, 1, 1 << 20);
    spin_here(0.01);
  }
}

static void spin_for_ever(void) {
  for (;;) spin_here(1);
}

/* Spins on a stack above which lies memory that whoever reads it waits for, for ever. */
static void stuck(void) {
  static ucontext_t there, here;
  const size_t half = 64 * 1024;
  char *region = mmap(NULL, 2 * half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  struct uffdio_api api = {.api = UFFD_API};
  struct uffdio_register wanted = {.range = {(unsigned long)region + half, half}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (fd < 0 || ioctl(fd, UFFDIO_API, &api) != 0 || ioctl(fd, UFFDIO_REGISTER, &wanted) != 0) {
    puts("no userfaultfd");
    exit(1);
  }
  ready();
  spin_here(2);
  getcontext(&there);
  there.uc_stack.ss_sp = region;
  there.uc_stack.ss_size = half;
  makecontext(&there, spin_for_ever, 0);
  swapcontext(&here, &there);
}

/* A thread that waits for its child in the kernel (state D) most of the time. */
static void vforks(void) {
  signal(SIGCHLD, SIG_IGN);
  ready();
  for (;;) {
    spin_here(0.004);
    if (vfork() == 0) rest(0.03), _exit(0);
  }
}

/* The thread that execs goes on under the process's number. */
static void *exec_soon(void *words) {
  spin_here(0.05);
  execv("/proc/self/exe", words);
  return NULL;
}

int main(int count, char **words) {
  const char *mode = count > 1 ? words[1] : "spin";
  const int first = count > 2 ? atoi(words[2]) : 0, second = count > 3 ? atoi(words[3]) : 0;
  if (!strcmp(mode, "storm")) storm(first, 0);
  if (!strcmp(mode, "threads")) storm(first, 1);
  if (!strcmp(mode, "crowd")) crowd(first, second);
  if (!strcmp(mode, "eat")) eat(first);
  if (!strcmp(mode, "stuck")) stuck();
  if (!strcmp(mode, "vfork")) vforks();
  ready();
  if (!strcmp(mode, "exec-by-thread")) {
    pthread_t thread;
    pthread_create(&thread, NULL, exec_soon, words);
  }
  if (!strcmp(mode, "exec")) {
    spin_here(0.05);
    execv("/proc/self/exe", words);
  }
  for (;;) spin_here(1);
}
