package perfevent

import (
	"debug/elf"
	"fmt"
	"io"
	"os"

	"brazier.dev/agent/internal/collect"
	"brazier.dev/agent/internal/sample"
	"brazier.dev/agent/internal/symbolize"
)

// fileInfo is what turns an address in a process into one of the file, and the mappings made from it so far.
type fileInfo struct {
	buildID  string
	loads    []elf.ProgHeader
	mappings map[region]*sample.Mapping
	// broken files are not ELF, or could not be opened: their addresses are places in the file.
	broken bool
}

// maxFiles bounds what is remembered about files.
const maxFiles = 4096

type files struct {
	known map[string]*fileInfo
	seen  func(collect.Executable)
}

// get learns a file when it is first seen, and hands it on while it can be opened.
func (f *files) get(p *process, r *region) *fileInfo {
	key := r.fileKey()
	if info := f.known[key]; info != nil {
		return info
	}
	if len(f.known) >= maxFiles {
		clear(f.known)
	}
	info := &fileInfo{mappings: map[region]*sample.Mapping{}}
	f.known[key] = info
	file, err := openMapped(p.pid, r)
	if err != nil {
		info.broken = true
		return info
	}
	defer file.Close()
	if err := info.read(file); err != nil {
		info.broken = true
		return info
	}
	pid, mapped := p.pid, *r
	f.seen(collect.Executable{
		Mapping: &sample.Mapping{Path: r.path, BuildID: info.buildID, FileID: key},
		PID:     pid,
		Open:    func() (collect.File, error) { return openMapped(pid, &mapped) },
	})
	return info
}

// openMapped opens the very file of a mapping; where that is refused, the one at its path.
func openMapped(pid int, r *region) (*os.File, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/map_files/%x-%x", pid, r.start, r.end))
	if err == nil {
		return file, nil
	}
	return os.Open(fmt.Sprintf("/proc/%d/root%s", pid, r.path))
}

func (info *fileInfo) read(file io.ReaderAt) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("broken ELF file: %v", fault)
		}
	}()
	image, err := elf.NewFile(file)
	if err != nil {
		return err
	}
	for _, program := range image.Progs {
		if program.Type == elf.PT_LOAD && program.Flags&elf.PF_X != 0 {
			info.loads = append(info.loads, program.ProgHeader)
		}
	}
	info.buildID = symbolize.BuildID(image)
	return nil
}

// fileAddress turns a place in the file into the address that its symbol table uses.
func (info *fileInfo) fileAddress(offset uint64) uint64 {
	for _, load := range info.loads {
		// The loader maps whole pages, so that a mapping begins a little before its segment.
		const page = 0xfff
		if offset >= load.Off&^page && offset < (load.Off+load.Filesz+page)&^page {
			return offset - load.Off + load.Vaddr
		}
	}
	return offset
}

func (info *fileInfo) mapping(r *region) *sample.Mapping {
	if known := info.mappings[*r]; known != nil {
		return known
	}
	if len(info.mappings) > 64 {
		clear(info.mappings)
	}
	start := info.fileAddress(r.offset)
	mapping := &sample.Mapping{
		Path: r.path, BuildID: info.buildID, FileID: r.fileKey(), Start: start, End: start + r.end - r.start, Offset: r.offset,
	}
	info.mappings[*r] = mapping
	return mapping
}
