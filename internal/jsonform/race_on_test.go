//go:build race

package jsonform

func raceEnabled() bool { return true }
