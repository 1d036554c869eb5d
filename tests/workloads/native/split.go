// A known truth: 60 / 30 / 10 % of the time in three functions, 40 calls deep, a method inlined in each.
package main

import "fmt"

type mixer struct{ state uint64 }

func (m *mixer) step() { m.state = m.state*6364136223846793005 + 1442695040888963407 } // inlined: line 8

// Each begins with what the last came to: else a processor would do a part of one while it waits for the other.
func rounds(count int) uint64 {
	m := mixer{sink}
	for i := 0; i < count; i++ {
		m.step()
	}
	return m.state
}

var sink uint64

//go:noinline
func sixty() { sink = rounds(6000) }

//go:noinline
func thirty() { sink = rounds(3000) }

//go:noinline
func ten() { sink = rounds(1000) }

//go:noinline
func descend(depth int) {
	if depth > 0 {
		descend(depth - 1)
		sink++
		return
	}
	for i := 0; i < 50; i++ {
		sixty()
		thirty()
		ten()
	}
}

func main() {
	fmt.Println("ready")
	for {
		descend(40)
	}
}
