package symbolize

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
)

// symbol is a function's place. Its name stays in the file until somebody asks: 16 bytes a symbol, where a name takes 40.
type symbol struct {
	address uint64
	size    uint32
	// name is the offset in the string table.
	name uint32
}

const symbolBytes = 16

// table is the functions of one symbol section, by address.
type table struct {
	symbols []symbol
	// strings is where the names are: a file and where its string table begins and ends.
	file       io.ReaderAt
	start, end int64
}

func (t *table) bytes() int64 { return int64(len(t.symbols)) * symbolBytes }

// maxSymbols bounds one table to 64 MB; Chromium has 1.5 million functions.
const maxSymbols = 4 << 20

// maxName is the longest name we read. Longer ones are cut: mangled C++ can be longer than any screen.
const maxName = 4096

var errNoSymbols = errors.New("no symbols")

// readTable reads a symbol section in pieces: a section of 200,000 symbols is never in memory as a whole.
func readTable(file io.ReaderAt, image *elf.File, kind elf.SectionType) (*table, error) {
	section := image.SectionByType(kind)
	if section == nil || section.Size == 0 || section.Flags&elf.SHF_COMPRESSED != 0 || section.Type == elf.SHT_NOBITS {
		return nil, errNoSymbols
	}
	if int(section.Link) >= len(image.Sections) {
		return nil, fmt.Errorf("the symbols' string table %d does not exist", section.Link)
	}
	names := image.Sections[section.Link]
	if names.Type != elf.SHT_STRTAB || names.Flags&elf.SHF_COMPRESSED != 0 {
		return nil, fmt.Errorf("the symbols' string table has type %v", names.Type)
	}
	t := &table{file: file, start: int64(names.Offset), end: int64(names.Offset + names.FileSize)}

	layout := layoutOf(image)
	piece := make([]byte, 4096*layout.size)
	for offset := uint64(0); offset < section.Size; {
		want := min(uint64(len(piece)), section.Size-offset)
		read, err := section.ReadAt(piece[:want], int64(offset))
		if read < layout.size {
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("reading symbols: %w", err)
			}
			break
		}
		read -= read % layout.size
		for at := 0; at < read; at += layout.size {
			if s, ok := layout.decode(piece[at : at+layout.size]); ok {
				t.symbols = append(t.symbols, s)
			}
		}
		if len(t.symbols) > maxSymbols {
			return nil, fmt.Errorf("more than %d functions", maxSymbols)
		}
		offset += uint64(read)
	}
	if len(t.symbols) == 0 {
		return nil, errNoSymbols
	}
	t.symbols = slices.Clip(t.symbols)
	slices.SortFunc(t.symbols, bySymbolAddress)
	return t, nil
}

// bySymbolAddress sorts aliases of one address so that the longest comes last, where lookup finds it first.
func bySymbolAddress(a, b symbol) int {
	switch {
	case a.address < b.address:
		return -1
	case a.address > b.address:
		return 1
	}
	return int(int64(a.size) - int64(b.size))
}

// symbolLayout is how a symbol looks in a file of some class and byte order.
type symbolLayout struct {
	size  int
	order binary.ByteOrder
	wide  bool
}

func layoutOf(image *elf.File) symbolLayout {
	if image.Class == elf.ELFCLASS32 {
		return symbolLayout{size: elf.Sym32Size, order: image.ByteOrder}
	}
	return symbolLayout{size: elf.Sym64Size, order: image.ByteOrder, wide: true}
}

// decode gives a symbol if it is a function that is defined in this file.
func (l symbolLayout) decode(raw []byte) (symbol, bool) {
	var info byte
	var section uint16
	var address, size uint64
	if l.wide {
		info, section = raw[4], l.order.Uint16(raw[6:])
		address, size = l.order.Uint64(raw[8:]), l.order.Uint64(raw[16:])
	} else {
		address, size = uint64(l.order.Uint32(raw[4:])), uint64(l.order.Uint32(raw[8:]))
		info, section = raw[12], l.order.Uint16(raw[14:])
	}
	kind := elf.ST_TYPE(info)
	if kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC || section == uint16(elf.SHN_UNDEF) || address == 0 {
		return symbol{}, false
	}
	return symbol{address: address, size: uint32(min(size, 1<<32-1)), name: l.order.Uint32(raw)}, true
}

// find gives the function that contains an address. Functions without a size (written in assembler) reach to the next one.
func (t *table) find(address uint64) (symbol, bool) {
	after := sort.Search(len(t.symbols), func(i int) bool { return t.symbols[i].address > address })
	// A large function may contain smaller ones (cold parts, labels): look a few symbols back before giving up.
	for i := after - 1; i >= 0 && i >= after-8; i-- {
		s := t.symbols[i]
		if s.size == 0 && i == after-1 || address-s.address < uint64(s.size) {
			return s, true
		}
	}
	return symbol{}, false
}

// name reads a symbol's name from the file.
func (t *table) name(s symbol) (string, error) {
	at := t.start + int64(s.name)
	if at >= t.end {
		return "", fmt.Errorf("a symbol's name at %d is outside the string table", s.name)
	}
	for _, size := range []int64{128, maxName} {
		piece := make([]byte, min(size, t.end-at))
		read, err := t.file.ReadAt(piece, at)
		if end := slices.Index(piece[:read], 0); end >= 0 {
			return string(piece[:end]), nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("reading a symbol's name: %w", err)
		}
		if size == maxName || int64(read) == t.end-at {
			return string(piece[:read]), nil
		}
	}
	return "", nil
}
