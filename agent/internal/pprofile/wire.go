package pprofile

// message is a protobuf message being written. pprof needs varints and nested messages, nothing else: a library would copy
// every number through an object first.
type message struct{ bytes []byte }

func (m *message) reset() { m.bytes = m.bytes[:0] }

func (m *message) varint(value uint64) {
	for value >= 0x80 {
		m.bytes = append(m.bytes, byte(value)|0x80)
		value >>= 7
	}
	m.bytes = append(m.bytes, byte(value))
}

// number writes a varint field; zero is the default and is not written.
func (m *message) number(field int, value uint64) {
	if value == 0 {
		return
	}
	m.varint(uint64(field) << 3)
	m.varint(value)
}

func (m *message) boolean(field int, value bool) {
	if value {
		m.number(field, 1)
	}
}

// nested writes a message or string, empty ones too: the empty string has a place in pprof's table.
func (m *message) nested(field int, bytes []byte) {
	m.varint(uint64(field)<<3 | 2)
	m.varint(uint64(len(bytes)))
	m.bytes = append(m.bytes, bytes...)
}

func (m *message) text(field int, text string) {
	m.varint(uint64(field)<<3 | 2)
	m.varint(uint64(len(text)))
	m.bytes = append(m.bytes, text...)
}

// packed writes a list of numbers without their zeros left out.
func (m *message) packed(field int, scratch *message, values []uint64) {
	scratch.reset()
	for _, value := range values {
		scratch.varint(value)
	}
	m.nested(field, scratch.bytes)
}
