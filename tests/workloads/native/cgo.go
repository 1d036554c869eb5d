// C called from Go: the C frames lie on the thread's stack, the callers on the goroutine's.
package main

/*
static volatile double value = 1;
__attribute__((noinline)) static void burn(int depth) {
  if (depth) { burn(depth - 1); value = value + 1; return; }
  for (int i = 0; i < 200000; i++) value = value * 1.0001;
}
static void enter(void) { burn(10); }
*/
import "C"
import "fmt"

//go:noinline
func callC() { C.enter() }

func main() {
	fmt.Println("ready")
	for {
		callC()
	}
}
