// Spends its time in one function of two: named mine|theirs. Linked at fixed addresses: another's stacks look like its own.
static volatile unsigned long count;
__attribute__((noinline)) static void spin(void) { for (int i = 0; i < 1000; ++i) ++count; }
__attribute__((noinline)) void mine(void) { for (;;) { spin(); ++count; } }
__attribute__((noinline)) void theirs(void) { for (;;) { spin(); ++count; } }
int main(int argc, char **argv) {
  if (argc > 1 && argv[1][0] == 'm') mine();
  theirs();
}
