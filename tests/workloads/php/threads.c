/* Thread-safe PHP in a program of its own: THREADS threads run SCRIPT at the same time, each as a request of its own. */
#include <pthread.h>
#include <sapi/embed/php_embed.h>
#include <stdio.h>
#include <stdlib.h>

static char **arguments;

static void run(const char *path) {
  zend_file_handle file;
  zend_stream_init_filename(&file, path);
  php_execute_script(&file);
  zend_destroy_file_handle(&file);
}

static void *serve(void *unused) {
  ts_resource(0);
  SG(request_info).argc = 2;
  SG(request_info).argv = arguments + 2;
  if (php_request_startup() == SUCCESS) {
    run(arguments[2]);
    php_request_shutdown(NULL);
  }
  ts_free_thread();
  return unused;
}

/* threads THREADS SCRIPT [ARGUMENT] */
int main(int argc, char **argv) {
  if (argc < 3) return 2;
  arguments = argv;
  php_embed_module.name = "cli";   /* the script asks */
  if (php_embed_init(argc - 2, argv + 2) != SUCCESS) return 1;
  pthread_t others[64];
  int count = atoi(argv[1]) - 1;
  for (int i = 0; i < count && i < 64; i++) pthread_create(&others[i], NULL, serve, NULL);
  zend_try { run(argv[2]); } zend_end_try();
  for (int i = 0; i < count && i < 64; i++) pthread_join(others[i], NULL);
  php_embed_shutdown();
  return 0;
}
