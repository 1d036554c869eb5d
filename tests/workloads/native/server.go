// A server and its clients in one program: HTTP, JSON, maps, sorting, garbage; 20 calls deep in work.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sort"
)

type mixer struct{ state uint64 }

// Inlined where it is called.
func (m *mixer) step() { m.state = m.state*6364136223846793005 + 1442695040888963407 }

//go:noinline
func spin(rounds int) uint64 {
	m := mixer{1}
	for i := 0; i < rounds; i++ {
		m.step()
	}
	return m.state
}

//go:noinline
func work(depth int) int {
	if depth > 0 {
		return work(depth-1) + 1
	}
	counts := map[string]int{}
	for i := 0; i < 200; i++ {
		counts[fmt.Sprint(i)] = i
	}
	text, _ := json.Marshal(counts)
	var keys []string
	for key := range counts {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return len(text) + len(keys) + int(spin(10000)&1)
}

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, work(20)) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, nil)
	fmt.Println("ready")
	for client := 0; client < 2; client++ {
		go func() {
			for {
				if answer, err := http.Get("http://" + listener.Addr().String() + "/"); err == nil {
					io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
				}
			}
		}()
	}
	select {}
}
