package collect

import (
	"bytes"
	"path"
	"sync"

	"go.opentelemetry.io/ebpf-profiler/libpf"
	"go.opentelemetry.io/ebpf-profiler/reporter"
	"go.opentelemetry.io/ebpf-profiler/reporter/samples"

	"brazier.dev/agent/internal/sample"
)

// Truncated stands at the root of a stack that could not be followed to its end, so that what is below it is not taken for the
// bottom of the program.
const Truncated = "[truncated]"

// Unmapped stands for an address whose file is not known any more.
const Unmapped = "[unmapped]"

// maxMappings bounds what the converter remembers; a machine has a few thousand mapped files.
const maxMappings = 32768

// converter turns what the profiler reports into our types. The profiler calls it from two goroutines: files from the one that
// learns processes, traces from the one that empties the ring.
type converter struct {
	collector *ebpf

	mu sync.Mutex
	// paths are kept by file, because mappings of traces carry only the last part of a path.
	paths    map[libpf.FileID]string
	mappings map[libpf.FrameMapping]*sample.Mapping
}

func newConverter(collector *ebpf) *converter {
	return &converter{
		collector: collector,
		paths:     map[libpf.FileID]string{},
		mappings:  map[libpf.FrameMapping]*sample.Mapping{},
	}
}

// ReportExecutable hands on a file while the process that maps it is still there.
func (c *converter) ReportExecutable(meta *reporter.ExecutableMetadata) {
	file := meta.MappingFile.Value()
	// The profiler reuses the buffer behind Path once we return.
	filePath := string([]byte(meta.Mapping.Path))
	c.mu.Lock()
	if len(c.paths) >= maxMappings {
		clear(c.paths)
	}
	c.paths[file.FileID] = filePath
	c.mu.Unlock()

	process, mapping := meta.Process, *meta.Mapping
	mapping.Path = filePath
	c.collector.options.Seen(Executable{
		Mapping:   &sample.Mapping{Path: filePath, BuildID: file.GnuBuildID, FileID: file.FileID.StringNoQuotes()},
		PID:       int(process.PID()),
		DebugLink: string([]byte(meta.DebuglinkFileName)),
		Open: func() (File, error) {
			if !mapping.IsVDSO() {
				return process.OpenMappingFile(&mapping)
			}
			image := make([]byte, mapping.Length)
			if _, err := process.GetRemoteMemory().ReadAt(image, int64(mapping.Vaddr)); err != nil {
				return nil, err
			}
			return inMemory{bytes.NewReader(image)}, nil
		},
	})
}

// inMemory is a file that exists only as an image: the vdso.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// ReportTraceEvent converts a stack and hands it to the sink.
func (c *converter) ReportTraceEvent(trace *libpf.Trace, meta *samples.TraceEventMeta) error {
	out := &sample.Trace{
		PID:            int(meta.PID),
		TID:            int(meta.TID),
		Thread:         meta.Comm.String(),
		ContainerID:    meta.ContainerID.String(),
		ExecutablePath: meta.ExecutablePath.String(),
		TimeNs:         int64(meta.Timestamp),
		CPU:            int(meta.CPU),
		Frames:         make([]sample.Frame, 0, len(trace.Frames)),
	}
	if meta.ProfileType != nil && meta.ProfileType.ReportValues {
		out.Origin = sample.OffCPU
		out.Value = meta.Value
	} else {
		out.Value = int64(1_000_000_000 / c.collector.Rate())
	}
	for _, handle := range trace.Frames {
		frame := handle.Value()
		if frame.Type.IsError() {
			out.Frames = append(out.Frames, sample.Frame{Kind: sample.Unknown, Function: Truncated})
			continue
		}
		converted := sample.Frame{
			Kind:     kindOf(frame.Type),
			Function: frame.FunctionName.String(),
			File:     frame.SourceFile.String(),
			Line:     int64(frame.SourceLine),
		}
		if !converted.Kind.Interpreted() {
			converted.Address = uint64(frame.AddressOrLineno)
			converted.Mapping = c.mapping(frame.Mapping)
			if converted.Mapping == nil && converted.Kind == sample.Native {
				// The process ended or changed its mappings in between: an address in no file says nothing to anybody.
				converted.Function, converted.Address = Unmapped, 0
			}
		}
		out.Frames = append(out.Frames, converted)
	}
	c.collector.options.Sink(out)
	return nil
}

func (c *converter) mapping(handle libpf.FrameMapping) *sample.Mapping {
	if !handle.Valid() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.mappings[handle]; ok {
		return known
	}
	if len(c.mappings) >= maxMappings {
		clear(c.mappings)
	}
	data := handle.Value()
	file := data.File.Value()
	filePath, ok := c.paths[file.FileID]
	if !ok || path.Base(filePath) != file.FileName.String() {
		filePath = file.FileName.String()
	}
	mapping := &sample.Mapping{
		Path:    filePath,
		BuildID: file.GnuBuildID,
		FileID:  file.FileID.StringNoQuotes(),
		Start:   uint64(data.Start),
		End:     uint64(data.End),
		Offset:  data.FileOffset,
	}
	c.mappings[handle] = mapping
	return mapping
}

func kindOf(kind libpf.FrameType) sample.Kind {
	switch kind.Interpreter() {
	case libpf.Native:
		return sample.Native
	case libpf.Kernel:
		return sample.Kernel
	case libpf.Go:
		return sample.Go
	case libpf.Python:
		return sample.Python
	case libpf.V8:
		return sample.JavaScript
	case libpf.HotSpot:
		return sample.Java
	case libpf.Ruby:
		return sample.Ruby
	case libpf.PHP, libpf.PHPJIT:
		return sample.PHP
	case libpf.Perl:
		return sample.Perl
	case libpf.Dotnet:
		return sample.DotNet
	case libpf.BEAM:
		return sample.Beam
	case libpf.LuaJIT:
		return sample.Lua
	}
	return sample.Unknown
}
