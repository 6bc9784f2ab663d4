package symbolize

import (
	"debug/elf"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"brazier.dev/agent/internal/sample"
)

// Source is an executable file that can be opened now and perhaps not later.
type Source struct {
	Mapping   *sample.Mapping
	PID       int
	Open      func() (File, error)
	DebugLink string
}

// File is an open executable.
type File interface {
	io.ReaderAt
	io.Closer
}

// state of a file.
type state int

const (
	// unread: nobody has asked about an address in it yet.
	unread state = iota
	// read: the tables are there (perhaps empty, where the file is stripped).
	read
	// gone: it can no longer be opened, or is broken. Its addresses stay addresses.
	gone
)

// objectFile is a file that was seen mapped somewhere. Its tables are made when the first sample falls into it.
type objectFile struct {
	mapping   sample.Mapping
	pid       int
	debugLink string
	identity  identity
	isFile    bool

	file  File
	debug *os.File
	state state
	// fault is why it is gone, for the log.
	fault   error
	tables  []*table
	lines   *lines
	noLines bool
	// linesAfter keeps two large files from dropping each other's DWARF in turn.
	linesAfter time.Time
	linesUsed  time.Time
	lastUsed   time.Time
}

// identity tells whether a file opened by its path again is still the one that is mapped.
type identity struct {
	device, inode uint64
	size, mtime   int64
}

func identityOf(file File) (identity, bool) {
	onDisk, ok := file.(*os.File)
	if !ok {
		return identity{}, false
	}
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(onDisk.Fd()), &stat); err != nil {
		return identity{}, false
	}
	return identity{uint64(stat.Dev), stat.Ino, stat.Size, stat.Mtim.Nano()}, true
}

// reopen opens the file by its path in the process's root, if it is still the same.
func (b *objectFile) reopen() error {
	if b.file != nil {
		return nil
	}
	if !b.isFile {
		return os.ErrNotExist
	}
	file, err := os.Open(rootOf(b.pid) + b.mapping.Path)
	if err != nil {
		return err
	}
	if now, ok := identityOf(file); !ok || now.size != b.identity.size || now.mtime != b.identity.mtime || now.inode != b.identity.inode {
		file.Close()
		return errors.New("another file has taken its place")
	}
	b.file = file
	return nil
}

// load reads the tables of functions: those of the file itself, or of a separate debug file where it has none.
func (b *objectFile) load() error {
	if err := b.reopen(); err != nil {
		return err
	}
	image, err := openImage(b.file)
	if err != nil {
		return err
	}
	if image.SectionByType(elf.SHT_SYMTAB) == nil {
		if b.mapping.BuildID == "" {
			b.mapping.BuildID = BuildID(image)
		}
		if file, debugImage, err := debugFile(b.pid, b.mapping.BuildID, b.debugLink); err == nil {
			if full, err := readTable(file, debugImage, elf.SHT_SYMTAB); err == nil {
				b.debug = file
				b.tables = []*table{full}
				return nil
			}
			file.Close()
		}
	}
	b.tables, err = tablesOf(b.file, image)
	return err
}

// loadLines reads the DWARF of the file or of its debug file, if it takes no more than the limit.
func (b *objectFile) loadLines(limit int64) {
	if b.lines != nil || b.noLines {
		return
	}
	b.noLines = true
	var source io.ReaderAt = b.file
	if b.debug != nil {
		source = b.debug
	}
	if source == nil || b.file == nil {
		return
	}
	image, err := openImage(source)
	if err != nil || linesSize(image) > limit {
		return
	}
	if l, err := readLines(image); err == nil {
		b.lines, b.noLines = l, false
	}
}

// find names an address from the tables.
func (b *objectFile) find(address uint64) (string, error) {
	for _, t := range b.tables {
		if s, ok := t.find(address); ok {
			return t.name(s)
		}
	}
	return "", nil
}

func (b *objectFile) tableBytes() int64 {
	total := int64(0)
	for _, t := range b.tables {
		total += t.bytes()
	}
	return total
}

// forget gives up tables and descriptors; the next address that is asked about brings them back if the file is still there.
func (b *objectFile) forget() {
	b.close()
	b.tables, b.lines, b.noLines = nil, nil, false
	if b.state == read {
		b.state = unread
	}
}

func (b *objectFile) close() {
	if b.file != nil {
		b.file.Close()
		b.file = nil
	}
	if b.debug != nil {
		b.debug.Close()
		b.debug = nil
	}
}
