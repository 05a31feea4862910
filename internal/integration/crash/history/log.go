package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Sink takes the records of a process. Write returns when the record is out of
// the process's hands.
type Sink interface{ Write(Record) }

// Log is a Sink that appends to a file.
type Log struct {
	fail func(error)
	mu   sync.Mutex
	file *os.File
}

// OpenLog opens the log of a process for appending. A log that cannot be written
// proves nothing: fail is then called, and should end the process.
func OpenLog(path string, fail func(error)) (*Log, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &Log{fail: fail, file: f}, nil
}

// Write appends the record by one write(2): it then outlives the process.
func (l *Log) Write(r Record) {
	line, err := json.Marshal(r)
	if err == nil {
		l.mu.Lock()
		_, err = l.file.Write(append(line, '\n'))
		l.mu.Unlock()
	}
	if err != nil {
		l.fail(err)
	}
}

// ReadLog returns the records of a log. A last line that is not whole was being
// written when the process was killed, and is left out.
func ReadLog(path string) ([]Record, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // killed before it began
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var records []Record
	lines := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		var r Record
		if err := json.Unmarshal(bytes.TrimSpace(line), &r); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		records = append(records, r)
	}
}

// Memory is a Sink that keeps the records, for processes that are played in one.
type Memory struct {
	mu      sync.Mutex
	records []Record
}

// Write keeps the record.
func (m *Memory) Write(r Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, r)
}

// Records returns what was written.
func (m *Memory) Records() []Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Record(nil), m.records...)
}
