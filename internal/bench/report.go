package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
)

// writeReport prints everything as Markdown.
func writeReport(w io.Writer, cfg config, all results, vs []verdict) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmark\n\n%s, %s/%s, %d CPUs; median of %d rounds (least–most); %d requests in flight, %d of this library on durable stores (%d to one endpoint), %d endpoints, payload of %d bytes\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cfg.Rounds, cfg.InFlight, cfg.StoreInFlight, cfg.StoreToEndpoint, cfg.Endpoints, cfg.Payload)

	throughput(&b, all, scenarioDrain, variantWide, fmt.Sprintf("Drain, fan-out %d", cfg.Endpoints))
	throughput(&b, all, scenarioDrain, variantNarrow, "Drain, fan-out 1")
	throughput(&b, all, scenarioPublish, variantWide, fmt.Sprintf("Publish one event per call while sending, fan-out %d", cfg.Endpoints))
	batches(&b, all)
	latencies(&b, all, scenarioLatency, rawName, fmt.Sprintf("Publish to receipt at %d/s", cfg.Rate))
	latencies(&b, all, scenarioRemote, "", fmt.Sprintf("Publish to receipt at %d/s, published by another process", cfg.Rate))
	backlogs(&b, cfg, all)
	isolations(&b, cfg, all)
	memory(&b, cfg, all)
	stores(&b, cfg, all)
	claims(&b, cfg, all)
	gates(&b, vs)

	_, err := w.Write(b.Bytes())
	return err
}

// table writes a heading and the rows, if there are any.
func table(b *bytes.Buffer, title string, columns []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	line := func(cells []string) {
		for _, c := range cells {
			fmt.Fprintf(b, "| %s ", c)
		}
		b.WriteString("|\n")
	}
	line(columns)
	rule := slices.Repeat([]string{"---:"}, len(columns))
	rule[0] = "---"
	line(rule)
	for _, r := range rows {
		line(r)
	}
}

// cell formats the spread of a series.
func cell(format string, series []float64) string {
	if len(series) == 0 {
		return "–"
	}
	s := spreadOf(series)
	if len(series) == 1 {
		return fmt.Sprintf(format, s.Median)
	}
	return fmt.Sprintf(format+" ("+format+"–"+format+")", s.Median, s.Min, s.Max)
}

func throughput(b *bytes.Buffer, all results, scenario, variant, title string) {
	base := all[key{scenario, variant, rawName}]
	var rows [][]string
	for _, c := range contenderNames() {
		runs := all[key{scenario, variant, c}]
		if len(runs) == 0 {
			continue
		}
		rows = append(rows, []string{
			c,
			cell("%.0f", figures(runs, result.rate)),
			cell("%.2f", ratios(runs, base, result.rate)),
			cell("%.4f", figures(runs, result.cpuPerThousand)),
			cell("%.4f", figures(runs, result.serverPerThousand)),
			cell("%.2f", ratios(runs, base, result.cpuPerThousand)),
			cell("%.0f", figures(runs, result.allocs)),
			cell("%.0f", figures(runs, result.allocBytes)),
		})
	}
	table(b, title, []string{
		"contender", "deliveries/s", "of raw", "CPU s / 1,000", "server's part", "of raw", "allocations each", "bytes allocated each",
	}, rows)
}

func latencies(b *bytes.Buffer, all results, scenario, baseName, title string) {
	base := all[key{scenario, "", baseName}]
	var rows [][]string
	for _, c := range contenderNames() {
		runs := all[key{scenario, "", c}]
		if len(runs) == 0 {
			continue
		}
		row := []string{c, cell("%.0f", figures(runs, p50)), cell("%.0f", figures(runs, p99))}
		if baseName != "" {
			row = append(row, cell("%.2f", ratios(runs, base, p50)), cell("%.2f", ratios(runs, base, p99)))
		}
		rows = append(rows, row)
	}
	columns := []string{"contender", "p50 µs", "p99 µs"}
	if baseName != "" {
		columns = append(columns, "p50 of "+baseName, "p99 of "+baseName)
	}
	table(b, title, columns, rows)
}

func backlogs(b *bytes.Buffer, cfg config, all results) {
	var rows [][]string
	for _, c := range contenderNames() {
		small, big := all[key{scenarioBacklog, variantSmall, c}], all[key{scenarioBacklog, variantBig, c}]
		if len(big) == 0 {
			continue
		}
		rows = append(rows, []string{
			c,
			cell("%.0f", figures(small, result.rate)), cell("%.0f", figures(big, result.rate)),
			cell("%.2f", ratios(big, small, result.rate)), cell("%.2f", ratios(big, small, result.cpuPerThousand)),
		})
	}
	table(b, fmt.Sprintf("Draining a backlog, fan-out %d, window of %v", cfg.Endpoints, cfg.BacklogWindow), []string{
		"contender", fmt.Sprintf("deliveries/s, backlog of %d", cfg.SmallBacklog),
		fmt.Sprintf("of %d", cfg.BigBacklog), "ratio", "ratio of CPU per delivery",
	}, rows)
}

func isolations(b *bytes.Buffer, cfg config, all results) {
	var rows [][]string
	for _, c := range contenderNames() {
		without, with := all[key{scenarioIsolation, variantWithout, c}], all[key{scenarioIsolation, variantWith, c}]
		if len(with) == 0 {
			continue
		}
		for _, r := range []struct {
			name string
			runs []result
		}{{"none hangs", without}, {fmt.Sprintf("%d hang", cfg.Isolation.Hanging), with}} {
			rows = append(rows, []string{
				c, r.name,
				cell("%.0f", figures(r.runs, p50)), cell("%.2f", ratios(r.runs, without, p50)),
				cell("%.0f", figures(r.runs, p99)), cell("%.2f", ratios(r.runs, without, p99)),
			})
		}
	}
	i := cfg.Isolation
	table(b, fmt.Sprintf("Publish to receipt of healthy endpoints at %d/s: %d endpoints, of which %d hang with %d deliveries waiting (attempt timeout %v)",
		i.Rate, i.Endpoints, i.Hanging, i.Backlog, i.AttemptTimeout),
		[]string{"contender", "", "p50 µs", "ratio", "p99 µs", "ratio"}, rows)
}

func memory(b *bytes.Buffer, cfg config, all results) {
	heap := func(r result) float64 { return r.HeapBytes }
	var rows [][]string
	for _, c := range contenderNames() {
		wide, narrow := all[key{scenarioMemory, variantWide, c}], all[key{scenarioMemory, variantNarrow, c}]
		if len(wide) == 0 {
			continue
		}
		rows = append(rows, []string{c, cell("%.0f", figures(wide, heap)), cell("%.0f", figures(narrow, heap))})
	}
	table(b, fmt.Sprintf("Live heap for each of %d pending deliveries, payload included, in bytes", cfg.MemoryDeliveries),
		[]string{"contender", fmt.Sprintf("fan-out %d", cfg.Endpoints), "fan-out 1"}, rows)
}

func gates(b *bytes.Buffer, vs []verdict) {
	var rows [][]string
	for _, v := range vs {
		sign := "≤"
		if v.AtLeast {
			sign = "≥"
		}
		bound := fmt.Sprintf("%s %g", sign, v.Gate)
		if v.Aim != 0 {
			bound += fmt.Sprintf(" (aim %g)", v.Aim)
		}
		word := "**missed**"
		switch {
		case v.Gate == 0:
			bound, word = "", "told"
		case v.AimHeld:
			word = "held"
		case v.Held:
			word = "held, below the aim"
		}
		rows = append(rows, []string{
			v.Contender + ": " + v.What, bound,
			fmt.Sprintf("%.3f (%.3f–%.3f)", v.Ratio.Median, v.Ratio.Min, v.Ratio.Max), word,
		})
	}
	table(b, "Gates", []string{"demand", "gate", "measured", ""}, rows)
}
