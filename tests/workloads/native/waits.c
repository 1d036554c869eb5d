// Waits in three known places, 50 / 30 / 20 % of the time: a sleep, a pipe that another thread feeds, a condition.
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int pipe_[2];
static pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition_ = PTHREAD_COND_INITIALIZER;

__attribute__((noinline)) static void nap(long milliseconds) {
  const struct timespec t = {0, milliseconds * 1000000};
  nanosleep(&t, NULL);
}

__attribute__((noinline)) static void wait_in_sleep(void) { nap(50); __asm__ volatile(""); }

static int back_[2];

// Another thread answers 30 ms after the byte came.
__attribute__((noinline)) static void wait_for_pipe(void) {
  char byte = 'p';
  if (write(back_[1], &byte, 1) != 1 || read(pipe_[0], &byte, 1) != 1) _exit(1);
  __asm__ volatile("");
}

__attribute__((noinline)) static void wait_for_condition(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 20000000;
  if (until.tv_nsec >= 1000000000) { until.tv_nsec -= 1000000000; ++until.tv_sec; }
  pthread_mutex_lock(&lock_);
  pthread_cond_timedwait(&condition_, &lock_, &until);
  pthread_mutex_unlock(&lock_);
}

// Answers each byte 30 ms after it came.
static void* feeder(void* unused) {
  char byte;
  while (read(back_[0], &byte, 1) == 1) {
    nap(30);
    if (write(pipe_[1], &byte, 1) != 1) break;
  }
  return unused;
}

int main(void) {
  pthread_t thread;
  if (pipe(pipe_) != 0 || pipe(back_) != 0 || pthread_create(&thread, NULL, feeder, NULL) != 0) return 1;
  puts("ready");
  fflush(stdout);
  for (;;) {
    wait_in_sleep();
    wait_for_pipe();
    wait_for_condition();
  }
}
