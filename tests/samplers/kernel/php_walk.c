#define walk_sample php_walk_sample
#define walk_switch php_walk_switch
#define works php_works
#define records php_records
#define totals php_totals
#define processes php_processes
#define program_license php_license
#include "tests/samplers/kernel/under_test.h"

#include "samplers/php/php.bpf.c"

SAMPAN_WALK_UNDER_TEST(php)
