package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// usage is what the process, and the database server that it used, spent on
// something.
type usage struct {
	Elapsed time.Duration
	// CPU is user and system time of this process and no other.
	CPU time.Duration
	// ServerCPU is that of the database server, if there is one.
	ServerCPU  time.Duration
	Mallocs    uint64
	AllocBytes uint64
}

// add adds o to u.
func (u *usage) add(o usage) {
	u.Elapsed += o.Elapsed
	u.CPU += o.CPU
	u.ServerCPU += o.ServerCPU
	u.Mallocs += o.Mallocs
	u.AllocBytes += o.AllocBytes
}

// meter measures usage from its making on.
type meter struct {
	server    []int // its processes
	start     time.Time
	cpu       time.Duration
	serverCPU time.Duration
	mem       runtime.MemStats
}

// startMeter begins on a collected heap, so that nobody pays for the garbage
// of the preparation.
func startMeter(server []int) (*meter, error) {
	runtime.GC()
	m := &meter{server: server}
	runtime.ReadMemStats(&m.mem)
	var err error
	if m.serverCPU, err = treeCPU(server); err != nil {
		return nil, err
	}
	if m.cpu, err = cpuTime(); err != nil {
		return nil, err
	}
	m.start = time.Now()
	return m, nil
}

func (m *meter) stop() (usage, error) {
	u := usage{Elapsed: time.Since(m.start)}
	cpu, err := cpuTime()
	if err != nil {
		return u, err
	}
	serverCPU, err := treeCPU(m.server)
	if err != nil {
		return u, err
	}
	u.ServerCPU = serverCPU - m.serverCPU
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	u.CPU = cpu - m.cpu
	u.Mallocs = mem.Mallocs - m.mem.Mallocs
	u.AllocBytes = mem.TotalAlloc - m.mem.TotalAlloc
	return u, nil
}

// cpuTime is the CPU time that the process has used.
func cpuTime() (time.Duration, error) {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano()), nil
}

// liveHeap is the size of what is reachable.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // the first may leave what finalizers and sync.Pools held
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return mem.HeapAlloc
}
