package perfevent

import "encoding/binary"

// Kinds of records that we read, from the kernel's perf_event.h.
const (
	recordLost   = 2
	recordComm   = 3
	recordExit   = 4
	recordSample = 9
	// miscCommExec marks a change of name that came with the execution of another program.
	miscCommExec = 1 << 13
)

// Marks between the addresses of a callchain: what follows belongs to the kernel, or to the process.
const (
	contextMax    = ^uint64(4095) + 1
	contextKernel = ^uint64(128) + 1
	contextUser   = ^uint64(512) + 1
)

// stack is a sample as the kernel took it.
type stack struct {
	pid, tid, cpu int
	// kernel and user are addresses, leaf first.
	kernel, user []uint64
}

// decodeSample reads the body of a sample: instruction, process and thread, CPU, callchain, in the order of their bits.
func decodeSample(body []byte, into *stack) bool {
	const fixed = 8 + 8 + 8 + 8
	if len(body) < fixed {
		return false
	}
	order := binary.NativeEndian
	into.pid, into.tid = int(int32(order.Uint32(body[8:]))), int(int32(order.Uint32(body[12:])))
	into.cpu = int(order.Uint32(body[16:]))
	count := order.Uint64(body[24:])
	chain := body[fixed:]
	if count > uint64(len(chain))/8 {
		return false
	}
	into.kernel, into.user = into.kernel[:0], into.user[:0]
	target := &into.user
	for i := uint64(0); i < count; i++ {
		address := order.Uint64(chain[i*8:])
		switch {
		case address == contextKernel:
			target = &into.kernel
		case address == contextUser:
			target = &into.user
		case address >= contextMax:
			target = nil // a hypervisor's or guest's part: not ours
		case target != nil && address != 0:
			*target = append(*target, address)
		}
	}
	return true
}

// decodePid reads the process of a comm or exit record, which begin with it.
func decodePid(body []byte) (int, bool) {
	if len(body) < 8 {
		return 0, false
	}
	return int(int32(binary.NativeEndian.Uint32(body))), true
}

// decodeLost reads how many records found no room.
func decodeLost(body []byte) uint64 {
	if len(body) < 16 {
		return 0
	}
	return binary.NativeEndian.Uint64(body[8:])
}
