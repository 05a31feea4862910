package main

// demand is a bound on a ratio.
type demand struct {
	Contender string
	What      string
	// AtLeast tells that Gate and Aim are lower bounds; they are upper ones
	// otherwise. Aim is 0 if it is the gate.
	AtLeast   bool
	Gate, Aim float64
	// ratio returns the ratio of each round, none if it was not measured.
	ratio func(all results, contender string) []float64
}

// demands are what each contender is held to.
var demands = []demand{
	{memoryName, "drain at the wide fan-out, deliveries/s of raw", true, 0.9, 1,
		toRaw(scenarioDrain, variantWide, result.rate)},
	{memoryName, "drain at fan-out 1, deliveries/s of raw", true, 0.9, 1,
		toRaw(scenarioDrain, variantNarrow, result.rate)},
	{memoryName, "publish at the wide fan-out, deliveries/s of raw", true, 0.8, 0,
		toRaw(scenarioPublish, variantWide, result.rate)},
	{memoryName, "drain at the wide fan-out, CPU per delivery of raw's", false, 1.15, 0,
		toRaw(scenarioDrain, variantWide, result.cpuPerThousand)},
	{memoryName, "drain at fan-out 1, CPU per delivery of raw's", false, 1.15, 0,
		toRaw(scenarioDrain, variantNarrow, result.cpuPerThousand)},
	{memoryName, "latency p50 of raw's", false, 1.6, 0,
		toRaw(scenarioLatency, "", p50)},
	{memoryName, "big backlog, deliveries/s of the small one's", true, 0.9, 0,
		within(scenarioBacklog, variantBig, variantSmall, result.rate)},
	{memoryName, "isolation p99 beside hanging endpoints, of that without", false, 2, 0,
		within(scenarioIsolation, variantWith, variantWithout, p99)},
}

// toRaw compares a contender with the base, round by round.
func toRaw(scenario, variant string, of func(result) float64) func(results, string) []float64 {
	return func(all results, contender string) []float64 {
		return ratios(all[key{scenario, variant, contender}], all[key{scenario, variant, rawName}], of)
	}
}

// within compares two variants of a contender, round by round.
func within(scenario, variant, base string, of func(result) float64) func(results, string) []float64 {
	return func(all results, contender string) []float64 {
		return ratios(all[key{scenario, variant, contender}], all[key{scenario, base, contender}], of)
	}
}

// verdict is a demand with what was measured.
type verdict struct {
	demand
	Ratio    spread
	Held     bool
	AimHeld  bool
	Measured int // rounds
}

// judge compares the medians with the demands. What was not measured is left
// out.
func judge(all results) []verdict {
	var vs []verdict
	for _, d := range demands {
		series := d.ratio(all, d.Contender)
		if len(series) == 0 {
			continue
		}
		v := verdict{demand: d, Ratio: spreadOf(series), Measured: len(series)}
		v.Held = d.holds(v.Ratio.Median, d.Gate)
		v.AimHeld = v.Held && (d.Aim == 0 || d.holds(v.Ratio.Median, d.Aim))
		vs = append(vs, v)
	}
	return vs
}

func (d demand) holds(ratio, bound float64) bool {
	if d.AtLeast {
		return ratio >= bound
	}
	return ratio <= bound
}

// missed tells whether a gate was missed.
func missed(vs []verdict) bool {
	for _, v := range vs {
		if !v.Held {
			return true
		}
	}
	return false
}
