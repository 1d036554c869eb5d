#define walk_sample ruby_walk_sample
#define walk_switch ruby_walk_switch
#define works ruby_works
#define records ruby_records
#define totals ruby_totals
#define processes ruby_processes
#define program_license ruby_license
#include "tests/samplers/kernel/under_test.h"

#include "samplers/ruby/ruby.bpf.c"

SAMPAN_WALK_UNDER_TEST(ruby)
