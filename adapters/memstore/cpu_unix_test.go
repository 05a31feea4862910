//go:build unix

package memstore_test

import (
	"syscall"
	"time"
)

// cpuTime is the CPU time of the process so far, the collector's included. It
// does not depend on what else the machine does, as elapsed time would.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
