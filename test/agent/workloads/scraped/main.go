// Burns CPU and allocates in functions of their own, and serves net/http/pprof on the address it is given.
package main

import (
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
	"time"
)

var (
	kept [64][]byte
	sink uint64
)

//go:noinline
func hotScraped(rounds uint64) {
	for i := uint64(0); i < rounds; i++ {
		sink = sink*31 + i
	}
}

//go:noinline
func allocScraped(i int) {
	kept[i%len(kept)] = make([]byte, 1<<20)
}

func main() {
	go func() { log.Fatal(http.ListenAndServe(os.Args[1], nil)) }()
	for i := 0; ; i++ {
		hotScraped(20_000_000)
		allocScraped(i)
		time.Sleep(time.Millisecond)
	}
}
