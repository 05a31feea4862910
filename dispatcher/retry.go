package dispatcher

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// RetryPolicy says when to try again. It must be pure: the same arguments give
// the same answer, in every process and after a restart.
type RetryPolicy interface {
	// Delay returns how long to wait before the retry, counted from 1, and false
	// if there is none. seed differs from delivery to delivery and is the same
	// for all retries of one; it serves to spread them.
	Delay(retry int, seed uint64) (d time.Duration, ok bool)
}

// Schedule retries after each of the delays in turn, counted from the end of
// the attempt before. Schedule() with none never retries. At most 100 delays of at
// most 90 days, each 0 or at least 1 ms; its mistakes are reported by [New].
//
//	// Six requests: at once, then after a minute, five, fifteen, an hour, six.
//	dispatcher.Schedule(time.Minute, 5*time.Minute, 15*time.Minute, time.Hour, 6*time.Hour)
func Schedule(delays ...time.Duration) RetryPolicy { return schedule(slices.Clone(delays)) }

type schedule []time.Duration

func (s schedule) Delay(retry int, _ uint64) (time.Duration, bool) {
	if retry < 1 || retry > len(s) {
		return 0, false
	}
	return s[retry-1], true
}

func (s schedule) check() error { return checkDelays("retry", s) }

const (
	maxRetries = 100
	maxDelay   = 90 * 24 * time.Hour
)

func checkDelays(field string, delays []time.Duration) error {
	if len(delays) > maxRetries {
		return invalid(field, "must have at most %d delays, has %d", maxRetries, len(delays))
	}
	for i, d := range delays {
		if err := checkDuration(fmt.Sprintf("%s[%d]", field, i), d, 0, maxDelay); err != nil {
			return err
		}
	}
	return nil
}

// leastDuration is below every duration that somebody means: less is a number
// without its unit.
const leastDuration = time.Millisecond

// checkDuration admits 0 only if least is 0.
func checkDuration(field string, d, least, most time.Duration) error {
	switch {
	case d < least || d > most:
		return invalid(field, "must be between %v and %v, is %v", least, most, d)
	case d > 0 && d < leastDuration:
		return invalid(field, "must be 0 or at least %v, is %v", leastDuration, d)
	}
	return nil
}

// ExponentialConfig configures [Exponential]. A zero field takes its default.
type ExponentialConfig struct {
	// Initial is the first delay; default 5 s. At least 1 ms.
	Initial time.Duration
	// Multiplier is the growth from one delay to the next, at least 1; default 2.
	Multiplier float64
	// Max bounds a delay; default 12 h. At least Initial, at most 90 days.
	Max time.Duration
	// Jitter spreads each delay evenly over (1 ± Jitter) times itself, between 0
	// and 1; default 0.2. Negative means none.
	Jitter float64
	// Retries is how many there are; default 15, at most 100.
	Retries int
}

// Exponential retries with growing delays. Its mistakes are reported by [New].
func Exponential(c ExponentialConfig) RetryPolicy {
	e := exponential{c}
	if e.Initial == 0 {
		e.Initial = 5 * time.Second
	}
	if e.Multiplier == 0 {
		e.Multiplier = 2
	}
	if e.Max == 0 {
		e.Max = 12 * time.Hour
	}
	switch {
	case e.Jitter == 0:
		e.Jitter = 0.2
	case e.Jitter < 0:
		e.Jitter = 0
	}
	if e.Retries == 0 {
		e.Retries = 15
	}
	return e
}

type exponential struct{ ExponentialConfig }

func (e exponential) check() error {
	if err := checkDuration("retry.initial", e.Initial, 0, maxDelay); err != nil {
		return err
	}
	switch {
	case !(e.Multiplier >= 1 && e.Multiplier <= 100):
		return invalid("retry.multiplier", "must be between 1 and 100")
	case e.Max < e.Initial || e.Max > maxDelay:
		return invalid("retry.max", "must be between initial and %v", maxDelay)
	case !(e.Jitter <= 1):
		return invalid("retry.jitter", "must be at most 1")
	case e.Retries < 0 || e.Retries > maxRetries:
		return invalid("retry.retries", "must be between 0 and %d", maxRetries)
	}
	return nil
}

// Delay asks a fresh ExponentialBackOff, which is stateful and would give up
// after a quarter of an hour if left to its defaults. Its own jitter draws from
// the global generator, so it is off and ours, which follows from the seed, is
// on.
func (e exponential) Delay(retry int, seed uint64) (time.Duration, bool) {
	if retry < 1 || retry > e.Retries {
		return 0, false
	}
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(e.Initial),
		backoff.WithMultiplier(e.Multiplier),
		backoff.WithMaxInterval(e.Max),
		backoff.WithRandomizationFactor(0),
		backoff.WithMaxElapsedTime(0),
	)
	d := b.NextBackOff()
	for range retry - 1 {
		d = b.NextBackOff()
	}
	return spread(d, e.Jitter, retry, seed), true
}

// Jitter spreads the delays of p evenly over (1 ± fraction) times themselves,
// so that deliveries which failed together do not come back together. fraction
// is between 0 and 1.
func Jitter(fraction float64, p RetryPolicy) RetryPolicy { return jitter{fraction, p} }

type jitter struct {
	fraction float64
	policy   RetryPolicy
}

func (j jitter) check() error {
	if !(j.fraction >= 0 && j.fraction <= 1) {
		return invalid("retry.jitter", "must be between 0 and 1")
	}
	return checkPolicy(j.policy)
}

func (j jitter) Delay(retry int, seed uint64) (time.Duration, bool) {
	d, ok := j.policy.Delay(retry, seed)
	if !ok {
		return 0, false
	}
	return spread(d, j.fraction, retry, seed), true
}

func spread(d time.Duration, fraction float64, retry int, seed uint64) time.Duration {
	if fraction == 0 || d == 0 {
		return d
	}
	r := rand.New(rand.NewPCG(seed, uint64(retry))).Float64() // #nosec G404 G115 -- spreading, not secrecy
	f := float64(d) * (1 + fraction*(2*r-1))
	if f >= math.MaxInt64 { // of a host's policy that means never
		return math.MaxInt64
	}
	return time.Duration(f)
}

// DefaultRetry is the schedule that Standard Webhooks recommends, nine retries
// over three days, spread by a tenth.
func DefaultRetry() RetryPolicy {
	return Jitter(0.1, Schedule(
		5*time.Second,
		5*time.Minute,
		30*time.Minute,
		2*time.Hour,
		5*time.Hour,
		10*time.Hour,
		14*time.Hour,
		20*time.Hour,
		24*time.Hour,
	))
}

// checkPolicy asks policies of this package for their mistakes.
func checkPolicy(p RetryPolicy) error {
	if p == nil {
		return invalid("retry", "must not be nil")
	}
	if c, ok := p.(interface{ check() error }); ok {
		return c.check()
	}
	return nil
}
