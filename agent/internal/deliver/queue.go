package deliver

import (
	"container/list"
	"maps"
	"sync"
	"time"
)

// entry is one upload on its way. Its place in the queue is its age; it leaves when it is delivered or dropped.
type entry struct {
	seq     uint64
	samples int64
	// size in memory or in its file, whichever it occupies.
	size int64
	// upload is nil while the bytes are only in the file.
	upload *Upload
	// file is the name in the spool, empty while it is only in memory.
	file string
	// offered is read from the monotonic clock, so that a step of the wall clock makes nothing old.
	offered time.Time
	// inFlight entries are being sent and are not dropped.
	inFlight bool
	place    *list.Element
}

// queue is the oldest-first list of what waits, with its ledger: one lock for both, so that the numbers always add up.
type queue struct {
	mutex       sync.Mutex
	entries     *list.List
	ledger      Ledger
	memoryMax   int64
	spoolMax    int64
	nextSeq     uint64
	closed      bool
	changed     chan struct{}
	nowFn       func() time.Time
	removeFiles func(names []string)
}

func newQueue(memoryMax, spoolMax int64, now func() time.Time, removeFiles func([]string)) *queue {
	return &queue{
		entries: list.New(), ledger: Ledger{Dropped: map[string]Count{}},
		memoryMax: memoryMax, spoolMax: spoolMax, nextSeq: 1,
		changed: make(chan struct{}), nowFn: now, removeFiles: removeFiles,
	}
}

// offer takes an upload in. Older ones leave where there is no room; the newest says more than they do.
func (q *queue) offer(upload *Upload) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.ledger.Offered.add(upload.Samples)
	if q.closed {
		q.countDrop(DropShutdown, upload.Samples)
		return
	}
	size := upload.sizeBytes()
	q.makeRoom(size, false)
	if q.ledger.MemoryBytes+size > q.memoryMax {
		// Only what is being sent is left, or the upload is larger than the queue.
		q.countDrop(DropOverflow, upload.Samples)
		return
	}
	q.insert(&entry{samples: upload.Samples, size: size, upload: upload, offered: q.nowFn()})
	q.signal()
}

// restore takes in what an earlier process left in the spool, oldest first, before anything is offered.
func (q *queue) restore(file string, seq uint64, samples, size int64, offered time.Time) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.nextSeq = max(q.nextSeq, seq)
	q.ledger.Restored.add(samples)
	q.insert(&entry{samples: samples, size: size, file: file, offered: offered})
	q.makeRoom(0, true)
}

func (q *queue) insert(e *entry) {
	e.seq = q.nextSeq
	q.nextSeq++
	e.place = q.entries.PushBack(e)
	q.ledger.Waiting.add(e.samples)
	if e.file == "" {
		q.ledger.MemoryBytes += e.size
	} else {
		q.ledger.SpoolBytes += e.size
	}
}

// makeRoom drops the oldest that are in memory (or in files) and not being sent until size more bytes fit.
func (q *queue) makeRoom(size int64, inFiles bool) {
	used, most := &q.ledger.MemoryBytes, q.memoryMax
	if inFiles {
		used, most = &q.ledger.SpoolBytes, q.spoolMax
	}
	for place := q.entries.Front(); place != nil && *used+size > most; {
		e := place.Value.(*entry)
		place = place.Next()
		if !e.inFlight && (e.file != "") == inFiles {
			q.drop(e, DropOverflow)
		}
	}
}

func (q *queue) drop(e *entry, reason string) {
	q.leave(e)
	q.countDrop(reason, e.samples)
}

func (q *queue) countDrop(reason string, samples int64) {
	count := q.ledger.Dropped[reason]
	count.add(samples)
	q.ledger.Dropped[reason] = count
}

// leave takes an entry out of the queue and its file out of the spool.
func (q *queue) leave(e *entry) {
	q.entries.Remove(e.place)
	e.place = nil
	q.ledger.Waiting.Profiles--
	q.ledger.Waiting.Samples -= e.samples
	if e.file == "" {
		q.ledger.MemoryBytes -= e.size
		return
	}
	q.ledger.SpoolBytes -= e.size
	q.removeFiles([]string{e.file})
}

type batchLimits struct {
	bytes    int64
	profiles int
}

// parcel is an entry as it was when its flight began: its bytes may move into a file meanwhile.
type parcel struct {
	entry  *entry
	upload *Upload
	file   string
}

// take marks the oldest entries as being sent, as many as fit a batch. Those that waited longer than ageMax are dropped instead.
func (q *queue) take(limits batchLimits, ageMax time.Duration) []parcel {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	now := q.nowFn()
	var batch []parcel
	var bytes int64
	for place := q.entries.Front(); place != nil; {
		e := place.Value.(*entry)
		place = place.Next()
		if e.inFlight {
			continue
		}
		if ageMax > 0 && now.Sub(e.offered) > ageMax {
			q.drop(e, DropTooOld)
			continue
		}
		if len(batch) > 0 && (bytes+e.size > limits.bytes || len(batch) >= limits.profiles) {
			break
		}
		e.inFlight = true
		bytes += e.size
		batch = append(batch, parcel{e, e.upload, e.file})
	}
	return batch
}

// settle ends the flight of entries: delivered, dropped with a reason, or back to waiting where both are empty.
func (q *queue) settle(batch []parcel, delivered bool, reason string) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for _, parcel := range batch {
		e := parcel.entry
		e.inFlight = false
		switch {
		case delivered:
			q.leave(e)
			q.ledger.Delivered.add(e.samples)
		case reason != "":
			if reason == DropDamaged {
				q.ledger.SpoolDamaged++
			}
			q.drop(e, reason)
		}
	}
	q.signal()
}

// filled tells how much waits and is not being sent, up to what a batch can take.
func (q *queue) filled(limits batchLimits) (some, full bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	var bytes int64
	profiles := 0
	for place := q.entries.Front(); place != nil; place = place.Next() {
		e := place.Value.(*entry)
		if e.inFlight {
			continue
		}
		profiles++
		bytes += e.size
		if profiles >= limits.profiles || bytes >= limits.bytes {
			return true, true
		}
	}
	return profiles > 0, false
}

// oldestInMemory gives the next entry that the spool should write, or nil.
func (q *queue) oldestInMemory() *entry {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for place := q.entries.Front(); place != nil; place = place.Next() {
		if e := place.Value.(*entry); e.file == "" {
			return e
		}
	}
	return nil
}

// uploadOf gives the bytes of an entry that is still in memory.
func (q *queue) uploadOf(e *entry) *Upload {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return e.upload
}

// spooled moves an entry from memory into its file. False: it left meanwhile, and the file is nobody's.
func (q *queue) spooled(e *entry, file string, size int64) bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if e.place == nil {
		return false
	}
	q.ledger.MemoryBytes -= e.size
	e.file, e.size, e.upload = file, size, nil
	q.ledger.SpoolBytes += size
	q.makeRoom(0, true)
	return true
}

// close refuses what is offered from now on.
func (q *queue) close() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.closed = true
	q.signal()
}

// dropInMemory gives up what has no file: nothing will read it after this process.
func (q *queue) dropInMemory(reason string) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for place := q.entries.Front(); place != nil; {
		e := place.Value.(*entry)
		place = place.Next()
		if e.file == "" {
			q.drop(e, reason)
		}
	}
}

// wait returns a channel that closes at the next change.
func (q *queue) wait() <-chan struct{} {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.changed
}

func (q *queue) signal() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *queue) snapshot() Ledger {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	ledger := q.ledger
	ledger.Dropped = maps.Clone(q.ledger.Dropped)
	return ledger
}

// skippedFile counts a file of the spool that says nothing about samples.
func (q *queue) skippedFile() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.ledger.SpoolDamaged++
}
