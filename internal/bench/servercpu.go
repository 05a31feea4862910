package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTicks is the unit of the times in /proc: USER_HZ, which Linux shows as
// 100 to programs on every architecture that Go knows.
const clockTicks = 100

// treeCPU is the CPU time, user and system, that the processes and all their
// descendants have used, those included that have ended and been waited for. It
// works for a server in a container as well as for one outside.
func treeCPU(roots []int) (time.Duration, error) {
	if len(roots) == 0 {
		return 0, nil
	}
	children, ticks, err := processes()
	if err != nil {
		return 0, err
	}
	var sum int64
	seen := map[int]bool{}
	for queue := append([]int(nil), roots...); len(queue) > 0; queue = queue[1:] {
		pid := queue[0]
		if seen[pid] {
			continue
		}
		seen[pid] = true
		t, ok := ticks[pid]
		if !ok {
			return 0, fmt.Errorf("server process %d is gone", pid)
		}
		sum += t
		queue = append(queue, children[pid]...)
	}
	return time.Duration(sum) * time.Second / clockTicks, nil
}

// processes reads /proc: the children of each process, and the clock ticks that
// each and its ended children have used.
func processes() (children map[int][]int, ticks map[int]int64, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, nil, err
	}
	if len(stats) == 0 {
		return nil, nil, errors.New("the CPU time of servers is read from /proc, which is not there")
	}
	children, ticks = map[int][]int{}, map[int]int64{}
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		pid, parent, used, err := parseStat(text)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		children[parent] = append(children[parent], pid)
		ticks[pid] = used
	}
	return children, ticks, nil
}

// parseStat reads a /proc/PID/stat; see proc_pid_stat(5). The name of the
// program stands in parentheses and may hold anything, parentheses too.
func parseStat(text []byte) (pid, parent int, ticks int64, err error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return 0, 0, 0, fmt.Errorf("no program name in %q", text)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(text[:open]))); err != nil {
		return 0, 0, 0, err
	}
	// The fields after the name, from the third of the manual page on.
	const ppid, utime, cstime = 4 - 3, 14 - 3, 17 - 3
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) <= cstime {
		return 0, 0, 0, fmt.Errorf("%d fields after the name in %q", len(fields), text)
	}
	if parent, err = strconv.Atoi(fields[ppid]); err != nil {
		return 0, 0, 0, err
	}
	for _, f := range fields[utime : cstime+1] { // own and ended children's, user and system
		t, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, 0, 0, err
		}
		ticks += t
	}
	return pid, parent, ticks, nil
}
