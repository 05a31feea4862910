package main

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSpreadOf(t *testing.T) {
	for _, tc := range []struct {
		series []float64
		want   spread
	}{
		{[]float64{4}, spread{4, 4, 4}},
		{[]float64{3, 1, 2}, spread{2, 1, 3}},
		{[]float64{4, 1, 3, 2}, spread{2.5, 1, 4}},
	} {
		if got := spreadOf(tc.series); got != tc.want {
			t.Errorf("spreadOf(%v) = %v, want %v", tc.series, got, tc.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, tc := range []struct {
		sorted []time.Duration
		p      int
		want   time.Duration
	}{
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred, 0, 1},
		{hundred[:1], 50, 1}, {hundred[:1], 99, 1}, {hundred[:3], 50, 2}, {nil, 50, 0},
	} {
		if got := percentile(tc.sorted, tc.p); got != tc.want {
			t.Errorf("percentile %d of %d = %d, want %d", tc.p, len(tc.sorted), got, tc.want)
		}
	}
}

func TestRatiosPairRounds(t *testing.T) {
	of := func(r result) float64 { return r.HeapBytes }
	runs := []result{{HeapBytes: 1}, {HeapBytes: 6}}
	base := []result{{HeapBytes: 2}, {HeapBytes: 3}}
	if got := ratios(runs, base, of); !slices.Equal(got, []float64{0.5, 2}) {
		t.Errorf("ratios = %v", got)
	}
	if got := ratios(runs, base[:1], of); got != nil {
		t.Errorf("ratios of unequal series = %v", got)
	}
}

func TestResultFigures(t *testing.T) {
	r := result{Deliveries: 2000, Usage: usage{Elapsed: 4 * time.Second, CPU: time.Second, Mallocs: 8000, AllocBytes: 4000}}
	for name, tc := range map[string]struct{ got, want float64 }{
		"rate": {r.rate(), 500}, "cpu": {r.cpuPerThousand(), 0.5}, "allocs": {r.allocs(), 4}, "bytes": {r.allocBytes(), 2},
	} {
		if math.Abs(tc.got-tc.want) > 1e-9 {
			t.Errorf("%s = %v, want %v", name, tc.got, tc.want)
		}
	}
}

// Each demand is held at its bound and missed beyond it.
func TestDemandHolds(t *testing.T) {
	for _, tc := range []struct {
		atLeast      bool
		ratio, bound float64
		want         bool
	}{
		{true, 0.9, 0.9, true}, {true, 0.89, 0.9, false}, {true, 1.2, 0.9, true},
		{false, 1.6, 1.6, true}, {false, 1.61, 1.6, false}, {false, 0.5, 1.6, true},
		{true, math.NaN(), 0.9, false}, {false, math.NaN(), 1.6, false},
	} {
		if got := (demand{AtLeast: tc.atLeast}).holds(tc.ratio, tc.bound); got != tc.want {
			t.Errorf("holds(%v, %v) with atLeast %v = %v", tc.ratio, tc.bound, tc.atLeast, got)
		}
	}
}

// A drain at 0.95 of raw's rate holds the gate and not the aim; at 0.5 it
// misses. What was not measured is not judged.
func TestJudge(t *testing.T) {
	runs := func(perSecond int) []result {
		return []result{{Deliveries: perSecond, Usage: usage{Elapsed: time.Second, CPU: time.Second}}}
	}
	for _, tc := range []struct {
		rate       int
		held, aims bool
	}{{1000, true, true}, {950, true, false}, {500, false, false}} {
		all := results{
			{scenarioDrain, variantWide, rawName}:    runs(1000),
			{scenarioDrain, variantWide, memoryName}: runs(tc.rate),
		}
		vs := judge(all)
		if len(vs) != 2 { // rate and CPU
			t.Fatalf("%d verdicts: %+v", len(vs), vs)
		}
		if v := vs[0]; v.Held != tc.held || v.AimHeld != tc.aims {
			t.Errorf("at %d of 1000: %+v", tc.rate, v)
		}
		if missed(vs[:1]) == tc.held {
			t.Errorf("at %d of 1000: missed is %v", tc.rate, tc.held)
		}
	}
	if vs := judge(nil); len(vs) != 0 {
		t.Errorf("judged nothing as %+v", vs)
	}
}

func TestPayload(t *testing.T) {
	for _, n := range []int{minPayload, 300, 1024, 65536} {
		p := payload(n)
		if len(p) != n || !json.Valid(p) {
			t.Errorf("payload(%d) has %d bytes, valid: %v", n, len(p), json.Valid(p))
		}
	}
}

func TestPaceKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		err := pace(t.Context(), 5, 100, func(i int) error {
			at = append(at, time.Since(start))
			if i == 1 { // takes longer than the interval
				time.Sleep(25 * time.Millisecond)
			}
			return nil
		})
		ms := time.Millisecond
		want := []time.Duration{0, 10 * ms, 35 * ms, 35 * ms, 40 * ms}
		if err != nil || !slices.Equal(at, want) {
			t.Errorf("calls at %v (%v), want %v", at, err, want)
		}
	})
}

func TestGateBoundsWhatIsOutstanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		g := newGate(10)
		var mu sync.Mutex
		taken := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for g.take(ctx, 5) {
				mu.Lock()
				taken += 5
				mu.Unlock()
			}
		}()
		for _, tc := range []struct {
			released int64
			want     int
		}{{0, 10}, {5, 15}, {5, 15}, {20, 30}} {
			g.release(tc.released)
			synctest.Wait()
			mu.Lock()
			if taken != tc.want {
				t.Errorf("took %d after %d were released, want %d", taken, tc.released, tc.want)
			}
			mu.Unlock()
		}
		cancel()
		<-done
	})
}

func TestCheckClock(t *testing.T) {
	for _, tc := range []struct {
		monotonic, wall time.Duration
		ok              bool
	}{
		{time.Second, time.Second, true},
		{10 * time.Second, 10*time.Second + 5*time.Millisecond, true}, // slewed
		{time.Second, time.Second + 100*time.Millisecond, false},
		{time.Second, -time.Hour, false},
	} {
		if err := checkClock(tc.monotonic, tc.wall); (err == nil) != tc.ok {
			t.Errorf("checkClock(%v, %v): %v", tc.monotonic, tc.wall, err)
		}
	}
}
