package perfevent

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ringPages is the size of one CPU's ring: 256 KB hold two seconds at 200 Hz with the deepest stacks.
const ringPages = 64

// ring is the buffer that the kernel fills with one CPU's records.
type ring struct {
	descriptor int
	memory     []byte
	header     *unix.PerfEventMmapPage
	data       []byte
	scratch    []byte
}

// openRing opens the CPU clock of one CPU, not yet running.
func openRing(cpu, hz int) (*ring, error) {
	attributes := unix.PerfEventAttr{
		Type:   unix.PERF_TYPE_SOFTWARE,
		Config: unix.PERF_COUNT_SW_CPU_CLOCK,
		Size:   uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Sample: uint64(hz),
		Sample_type: unix.PERF_SAMPLE_IP | unix.PERF_SAMPLE_TID | unix.PERF_SAMPLE_CPU |
			unix.PERF_SAMPLE_CALLCHAIN,
		Bits: unix.PerfBitDisabled | unix.PerfBitFreq | unix.PerfBitExcludeIdle |
			unix.PerfBitComm | unix.PerfBitCommExec | unix.PerfBitTask,
		Wakeup: 1 << 30, // we poll: a wake-up for every sample would cost more than the samples
	}
	descriptor, err := unix.PerfEventOpen(&attributes, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("perf_event_open on CPU %d: %w", cpu, err)
	}
	page := os.Getpagesize()
	memory, err := unix.Mmap(descriptor, 0, (1+ringPages)*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		unix.Close(descriptor)
		return nil, fmt.Errorf("mapping the buffer of CPU %d: %w", cpu, err)
	}
	return &ring{
		descriptor: descriptor,
		memory:     memory,
		header:     (*unix.PerfEventMmapPage)(unsafe.Pointer(&memory[0])),
		data:       memory[page:],
	}, nil
}

func (r *ring) enable() error {
	return unix.IoctlSetInt(r.descriptor, unix.PERF_EVENT_IOC_ENABLE, 0)
}

func (r *ring) disable() error {
	return unix.IoctlSetInt(r.descriptor, unix.PERF_EVENT_IOC_DISABLE, 0)
}

func (r *ring) close() {
	_ = unix.Munmap(r.memory)
	_ = unix.Close(r.descriptor)
}

// recordHeader is the first 8 bytes of a record: type, misc, size.
const recordHeader = 8

// drain hands every record to the reader; its bytes are valid during the call only.
func (r *ring) drain(read func(kind uint32, misc uint16, body []byte)) {
	head := atomic.LoadUint64(&r.header.Data_head)
	tail := r.header.Data_tail
	size := uint64(len(r.data))
	for tail+recordHeader <= head {
		header := r.copy(tail, recordHeader)
		kind := binary.NativeEndian.Uint32(header)
		misc := binary.NativeEndian.Uint16(header[4:])
		length := uint64(binary.NativeEndian.Uint16(header[6:]))
		if length < recordHeader || tail+length > head || length > size {
			tail = head // not a record: give the rest up rather than read nonsense
			break
		}
		read(kind, misc, r.copy(tail, length)[recordHeader:])
		tail += length
	}
	atomic.StoreUint64(&r.header.Data_tail, tail)
}

// copy gives bytes of the ring, put together where they wrap around its end.
func (r *ring) copy(at, length uint64) []byte {
	start := at % uint64(len(r.data))
	if start+length <= uint64(len(r.data)) {
		return r.data[start : start+length]
	}
	r.scratch = append(r.scratch[:0], r.data[start:]...)
	r.scratch = append(r.scratch, r.data[:length-uint64(len(r.scratch))]...)
	return r.scratch
}
