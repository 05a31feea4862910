package main

// demand is a bound on a ratio.
type demand struct {
	Contender string
	What      string
	// AtLeast tells that Gate and Aim are lower bounds; they are upper ones
	// otherwise. Aim is 0 if it is the gate, and Gate if the ratio is told without
	// one.
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

	{postgresName, "drain at the wide fan-out, deliveries/s of River's", true, 2.5, 3.5,
		against(riverName, scenarioDrain, variantWide, variantWide, result.rate)},
	{postgresName, "drain at fan-out 1, deliveries/s of River's", true, 2.5, 3.5,
		against(riverName, scenarioDrain, variantNarrow, variantNarrow, result.rate)},
	{postgresName, "drain at the wide fan-out, CPU per delivery of River's, servers included", false, 0.4, 0.3,
		against(riverName, scenarioDrain, variantWide, variantWide, result.cpuPerThousand)},
	{postgresName, "drain at fan-out 1, CPU per delivery of River's, servers included", false, 0.4, 0.3,
		against(riverName, scenarioDrain, variantNarrow, variantNarrow, result.cpuPerThousand)},
	{postgresName, "drain at the wide fan-out, deliveries/s of raw", true, 0.45, 0.55,
		toRaw(scenarioDrain, variantWide, result.rate)},
	{postgresName, "drain at fan-out 1, deliveries/s of raw", true, 0.45, 0.55,
		toRaw(scenarioDrain, variantNarrow, result.rate)},
	{postgresName, "publish at the wide fan-out, deliveries/s of raw", true, 0.3, 0.37,
		toRaw(scenarioPublish, variantWide, result.rate)},
	{postgresName, "drain at the wide fan-out, deliveries/s of River's with as many workers as raw has", true, 0, 0,
		against(riverSmallName, scenarioDrain, variantWide, variantWide, result.rate)},
	{postgresName, "drain at fan-out 1, deliveries/s of River's with as many workers as raw has", true, 0, 0,
		against(riverSmallName, scenarioDrain, variantNarrow, variantNarrow, result.rate)},
	{postgresName, "drain at the wide fan-out, CPU per delivery of River's with as many workers as raw has", false, 0, 0,
		against(riverSmallName, scenarioDrain, variantWide, variantWide, result.cpuPerThousand)},
	{postgresName, "drain at fan-out 1, CPU per delivery of River's with as many workers as raw has", false, 0, 0,
		against(riverSmallName, scenarioDrain, variantNarrow, variantNarrow, result.cpuPerThousand)},
	{postgresName, "drain at the wide fan-out, deliveries/s of the bare queue's", true, 0, 0,
		against(bareName, scenarioDrain, variantWide, variantWide, result.rate)},
	{postgresName, "drain at fan-out 1, deliveries/s of the bare queue's", true, 0, 0,
		against(bareName, scenarioDrain, variantNarrow, variantNarrow, result.rate)},
	{bareName, "drain at the wide fan-out, deliveries/s of River's", true, 0, 0,
		against(riverName, scenarioDrain, variantWide, variantWide, result.rate)},
	{bareName, "drain at fan-out 1, deliveries/s of River's", true, 0, 0,
		against(riverName, scenarioDrain, variantNarrow, variantNarrow, result.rate)},
	{postgresName, "publish 100 events per call at the wide fan-out, deliveries/s of River's jobs/s at 100 per call", true, 6, 0,
		against(riverName, scenarioBatch, variantWide, variantNarrow, result.rate)},
	{postgresName, "publish 100 events per call at fan-out 1, deliveries/s of River's jobs/s", true, 2, 0,
		against(riverName, scenarioBatch, variantNarrow, variantNarrow, result.rate)},
	{bareName, "publish 100 events per call at the wide fan-out, deliveries/s of River's jobs/s at 100 per call", true, 0, 0,
		against(riverName, scenarioBatch, variantWide, variantNarrow, result.rate)},
	{bareName, "publish 100 events per call at fan-out 1, deliveries/s of River's jobs/s", true, 0, 0,
		against(riverName, scenarioBatch, variantNarrow, variantNarrow, result.rate)},
	{postgresName, "latency from another process, p50 of River's", false, 1.3, 0,
		against(riverName, scenarioRemote, "", "", p50)},
	{postgresName, "latency from another process, p99 of River's", false, 1.5, 0,
		against(riverName, scenarioRemote, "", "", p99)},
	{postgresName, "claim beside much that is pending, p50 of that beside little", false, 1.5, 0,
		besideMuch(variantPending)},
	{postgresName, "claim beside a long history, p50 of that beside a short one", false, 1.5, 0,
		besideMuch(variantHistory)},

	{sqliteName, "drain at the wide fan-out, deliveries/s of raw", true, 0.55, 0.65,
		toRaw(scenarioDrain, variantWide, result.rate)},
	{sqliteName, "drain at fan-out 1, deliveries/s of raw", true, 0.55, 0.65,
		toRaw(scenarioDrain, variantNarrow, result.rate)},
	{sqliteName, "publish at the wide fan-out, deliveries/s of raw", true, 0.4, 0.5,
		toRaw(scenarioPublish, variantWide, result.rate)},
	{sqliteFullName, "drain at the wide fan-out, deliveries/s of raw", true, 0.45, 0.55,
		toRaw(scenarioDrain, variantWide, result.rate)},
	{sqliteFullName, "drain at fan-out 1, deliveries/s of raw", true, 0.45, 0.55,
		toRaw(scenarioDrain, variantNarrow, result.rate)},
	{sqliteName, "claim beside much that is pending, p50 of that beside little", false, 1.5, 0,
		besideMuch(variantPending)},
	{sqliteName, "claim beside a long history, p50 of that beside a short one", false, 1.5, 0,
		besideMuch(variantHistory)},

	{redisName, "drain at the wide fan-out, deliveries/s of asynq's", true, 3.3, 4.5,
		against(asynqName, scenarioDrain, variantWide, variantWide, result.rate)},
	{redisName, "drain at fan-out 1, deliveries/s of asynq's", true, 3.3, 4.5,
		against(asynqName, scenarioDrain, variantNarrow, variantNarrow, result.rate)},
	{redisName, "drain at the wide fan-out, CPU per delivery of asynq's, servers included", false, 0.3, 0.22,
		against(asynqName, scenarioDrain, variantWide, variantWide, result.cpuPerThousand)},
	{redisName, "drain at fan-out 1, CPU per delivery of asynq's, servers included", false, 0.3, 0.22,
		against(asynqName, scenarioDrain, variantNarrow, variantNarrow, result.cpuPerThousand)},
	{redisName, "drain at the wide fan-out, deliveries/s of raw", true, 0.6, 0.75,
		toRaw(scenarioDrain, variantWide, result.rate)},
	{redisName, "drain at fan-out 1, deliveries/s of raw", true, 0.6, 0.75,
		toRaw(scenarioDrain, variantNarrow, result.rate)},
	{redisName, "publish at the wide fan-out, deliveries/s of raw", true, 0.5, 0.6,
		toRaw(scenarioPublish, variantWide, result.rate)},
	{redisName, "latency from another process, p50 of asynq's", false, 0.4, 0,
		against(asynqName, scenarioRemote, "", "", p50)},
	{redisName, "drain at the wide fan-out, deliveries/s of several asynq servers in a process", true, 0, 0,
		against(asynqServersName, scenarioDrain, variantWide, variantWide, result.rate)},
	{redisName, "drain at fan-out 1, deliveries/s of several asynq servers in a process", true, 0, 0,
		against(asynqServersName, scenarioDrain, variantNarrow, variantNarrow, result.rate)},
	{redisName, "drain at the wide fan-out, CPU per delivery of several asynq servers in a process", false, 0, 0,
		against(asynqServersName, scenarioDrain, variantWide, variantWide, result.cpuPerThousand)},
	{redisName, "drain at fan-out 1, CPU per delivery of several asynq servers in a process", false, 0, 0,
		against(asynqServersName, scenarioDrain, variantNarrow, variantNarrow, result.cpuPerThousand)},
	{redisName, "latency from another process, p50 of several asynq servers in a process", false, 0, 0,
		against(asynqServersName, scenarioRemote, "", "", p50)},
	{redisName, "claim, settle and record alone, deliveries/s of the whole pipeline", true, 2, 0, storeToPipeline},
	{redisName, "claim, settle and record alone from a big backlog, deliveries/s of that from a small one", true, 0.8, 0,
		within(scenarioStore, variantBig, variantSmall, result.rate)},
	{redisName, "claim beside much that is pending, p50 of that beside little", false, 1.5, 0,
		besideMuch(variantPending)},
}

// against compares a contender with a rival in a variant of its own, round by
// round.
func against(rival, scenario, variant, rivalVariant string, of func(result) float64) func(results, string) []float64 {
	return func(all results, contender string) []float64 {
		return ratios(all[key{scenario, variant, contender}], all[key{scenario, rivalVariant, rival}], of)
	}
}

// besideMuch compares the two databases of each run.
func besideMuch(variant string) func(results, string) []float64 {
	return func(all results, contender string) []float64 {
		return figures(all[key{scenarioClaim, variant, contender}], claimRatio)
	}
}

// storeToPipeline compares the store alone with everything, round by round.
func storeToPipeline(all results, contender string) []float64 {
	return ratios(all[key{scenarioStore, variantSmall, contender}], all[key{scenarioDrain, variantWide, contender}], result.rate)
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
		v.Held = d.Gate == 0 || d.holds(v.Ratio.Median, d.Gate)
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
