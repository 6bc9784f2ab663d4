package symbolize

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz"
)

// maxMiniDebug bounds the unpacked size of .gnu_debugdata; Fedora's largest are a few megabytes.
const maxMiniDebug = 32 << 20

// openImage reads the headers of a file. The library panics on some broken files, which are somebody else's and may be anything.
func openImage(file io.ReaderAt) (image *elf.File, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("broken ELF file: %v", fault)
		}
	}()
	return elf.NewFile(file)
}

// tablesOf reads what a file knows about its functions: its own symbols, else the exported ones and those of the compressed
// copy that some distributions leave in a stripped file.
func tablesOf(file io.ReaderAt, image *elf.File) ([]*table, error) {
	full, err := readTable(file, image, elf.SHT_SYMTAB)
	if err == nil {
		return []*table{full}, nil
	}
	if !errors.Is(err, errNoSymbols) {
		return nil, err
	}
	var tables []*table
	if mini, err := miniDebugTable(image); err == nil {
		tables = append(tables, mini)
	} else if !errors.Is(err, errNoSymbols) {
		return nil, err
	}
	if exported, err := readTable(file, image, elf.SHT_DYNSYM); err == nil {
		tables = append(tables, exported)
	} else if !errors.Is(err, errNoSymbols) {
		return nil, err
	}
	return tables, nil
}

// miniDebugTable unpacks .gnu_debugdata: an ELF file within the file, packed with xz, that has the symbols of local functions.
func miniDebugTable(image *elf.File) (*table, error) {
	section := image.Section(".gnu_debugdata")
	if section == nil || section.Type == elf.SHT_NOBITS {
		return nil, errNoSymbols
	}
	unpacked, err := xz.ReaderConfig{DictCap: 8 << 20}.NewReader(section.Open())
	if err != nil {
		return nil, fmt.Errorf("unpacking .gnu_debugdata: %w", err)
	}
	inner, err := io.ReadAll(io.LimitReader(unpacked, maxMiniDebug+1))
	if err != nil {
		return nil, fmt.Errorf("unpacking .gnu_debugdata: %w", err)
	}
	if len(inner) > maxMiniDebug {
		return nil, fmt.Errorf(".gnu_debugdata is larger than %d bytes when unpacked", maxMiniDebug)
	}
	innerFile := bytes.NewReader(inner)
	innerImage, err := openImage(innerFile)
	if err != nil {
		return nil, err
	}
	return readTable(innerFile, innerImage, elf.SHT_SYMTAB)
}

// BuildID reads the GNU build id of a file as hex, empty where it has none.
func BuildID(image *elf.File) string {
	section := image.Section(".note.gnu.build-id")
	if section == nil || section.Size > 4096 {
		return ""
	}
	note, err := section.Data()
	if err != nil || len(note) < 16 {
		return ""
	}
	nameSize, size := image.ByteOrder.Uint32(note), image.ByteOrder.Uint32(note[4:])
	start := 12 + (uint64(nameSize)+3)&^3
	if start+uint64(size) > uint64(len(note)) {
		return ""
	}
	return hex.EncodeToString(note[start : start+uint64(size)])
}
