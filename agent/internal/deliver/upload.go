// Package deliver brings profiles to the server: a bounded queue in memory, optionally backed by files that outlive the process,
// and one sender that batches, backs off and counts. Whatever happens to the server, [Deliverer.Offer] returns at once.
package deliver

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// Upload is one pprof of one service instance and interval, ready to be sent.
type Upload struct {
	// Labels of the series; `service_name` among them. The profile's name is in Kind.
	Labels map[string]string
	// Pprof is a gzipped pprof file. Its time_nanos is the row's time, so that a profile that is sent twice is stored once.
	Pprof []byte
	// Samples counts what the profile stands for; the ledger is kept in it.
	Samples int64
	From    time.Time
	To      time.Time
	// Kind is the name of the profile as the server knows it: process_cpu, memory, …
	Kind string
	// ID is advisory and stays the same over retries and restarts: [Deliverer.Offer] makes one where it is empty.
	ID string
}

// Why a profile was given up. Each is a value of the label `reason`.
const (
	// DropOverflow: the queue (or the spool) was full, and this was the oldest.
	DropOverflow = "queue_full"
	// DropTooOld: it waited longer than the server accepts.
	DropTooOld = "too_old"
	// DropRefused: the server answered that it will never take it.
	DropRefused = "refused"
	// DropDamaged: its file in the spool cannot be read back.
	DropDamaged = "spool_damaged"
	// DropShutdown: the agent stopped before it was sent, and there is no spool.
	DropShutdown = "shutdown"
	// DropUnsendable: it cannot be put into the protocol that is configured.
	DropUnsendable = "unsendable"
)

// newID makes a random UUID (version 4).
func newID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails since Go 1.24
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	text := hex.EncodeToString(raw[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// sizeBytes is what an upload takes of the queue's bound: its bytes, and something for the rest.
func (u *Upload) sizeBytes() int64 {
	size := int64(len(u.Pprof)) + 256
	for name, value := range u.Labels {
		size += int64(len(name) + len(value))
	}
	return size
}
