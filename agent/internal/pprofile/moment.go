package pprofile

import "time"

// Moment is a point in time by two clocks: the wall's, which people and servers go by and which may be set, and one that only goes on.
type Moment struct {
	Wall    time.Time
	Running time.Duration
}

var started = time.Now()

// Now gives the present moment.
func Now() Moment {
	now := time.Now()
	return Moment{Wall: now, Running: now.Sub(started)}
}

// before gives the wall's time of an earlier moment as the clock stands now. After a step of the clock the profiles of the interval it
// fell into carry times that the server takes, and their length is what passed.
func (m Moment) before(earlier Moment) time.Time { return m.Wall.Add(earlier.Running - m.Running) }
