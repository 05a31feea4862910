package history

import (
	"os"
	"path/filepath"
	"testing"
)

// A process that is killed while it writes leaves half a line, which is left out;
// one in the midst is an error.
func TestReadLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if records, err := ReadLog(path); err != nil || len(records) != 0 {
		t.Errorf("a process that never began: %d records, %v", len(records), err)
	}
	l, err := OpenLog(path, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	l.Write(Record{Kind: Started, Process: "p"})
	l.Write(Record{Kind: Calling, Process: "p", Call: 1, Op: OpDue})
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		want       int
		fails      bool
	}{
		{"whole", string(whole), 2, false},
		{"torn", string(whole[:len(whole)-3]), 1, false},
		{"empty", "", 0, false},
		{"broken in the midst", "{\n" + string(whole), 0, true},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		records, err := ReadLog(path)
		if len(records) != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %d records, %v", c.name, len(records), err)
		}
	}
}
