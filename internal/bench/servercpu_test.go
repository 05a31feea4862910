package main

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const text = "4711 (a ) b (c) S 42 4711 4711 0 -1 4194304 9 0 0 0 100 20 3 4 20 0 1 0 5 6 7\n"
	pid, parent, ticks, err := parseStat([]byte(text))
	if err != nil || pid != 4711 || parent != 42 || ticks != 127 {
		t.Errorf("pid %d, parent %d, %d ticks, %v", pid, parent, ticks, err)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S 1", "x (x) S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"} {
		if _, _, _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestTreeCPU compares with what getrusage says of this process.
func TestTreeCPU(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc here")
	}
	for start := time.Now(); time.Since(start) < 200*time.Millisecond; {
		runtime.GC()
	}
	own, err := cpuTime()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := treeCPU([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	// Children that ended before count in the tree and not in the other.
	if tree < own-50*time.Millisecond {
		t.Errorf("the tree used %v, this process alone %v", tree, own)
	}
	if _, err := treeCPU([]int{1 << 30}); err == nil {
		t.Error("a process that does not exist was counted")
	}
	if none, err := treeCPU(nil); err != nil || none != 0 {
		t.Errorf("no process used %v, %v", none, err)
	}
}
