package main

import "slices"

// spread is the middle and the ends of some figures.
type spread struct{ Median, Min, Max float64 }

// spreadOf returns the spread of a non-empty series. The median of an even
// number of figures is the mean of the two in the middle.
func spreadOf(series []float64) spread {
	s := slices.Sorted(slices.Values(series))
	n := len(s)
	return spread{Median: (s[(n-1)/2] + s[n/2]) / 2, Min: s[0], Max: s[n-1]}
}

// figures takes one figure of every run.
func figures(runs []result, of func(result) float64) []float64 {
	f := make([]float64, len(runs))
	for i, r := range runs {
		f[i] = of(r)
	}
	return f
}

// ratios divides the figure of each run by that of the run of the same round in
// another series, so that both saw the machine in the same mood. It is nil if
// the series do not have the same number of rounds.
func ratios(runs, base []result, of func(result) float64) []float64 {
	if len(runs) != len(base) {
		return nil
	}
	f := make([]float64, len(runs))
	for i := range runs {
		f[i] = of(runs[i]) / of(base[i])
	}
	return f
}

// p50 and p99 are latencies in microseconds.
func p50(r result) float64 { return float64(r.Latency.P50.Nanoseconds()) / 1000 }
func p99(r result) float64 { return float64(r.Latency.P99.Nanoseconds()) / 1000 }

// claimRatio compares the typical claims of the two databases of a run.
func claimRatio(r result) float64 { return float64(r.Latency.P50) / float64(r.Base.P50) }
