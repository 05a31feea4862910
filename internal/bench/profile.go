package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
)

// startProfiles begins the wanted profiles of a run, whose files are named
// after it. The returned function ends them.
func startProfiles(p profiles, name string) (stop func() error, err error) {
	name = strings.ReplaceAll(name, "/", "-")
	var ends []func() error
	stop = func() error {
		var errs []error
		for _, end := range ends {
			errs = append(errs, end())
		}
		return errors.Join(errs...)
	}
	// begin opens the file of one kind of profile and starts it; on an error,
	// those that run already are ended.
	begin := func(dir, ext string, start func(*os.File) error, end func(*os.File) error) {
		if dir == "" || err != nil {
			return
		}
		var f *os.File
		if f, err = createFile(dir, name+ext); err != nil {
			return
		}
		if err = start(f); err != nil {
			_ = f.Close()
			return
		}
		ends = append(ends, func() error { return errors.Join(end(f), f.Close()) })
	}
	begin(p.CPU, ".cpu.pprof",
		func(f *os.File) error { return pprof.StartCPUProfile(f) },
		func(*os.File) error { pprof.StopCPUProfile(); return nil })
	begin(p.Trace, ".trace",
		func(f *os.File) error { return trace.Start(f) },
		func(*os.File) error { trace.Stop(); return nil })
	begin(p.Memory, ".allocs.pprof",
		func(*os.File) error { return nil },
		func(f *os.File) error { runtime.GC(); return pprof.Lookup("allocs").WriteTo(f, 0) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("profile: %w", err), stop())
	}
	return stop, nil
}

func createFile(dir, name string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.Create(filepath.Join(dir, name))
}
