package main

import (
	"bytes"
	"fmt"
)

// batches reports publishing alone.
func batches(b *bytes.Buffer, all results) {
	var rows [][]string
	for _, c := range contenderNames() {
		wide, narrow := all[key{scenarioBatch, variantWide, c}], all[key{scenarioBatch, variantNarrow, c}]
		if len(wide)+len(narrow) == 0 {
			continue
		}
		rows = append(rows, []string{
			c,
			cell("%.0f", figures(wide, result.rate)), cell("%.4f", figures(wide, result.cpuPerThousand)),
			cell("%.0f", figures(narrow, result.rate)), cell("%.4f", figures(narrow, result.cpuPerThousand)),
		})
	}
	table(b, fmt.Sprintf("Publish in batches of %d events, nothing being sent", fillBatch), []string{
		"contender", "deliveries/s, wide fan-out", "CPU s / 1,000", "deliveries/s, fan-out 1", "CPU s / 1,000",
	}, rows)
}

// stores reports what the stores do without an engine.
func stores(b *bytes.Buffer, cfg config, all results) {
	one := all[key{scenarioStore, variantSmall, redisName}]
	var rows [][]string
	for _, c := range contenderNames() {
		small, big := all[key{scenarioStore, variantSmall, c}], all[key{scenarioStore, variantBig, c}]
		if len(small)+len(big) == 0 {
			continue
		}
		row := []string{
			c,
			cell("%.0f", figures(small, result.rate)), cell("%.4f", figures(small, result.cpuPerThousand)),
			cell("%.4f", figures(small, result.serverPerThousand)),
			cell("%.0f", figures(big, result.rate)), cell("%.2f", ratios(big, small, result.rate)), "",
		}
		if c == redisClusterName {
			row[len(row)-1] = cell("%.2f", ratios(small, one, result.rate))
		}
		rows = append(rows, row)
	}
	table(b, fmt.Sprintf("Claim, settle and record an attempt, nothing sent, %d at once in batches of %d", storeClaimers, storeBatch), []string{
		"contender", fmt.Sprintf("deliveries/s, backlog of %d", cfg.SmallBacklog), "CPU s / 1,000", "server's part",
		fmt.Sprintf("of %d", cfg.BigBacklog), "ratio", "of one master",
	}, rows)
}

// claims reports the claims beside what may not be taken.
func claims(b *bytes.Buffer, cfg config, all results) {
	base50 := func(r result) float64 { return float64(r.Base.P50.Nanoseconds()) / 1000 }
	base99 := func(r result) float64 { return float64(r.Base.P99.Nanoseconds()) / 1000 }
	var rows [][]string
	for _, v := range []struct {
		variant, what string
		big           int
	}{
		{variantPending, "pending for other endpoints", cfg.Claim.BigPending},
		{variantHistory, "delivered", cfg.Claim.BigHistory},
	} {
		for _, c := range contenderNames() {
			runs := all[key{scenarioClaim, v.variant, c}]
			if len(runs) == 0 {
				continue
			}
			rows = append(rows, []string{
				c, fmt.Sprintf("%d → %d %s", cfg.Claim.Small, v.big, v.what),
				cell("%.0f", figures(runs, base50)), cell("%.0f", figures(runs, p50)), cell("%.2f", figures(runs, claimRatio)),
				cell("%.0f", figures(runs, base99)), cell("%.0f", figures(runs, p99)),
			})
		}
	}
	table(b, fmt.Sprintf("Claims beside what may not be taken, %d deliveries each", storeBatch),
		[]string{"contender", "", "p50 µs", "p50 µs", "ratio", "p99 µs", "p99 µs"}, rows)
}
