// net/http: functions behind a middleware, and a method of a type. server PORT
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"sync"
	"time"
)

var (
	lock  sync.Mutex
	spent = map[string]float64{}
	sink  int
)

//go:noinline
func burn(name string) {
	start := time.Now()
	for time.Since(start) < 5*time.Millisecond {
		for i := 0; i < 2000; i++ {
			sink += i * i
		}
	}
	lock.Lock()
	spent[name] += time.Since(start).Seconds()
	lock.Unlock()
}

func home(w http.ResponseWriter, r *http.Request) { burn("home") }
func cart(w http.ResponseWriter, r *http.Request) { burn("cart") }

type payment struct{}

func (*payment) ServeHTTP(w http.ResponseWriter, r *http.Request) { burn("pay") }

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) })
}

func main() {
	mux := http.NewServeMux()
	mux.Handle("/home", http.HandlerFunc(home))
	mux.Handle("/cart", http.HandlerFunc(cart))
	mux.Handle("/pay", &payment{})
	mux.HandleFunc("/spent", func(w http.ResponseWriter, r *http.Request) { json.NewEncoder(w).Encode(spent) })
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], logged(mux)))
}
