package webhook

import "time"

// Attempts is how often an event is sent to an endpoint that never accepts it
// (S80): once at first and 13 times again. A 14th retry would fall after 24 hours.
const Attempts = 14

// firstDelay is before the first retry; each delay is twice the one before.
const firstDelay = 10 * time.Second

// Delay is how long after the attempt before it a retry is made, counted from 1.
// It is false for a number that is not a retry.
func Delay(retry int) (time.Duration, bool) {
	if retry < 1 || retry >= Attempts {
		return 0, false
	}
	return firstDelay << (retry - 1), true
}

// Jitter moves a delay by up to a tenth, either way, as the bits say.
func Jitter(d time.Duration, bits uint64) time.Duration {
	const steps = 2001 // -1000 to 1000, in ten-thousandths
	return d + d/10_000*time.Duration(int64(bits%steps)-steps/2)
}
