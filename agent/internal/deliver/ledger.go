package deliver

// Count is kept in both units: how many profiles, and how many samples they stand for.
type Count struct {
	Profiles int64
	Samples  int64
}

func (c *Count) add(samples int64) {
	c.Profiles++
	c.Samples += samples
}

// Ledger says what became of everything that was offered. At any moment
//
//	Offered + Restored = Delivered + the sum of Dropped + Waiting
//
// in profiles and in samples: every change of a number here happens together with the change that it speaks of.
type Ledger struct {
	// Offered by this process.
	Offered Count
	// Restored from the spool of the process before.
	Restored  Count
	Delivered Count
	Dropped   map[string]Count
	// Waiting in memory or in the spool, what is being sent right now included.
	Waiting Count
	// WaitingBytes in memory and in files.
	MemoryBytes int64
	SpoolBytes  int64
	// SpoolDamaged counts files that could not be read back.
	SpoolDamaged int64
}

// Balanced tells whether the equation above holds.
func (l Ledger) Balanced() bool {
	in := Count{l.Offered.Profiles + l.Restored.Profiles, l.Offered.Samples + l.Restored.Samples}
	out := Count{l.Delivered.Profiles + l.Waiting.Profiles, l.Delivered.Samples + l.Waiting.Samples}
	for _, dropped := range l.Dropped {
		out.Profiles += dropped.Profiles
		out.Samples += dropped.Samples
	}
	return in == out
}
