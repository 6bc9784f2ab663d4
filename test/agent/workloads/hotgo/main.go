// Burns CPU in one function that has another inlined into it.
package main

var sink uint64

func mix(a, b uint64) uint64 { return a*b + a }

//go:noinline
func hotGo(rounds uint64) {
	for i := uint64(0); i < rounds; i++ {
		sink += mix(i, sink)
	}
}

func main() {
	for {
		hotGo(200000)
	}
}
