package perfevent

import "debug/elf"

func segment(offset, address, size uint64) elf.ProgHeader {
	return elf.ProgHeader{Type: elf.PT_LOAD, Flags: elf.PF_X, Off: offset, Vaddr: address, Filesz: size}
}
