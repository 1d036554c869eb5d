// An audit library (LD_AUDIT): the loader stops the process when it has mapped the file whose name ends in $STOP_AT, before
// that is relocated. Whoever looks at it now must look again.
#define _GNU_SOURCE
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

unsigned int la_version(unsigned int version) { return version; }

unsigned int la_objopen(struct link_map* map, Lmid_t lmid, uintptr_t* cookie) {
  const char* at = getenv("STOP_AT");
  const size_t wanted = at ? strlen(at) : 0, size = strlen(map->l_name);
  (void)lmid, (void)cookie;
  if (wanted != 0 && size >= wanted && strncmp(map->l_name + size - wanted, at, wanted) == 0) raise(SIGSTOP);
  return 0;
}
