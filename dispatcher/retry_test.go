package dispatcher

import (
	"errors"
	"math"
	"testing"
	"testing/quick"
	"time"
)

func TestScheduleGivesItsDelaysAndNoMore(t *testing.T) {
	p := Schedule(time.Minute, 5*time.Minute)
	for _, c := range []struct {
		retry int
		want  time.Duration
		ok    bool
	}{{0, 0, false}, {1, time.Minute, true}, {2, 5 * time.Minute, true}, {3, 0, false}, {-1, 0, false}, {math.MaxInt, 0, false}} {
		if got, ok := p.Delay(c.retry, 7); got != c.want || ok != c.ok {
			t.Errorf("Delay(%d) = %v, %v; want %v, %v", c.retry, got, ok, c.want, c.ok)
		}
	}
	if _, ok := Schedule().Delay(1, 0); ok {
		t.Error("an empty schedule retries")
	}
}

func TestScheduleKeepsNoReferenceToItsArgument(t *testing.T) {
	delays := []time.Duration{time.Second}
	p := Schedule(delays...)
	delays[0] = time.Hour
	if d, _ := p.Delay(1, 0); d != time.Second {
		t.Errorf("Delay = %v after the caller changed its slice", d)
	}
}

func TestExponentialGrowsToItsMaximum(t *testing.T) {
	p := Exponential(ExponentialConfig{Initial: time.Second, Multiplier: 3, Max: 20 * time.Second, Jitter: -1, Retries: 6})
	want := []time.Duration{1, 3, 9, 20, 20, 20}
	for i, w := range want {
		if d, ok := p.Delay(i+1, 1); d != w*time.Second || !ok {
			t.Errorf("Delay(%d) = %v, %v; want %v", i+1, d, ok, w*time.Second)
		}
	}
	if _, ok := p.Delay(7, 1); ok {
		t.Error("a seventh retry")
	}
}

// A stateful policy, or one that gives up by the clock, would break a delivery
// whose retries are spread over days and processes.
func TestPoliciesArePureAndJitterStaysInItsBounds(t *testing.T) {
	policies := map[string]RetryPolicy{
		"default":     DefaultRetry(),
		"exponential": Exponential(ExponentialConfig{}),
		"jitter":      Jitter(0.5, Schedule(time.Second, time.Minute, time.Hour)),
	}
	for name, p := range policies {
		pure := func(retry uint8, seed uint64) bool {
			n := int(retry)%20 + 1
			d1, ok1 := p.Delay(n, seed)
			_, _ = p.Delay(n+1, seed)
			d2, ok2 := p.Delay(n, seed)
			return d1 == d2 && ok1 == ok2 && d1 >= 0
		}
		if err := quick.Check(pure, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	lowest, highest := time.Hour, time.Duration(0)
	for seed := range uint64(5000) {
		d, _ := policies["jitter"].Delay(2, seed)
		if d < 30*time.Second || d > 90*time.Second {
			t.Fatalf("seed %d: %v is outside 1 min ± half", seed, d)
		}
		lowest, highest = min(lowest, d), max(highest, d)
	}
	if lowest > 31*time.Second || highest < 89*time.Second {
		t.Errorf("jitter spreads only over %v to %v", lowest, highest)
	}
}

func TestPoliciesAreCheckedByNew(t *testing.T) {
	for field, p := range map[string]RetryPolicy{
		"retry":            nil,
		"retry[1]":         Schedule(time.Second, -1),
		"retry.multiplier": Exponential(ExponentialConfig{Multiplier: math.NaN()}),
		"retry.max":        Exponential(ExponentialConfig{Initial: time.Hour, Max: time.Minute}),
		"retry.retries":    Exponential(ExponentialConfig{Retries: -2}),
		"retry.jitter":     Jitter(math.NaN(), Schedule()),
	} {
		err := checkPolicy(p)
		var v *ValidationError
		if !errors.As(err, &v) || v.Field != field {
			t.Errorf("%v: got %v, want the field %s", p, err, field)
		}
	}
	if err := checkPolicy(Jitter(0.1, nil)); err == nil {
		t.Error("Jitter of nil was accepted")
	}
	if err := checkPolicy(DefaultRetry()); err != nil {
		t.Error(err)
	}
}

type never struct{}

func (never) Delay(int, uint64) (time.Duration, bool) { return math.MaxInt64, true }

func TestJitterOfAnEndlessDelay(t *testing.T) {
	for seed := range uint64(100) {
		if d, ok := Jitter(0.1, never{}).Delay(1, seed); !ok || d < math.MaxInt64/2 {
			t.Fatalf("seed %d: %v, %v", seed, d, ok)
		}
	}
}
