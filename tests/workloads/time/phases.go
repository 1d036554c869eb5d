// As phases.py says.
package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

var sink [8]uint64

func now() float64 { return float64(time.Now().UnixNano()) / 1e9 }

//go:noinline
func work_a(thread int, until float64) {
	for now() < until {
		for i := uint64(0); i < 3000; i++ {
			sink[thread] += i*sink[thread] ^ 3
		}
	}
}

//go:noinline
func work_b(thread int, until float64) {
	for now() < until {
		for i := uint64(0); i < 3000; i++ {
			sink[thread] += i*sink[thread] ^ 5
		}
	}
}

func run(thread int, offset float64) {
	runtime.LockOSThread()
	fmt.Printf("thread %d is %d\n", thread, syscall.Gettid()) // goroutines do not begin in order
	work_a(thread, now()+offset)
	for {
		work_a(thread, now()+2.2)
		start := now()
		work_b(thread, start+0.4)
		fmt.Printf("b %d %.6f %.6f\n", thread, start, now())
	}
}

func main() {
	go run(2, 1.3)
	fmt.Println("ready")
	run(1, 0)
}
