package symbolize

import (
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"sort"

	"brazier.dev/agent/internal/sample"
)

// lines answers which lines of source an address stands for, inlined functions included, from a file's DWARF.
type lines struct {
	data  *dwarf.Data
	units []unitRange
	// open are the units that were asked about; all of them are dropped when they get many.
	open map[dwarf.Offset]*unit
	size int64
}

// unitRange is a piece of code of one compilation unit.
type unitRange struct {
	low, high uint64
	entry     *dwarf.Entry
}

// unit is what is known about one compilation unit.
type unit struct {
	functions []function
	rows      []row
	files     []*dwarf.LineFile
}

// function is a piece of code and the functions that were inlined into it.
type function struct {
	low, high uint64
	name      string
	// callFile and callLine are where an inlined function was called.
	callFile int
	callLine int
	inlined  []function
}

// row says from which address on a line of source begins.
type row struct {
	address uint64
	file    string
	line    int
	end     bool
}

// maxOpenUnits bounds what is parsed of a file at a time: a large C++ unit takes a few megabytes.
const maxOpenUnits = 24

var errNoLines = errors.New("no DWARF")

// abbrevGrowth is how much larger abbreviations are in memory: Rust's standard library has its own in every unit.
const abbrevGrowth = 8

// linesSize is what reading a file's DWARF would take, unpacked.
func linesSize(image *elf.File) int64 {
	size := int64(0)
	for _, name := range []string{".debug_info", ".debug_line", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_ranges", ".debug_rnglists", ".debug_addr", ".debug_str_offsets"} {
		if section := image.Section(name); section != nil && section.Type != elf.SHT_NOBITS {
			size += int64(section.Size)
			if name == ".debug_abbrev" {
				size += abbrevGrowth * int64(section.Size)
			}
		} else if section := image.Section(".z" + name[1:]); section != nil {
			size += 4 * int64(section.Size)
		}
	}
	return size
}

// readLines opens the DWARF of a file. The library panics on broken data.
func readLines(image *elf.File) (l *lines, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			l, err = nil, fmt.Errorf("broken DWARF: %v", fault)
		}
	}()
	if info := image.Section(".debug_info"); (info == nil || info.Type == elf.SHT_NOBITS) && image.Section(".zdebug_info") == nil {
		return nil, errNoLines
	}
	data, err := image.DWARF()
	if err != nil {
		return nil, fmt.Errorf("reading DWARF: %w", err)
	}
	l = &lines{data: data, open: map[dwarf.Offset]*unit{}, size: linesSize(image)}
	reader := data.Reader()
	for {
		entry, err := reader.Next()
		if err != nil {
			return nil, fmt.Errorf("reading DWARF: %w", err)
		}
		if entry == nil {
			break
		}
		if entry.Tag == dwarf.TagCompileUnit {
			ranges, err := data.Ranges(entry)
			if err == nil {
				for _, r := range ranges {
					if r[0] != 0 && r[1] > r[0] {
						l.units = append(l.units, unitRange{r[0], r[1], entry})
					}
				}
			}
		}
		reader.SkipChildren()
	}
	if len(l.units) == 0 {
		return nil, errNoLines
	}
	sort.Slice(l.units, func(i, j int) bool { return l.units[i].low < l.units[j].low })
	return l, nil
}

// find gives the functions at an address, callee first, or nothing.
func (l *lines) find(address uint64) (frames []sample.Frame) {
	defer func() {
		if recover() != nil {
			frames = nil
		}
	}()
	after := sort.Search(len(l.units), func(i int) bool { return l.units[i].low > address })
	if after == 0 || address >= l.units[after-1].high {
		return nil
	}
	entry := l.units[after-1].entry
	u := l.open[entry.Offset]
	if u == nil {
		if len(l.open) >= maxOpenUnits {
			clear(l.open)
		}
		u = l.parse(entry)
		l.open[entry.Offset] = u
	}
	return u.find(address)
}

// find walks from the outermost function inwards; each inlined function's call is the line of the one around it.
func (u *unit) find(address uint64) []sample.Frame {
	file, line := u.line(address)
	var chain []*function
	for functions := u.functions; ; {
		inner := containing(functions, address)
		if inner == nil {
			break
		}
		chain = append(chain, inner)
		functions = inner.inlined
	}
	if len(chain) == 0 {
		return nil
	}
	frames := make([]sample.Frame, 0, len(chain))
	for i := len(chain) - 1; i >= 0; i-- {
		frames = append(frames, sample.Frame{Function: readable(chain[i].name), File: file, Line: int64(line), Inlined: i > 0})
		if i > 0 {
			line = chain[i].callLine
			if chain[i].callFile < len(u.files) && u.files[chain[i].callFile] != nil {
				file = u.files[chain[i].callFile].Name
			}
		}
	}
	return frames
}

func containing(functions []function, address uint64) *function {
	for i := range functions {
		if functions[i].low <= address && address < functions[i].high {
			return &functions[i]
		}
	}
	return nil
}

func (u *unit) line(address uint64) (string, int) {
	after := sort.Search(len(u.rows), func(i int) bool { return u.rows[i].address > address })
	if after == 0 || u.rows[after-1].end {
		return "", 0
	}
	return u.rows[after-1].file, u.rows[after-1].line
}

func (l *lines) parse(entry *dwarf.Entry) *unit {
	u := &unit{}
	if reader, err := l.data.LineReader(entry); err == nil && reader != nil {
		u.files = reader.Files()
		var line dwarf.LineEntry
		for {
			if err := reader.Next(&line); err != nil {
				if !errors.Is(err, io.EOF) {
					u.rows = nil
				}
				break
			}
			name := ""
			if line.File != nil {
				name = line.File.Name
			}
			u.rows = append(u.rows, row{line.Address, name, line.Line, line.EndSequence})
		}
		// An end of a sequence sorts before a beginning at the same address, so that the beginning counts.
		sort.SliceStable(u.rows, func(i, j int) bool {
			if u.rows[i].address != u.rows[j].address {
				return u.rows[i].address < u.rows[j].address
			}
			return u.rows[i].end && !u.rows[j].end
		})
	}
	reader := l.data.Reader()
	reader.Seek(entry.Offset)
	if first, err := reader.Next(); err == nil && first != nil && first.Children {
		u.functions = l.functions(reader, 0)
	}
	sort.Slice(u.functions, func(i, j int) bool { return u.functions[i].low < u.functions[j].low })
	return u
}

// functions reads the entries up to the end of the enclosing one. Namespaces, classes and lexical blocks only group; what is in
// them counts for the function around them.
func (l *lines) functions(reader *dwarf.Reader, depth int) []function {
	var found []function
	for {
		entry, err := reader.Next()
		if err != nil || entry == nil || entry.Tag == 0 {
			return found
		}
		switch entry.Tag {
		case dwarf.TagSubprogram, dwarf.TagInlinedSubroutine:
			ranges, err := l.data.Ranges(entry)
			if err != nil {
				ranges = nil
			}
			var inner []function
			if entry.Children {
				inner = l.inner(reader, depth)
			}
			if len(ranges) == 0 {
				continue
			}
			name := l.name(entry, 0)
			callFile, _ := entry.Val(dwarf.AttrCallFile).(int64)
			callLine, _ := entry.Val(dwarf.AttrCallLine).(int64)
			for _, r := range ranges {
				found = append(found, function{
					low: r[0], high: r[1], name: name, callFile: int(callFile), callLine: int(callLine), inlined: inner,
				})
			}
		case dwarf.TagLexDwarfBlock, dwarf.TagNamespace, dwarf.TagModule:
			if entry.Children {
				found = append(found, l.inner(reader, depth)...)
			}
		default:
			if entry.Children {
				reader.SkipChildren()
			}
		}
	}
}

// maxNesting is deeper than any compiler inlines; deeper nesting is a broken file.
const maxNesting = 256

func (l *lines) inner(reader *dwarf.Reader, depth int) []function {
	if depth >= maxNesting {
		panic("functions are nested too deep")
	}
	return l.functions(reader, depth+1)
}

// name prefers the linkage name, which says namespace and class; it may stand at the entry that this one refers to.
func (l *lines) name(entry *dwarf.Entry, depth int) string {
	if linkage, ok := entry.Val(dwarf.AttrLinkageName).(string); ok {
		return linkage
	}
	plain, _ := entry.Val(dwarf.AttrName).(string)
	for _, attribute := range []dwarf.Attr{dwarf.AttrAbstractOrigin, dwarf.AttrSpecification} {
		offset, ok := entry.Val(attribute).(dwarf.Offset)
		if !ok || depth > 4 {
			continue
		}
		reader := l.data.Reader()
		reader.Seek(offset)
		if origin, err := reader.Next(); err == nil && origin != nil {
			if name := l.name(origin, depth+1); name != "" {
				return name
			}
		}
	}
	return plain
}
