// Loads itself as a library a second after its start (-DPLUGIN: the library) and works in there, 20 calls deep.
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

static volatile double value = 1;

__attribute__((noinline)) void plugin_work(int depth) {
  if (depth > 0) {
    plugin_work(depth - 1);
    value = value + 1;
    return;
  }
  for (int i = 0; i < 100000; ++i) value = value * 1.0001;
}

#ifdef PLUGIN
void plugin_run(void) {
  for (;;) plugin_work(20);
}
#else
int main(int argc, char** argv) {
  puts("ready");
  fflush(stdout);
  for (time_t start = time(NULL); time(NULL) < start + 2;) plugin_work(20);
  void* library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
  void (*run)(void) = library ? (void (*)(void))dlsym(library, "plugin_run") : NULL;
  if (run) run();
  return 1;
}
#endif
