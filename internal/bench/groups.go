package main

import (
	"fmt"
	"slices"
)

// step is a scenario for some contenders.
type step struct {
	scenario string
	// variants are all that the scenario has if nil.
	variants   []string
	contenders []string
}

// group is what is measured together, in a few minutes: on one kind of store, or
// what takes long to prepare.
type group struct {
	name  string
	steps []step
}

// The groups.
const (
	memoryGroup   = "memory"
	postgresGroup = "postgres"
	sqliteGroup   = "sqlite"
	mysqlGroup    = "mysql"
	redisGroup    = "redis"
	claimGroup    = "claim"
	allGroup      = "all"
)

var groups = []group{
	{memoryGroup, []step{
		{scenarioDrain, nil, []string{rawName, memoryName}},
		{scenarioPublish, nil, []string{rawName, memoryName}},
		{scenarioLatency, nil, []string{rawName, memoryName}},
		{scenarioBacklog, nil, []string{memoryName}},
		{scenarioIsolation, nil, []string{memoryName}},
		{scenarioMemory, nil, []string{memoryName}},
	}},
	{postgresGroup, []step{
		{scenarioDrain, nil, []string{rawName, postgresName, riverName, riverSmallName, bareName}},
		{scenarioPublish, nil, []string{rawName, postgresName}},
		{scenarioBatch, nil, []string{postgresName, riverName, bareName}},
		{scenarioRemote, nil, []string{postgresName, riverName}},
	}},
	{sqliteGroup, []step{
		{scenarioDrain, nil, []string{rawName, sqliteName, sqliteFullName}},
		{scenarioPublish, nil, []string{rawName, sqliteName, sqliteFullName}},
	}},
	{mysqlGroup, []step{
		{scenarioDrain, nil, []string{rawName, mysqlName, mariadbName}},
		{scenarioPublish, nil, []string{rawName, mysqlName, mariadbName}},
		{scenarioClaim, []string{variantPending}, []string{mysqlName, mariadbName}},
	}},
	{redisGroup, []step{
		{scenarioDrain, nil, []string{rawName, redisName, asynqName, asynqServersName}},
		{scenarioPublish, nil, []string{rawName, redisName}},
		{scenarioRemote, nil, []string{redisName, asynqName, asynqServersName}},
		{scenarioStore, []string{variantSmall}, []string{redisName, redisClusterName}},
		{scenarioStore, []string{variantBig}, []string{redisName}},
	}},
	{claimGroup, []step{
		{scenarioClaim, nil, []string{postgresName, sqliteName}},
		{scenarioClaim, []string{variantPending}, []string{redisName}},
	}},
}

func groupNames() []string {
	var names []string
	for _, g := range groups {
		names = append(names, g.name)
	}
	return append(names, allGroup)
}

// plan is what to run, in this order: for each scenario the series of which each
// round has one run.
type plan []planned

type planned struct {
	scenario scenario
	series   []key
}

// planOf makes the plan: that of the group, unless scenarios or contenders were
// named, which then are run as far as they go together.
func planOf(cfg config) (plan, error) {
	var steps []step
	for _, g := range groups {
		if g.name == cfg.Group || cfg.Group == allGroup {
			steps = append(steps, g.steps...)
		}
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("unknown group %q", cfg.Group)
	}
	if cfg.Contenders != nil {
		steps = slices.Clone(steps)
		for i := range steps {
			steps[i].contenders = cfg.Contenders
		}
		if cfg.Scenarios != nil {
			steps = nil // the choice of scenarios is not the group's either
			for _, name := range cfg.Scenarios {
				steps = append(steps, step{name, nil, cfg.Contenders})
			}
		}
	}
	var p plan
	for _, s := range scenarios {
		one := planned{scenario: s}
		for _, variant := range s.variants {
			for _, st := range steps {
				if st.scenario == s.name && (st.variants == nil || slices.Contains(st.variants, variant)) && chosen(cfg.Scenarios, s.name) {
					if err := one.add(variant, st.contenders); err != nil {
						return nil, err
					}
				}
			}
		}
		if len(one.series) > 0 {
			p = append(p, one)
		}
	}
	return p, nil
}

// chosen tells whether the name is among those that were chosen, all if nil.
func chosen(names []string, name string) bool { return names == nil || slices.Contains(names, name) }

// add adds the contenders that the scenario takes, each once.
func (p *planned) add(variant string, contenders []string) error {
	for _, name := range contenders {
		e, err := findEntrant(name)
		if err != nil {
			return err
		}
		k := key{p.scenario.name, variant, name}
		if p.scenario.takes(e) && !slices.Contains(p.series, k) {
			p.series = append(p.series, k)
		}
	}
	return nil
}
