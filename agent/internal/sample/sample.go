// Package sample is what the parts of the agent hand each other: one observed stack of one thread.
//
// It has no logic beyond its types and imports nothing of ours, so that every other package may import it.
package sample

// Kind says which machinery produced a frame, because that decides who can name it.
type Kind uint8

const (
	// Unknown frames could not be unwound; they carry the reason in Function, if any.
	Unknown Kind = iota
	// Native frames are addresses in a mapped file: named by its symbol tables, here or on the server.
	Native
	// Kernel frames are named by the kernel's own table.
	Kernel
	// The following are named by the unwinder of the language.
	Go
	Python
	JavaScript
	Java
	Ruby
	PHP
	Perl
	DotNet
	Beam
	Lua
)

var kindNames = [...]string{"unknown", "native", "kernel", "go", "python", "nodejs", "java", "ruby", "php", "perl", "dotnet", "beam", "lua"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Unknown]
}

// Interpreted reports whether the frame belongs to a language runtime rather than to the machine.
func (k Kind) Interpreted() bool { return k > Kernel && k != Go }

// Origin is why a stack was taken.
type Origin uint8

const (
	// OnCPU stacks were taken by a timer while the thread was running.
	OnCPU Origin = iota
	// OffCPU stacks were taken when a thread came back after waiting.
	OffCPU
)

func (o Origin) String() string {
	if o == OffCPU {
		return "off-cpu"
	}
	return "on-cpu"
}

// Mapping is a file mapped into a process. Shared between traces: never changed once published.
type Mapping struct {
	// Path as the process sees it, within its own root.
	Path string
	// BuildID is the GNU build id in hex; where the file has none, it is empty.
	BuildID string
	// FileID tells two files apart, with or without a build id. It is a key of the symbolizer and never leaves the agent.
	FileID string
	// Start and End are addresses of the file itself (the ones its symbol table uses), so that they mean the same in every
	// process; Offset is the place in the file that Start shows.
	Start, End, Offset uint64
}

// Frame is one level of a stack.
type Frame struct {
	Kind     Kind
	Function string
	File     string
	Line     int64
	// Address is relative to the file for native frames (the address its symbol table uses), absolute for the kernel.
	Address uint64
	Mapping *Mapping
	// Inlined frames have no address of their own: the frame after them (their caller's) has it.
	Inlined bool
}

// Trace is one observed stack, leaf first.
type Trace struct {
	PID, TID int
	// Comm is the name of the process, Thread that of the thread.
	Comm, Thread   string
	ContainerID    string
	ExecutablePath string
	Frames         []Frame
	// TimeNs is nanoseconds since 1970 UTC.
	TimeNs int64
	// Value is nanoseconds: of CPU for OnCPU, of waiting for OffCPU.
	Value  int64
	Origin Origin
	CPU    int
}
