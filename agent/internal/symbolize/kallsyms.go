package symbolize

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"sort"
	"strconv"
)

// Kernel names addresses of the kernel and its modules from the kernel's own table.
type Kernel struct {
	symbols []kernelSymbol
	names   []byte
}

type kernelSymbol struct {
	address uint64
	name    uint32
	size    uint16
}

// errHidden is the answer of a kernel that shows its table with zeros for addresses.
var errHidden = errors.New("the kernel hides its addresses: add CAP_SYSLOG and set kernel.kptr_restrict to 0 or 1")

// ReadKernel reads a table in the form of /proc/kallsyms.
func ReadKernel(path string) (*Kernel, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseKernel(file)
}

func parseKernel(table io.Reader) (*Kernel, error) {
	k := &Kernel{}
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		// "ffffffff81000000 T _stext", and for modules "\t[module]" at the end.
		address, rest, ok := bytes.Cut(lines.Bytes(), []byte{' '})
		if !ok || len(rest) < 3 || !bytes.ContainsRune([]byte("tTwW"), rune(rest[0])) {
			continue
		}
		name, _, _ := bytes.Cut(rest[2:], []byte{'\t'})
		value, err := strconv.ParseUint(string(address), 16, 64)
		if err != nil || value == 0 || len(name) > 512 {
			continue
		}
		k.symbols = append(k.symbols, kernelSymbol{address: value, name: uint32(len(k.names)), size: uint16(len(name))})
		k.names = append(k.names, name...)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(k.symbols) == 0 {
		return nil, errHidden
	}
	slices.SortFunc(k.symbols, func(a, b kernelSymbol) int {
		if a.address < b.address {
			return -1
		}
		if a.address > b.address {
			return 1
		}
		return 0
	})
	k.symbols, k.names = slices.Clip(k.symbols), slices.Clip(k.names)
	return k, nil
}

// Name gives the function at an address, or nothing.
func (k *Kernel) Name(address uint64) string {
	after := sort.Search(len(k.symbols), func(i int) bool { return k.symbols[i].address > address })
	if after == 0 {
		return ""
	}
	s := k.symbols[after-1]
	return string(k.names[s.name : s.name+uint32(s.size)])
}
