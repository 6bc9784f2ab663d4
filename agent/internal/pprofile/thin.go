package pprofile

// Thin keeps a share of a process's samples, chosen by chance, and lets those that are kept stand for the others: their values grow so
// that sums stay what they were, on average. A share of 1 or more keeps the process as it is.
func (p *Process) Thin(share float64, random func() float64) *Process {
	if share >= 1 {
		return p
	}
	thin := &Process{Key: p.Key, Comm: p.Comm}
	for _, stack := range p.Stacks {
		wanted := float64(stack.Count) * share
		kept := int64(wanted + random()) // the fraction is a chance
		if kept == 0 {
			continue
		}
		value := int64(float64(stack.Value) * float64(kept) / wanted)
		thin.Stacks = append(thin.Stacks, &Stack{Frames: stack.Frames, Thread: stack.Thread, Value: value, Count: kept})
		thin.Count += kept
	}
	return thin
}
