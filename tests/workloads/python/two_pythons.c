// A host with two Pythons in it, each in a thread of its own: LIBRARY PYTHONHOME twice.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct python {
  const char *library, *home, *name;
};

static void* run(void* opaque) {
  const struct python* p = opaque;
  char code[256];
  void* handle = dlopen(p->library, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  void (*initialize)(void) = (void (*)(void))dlsym(handle, "Py_Initialize");
  int (*simple)(const char*) = (int (*)(const char*))dlsym(handle, "PyRun_SimpleString");
  setenv("PYTHONHOME", p->home, 1);
  initialize();
  puts(p->name);
  fflush(stdout);
  snprintf(code, sizeof code, "def work_%s():\n  while True: sum(i*i for i in range(7000))\nwork_%s()\n", p->name, p->name);
  simple(code);
  return NULL;
}

int main(int count, char** arguments) {
  pthread_t threads[2];
  struct python pythons[2];
  if (count != 5) return 2;
  for (int i = 0; i < 2; ++i) {
    pythons[i] = (struct python){arguments[1 + 2 * i], arguments[2 + 2 * i], i ? "second" : "first"};
    pthread_create(&threads[i], NULL, run, &pythons[i]);
    sleep(1);   // PYTHONHOME is the process's: one after the other
  }
  puts("ready");
  fflush(stdout);
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
}
