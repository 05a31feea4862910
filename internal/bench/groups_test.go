package main

import (
	"slices"
	"testing"
	"time"
)

// TestGroupsMeasureTheDemands makes up a result for every series of a group, and
// looks which demands can be judged by it: all of them by all the groups, and
// each by a group of its own.
func TestGroupsMeasureTheDemands(t *testing.T) {
	judgedBy := map[string][]string{}
	for _, name := range groupNames() {
		cfg := defaults()
		cfg.Group = name
		p, err := planOf(cfg)
		if err != nil {
			t.Fatal(err)
		}
		all := results{}
		for _, one := range p {
			for _, k := range one.series {
				if len(all[k]) > 0 {
					t.Errorf("group %s: %v stands in it twice", name, k)
				}
				all[k] = []result{{
					Deliveries: 1, Usage: usage{Elapsed: 1, CPU: 1},
					Latency: latency{P50: time.Second, P99: time.Second}, Base: latency{P50: time.Second},
				}}
			}
		}
		for _, v := range judge(all) {
			if v.Ratio.Median != 1 {
				t.Errorf("group %s: %s: %s: equal figures make a ratio of %v", name, v.Contender, v.What, v.Ratio.Median)
			}
			judgedBy[v.Contender+": "+v.What] = append(judgedBy[v.Contender+": "+v.What], name)
		}
	}
	for _, d := range demands {
		by := judgedBy[d.Contender+": "+d.What]
		if len(by) != 2 || !slices.Contains(by, allGroup) {
			t.Errorf("%s: %s: judged by the groups %v", d.Contender, d.What, by)
		}
	}
}

func TestPlanIsNarrowed(t *testing.T) {
	cfg := defaults()
	cfg.Group, cfg.Scenarios = postgresGroup, []string{scenarioDrain}
	cfg.Contenders = []string{rawName, riverName}
	p, err := planOf(cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := []key{
		{scenarioDrain, variantWide, rawName}, {scenarioDrain, variantWide, riverName},
		{scenarioDrain, variantNarrow, rawName}, {scenarioDrain, variantNarrow, riverName},
	}
	if len(p) != 1 || !slices.Equal(p[0].series, want) {
		t.Errorf("planned %+v", p)
	}

	cfg.Scenarios, cfg.Contenders = []string{scenarioRemote}, []string{rawName, asynqName}
	if p, err = planOf(cfg); err != nil || len(p) != 1 || len(p[0].series) != 1 {
		t.Errorf("planned %+v, %v: the base has nothing to publish to", p, err)
	}
}
