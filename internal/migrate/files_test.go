package migrate

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestRead(t *testing.T) {
	got, err := Read(fstest.MapFS{
		"0002_more.sql": {Data: []byte("-- compatible: 1\nALTER TABLE {a}\n  ADD b text;\nUPDATE {a} SET b = 'x; y'")},
		"0001_init.sql": {Data: []byte("-- compatible: 1\n-- About {a}; and why?\n\nCREATE TABLE {a} (\n  -- the key\n  id int\n);\nCREATE INDEX {i} ON {a} (id);\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Number != 1 || got[0].Name != "init" || got[1].Number != 2 || got[1].Compatible != 1 {
		t.Fatalf("versions: %+v", got)
	}
	want := []string{"CREATE TABLE {a} (\n  id int\n)", "CREATE INDEX {i} ON {a} (id)"}
	if !slices.Equal(got[0].Statements, want) {
		t.Errorf("statements %q, want %q", got[0].Statements, want)
	}
	want = []string{"ALTER TABLE {a}\n  ADD b text", "UPDATE {a} SET b = 'x; y'"}
	if !slices.Equal(got[1].Statements, want) {
		t.Errorf("statements %q, want %q", got[1].Statements, want)
	}
}

func TestReadRefuses(t *testing.T) {
	const fine = "-- compatible: 1\nSELECT 1;\n"
	for _, tt := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{"init.sql": fine}, "named like"},
		{map[string]string{"0002_b.sql": fine}, "0001 is missing"},
		{map[string]string{"0001_a.sql": fine, "0001_b.sql": fine}, "0002 is missing"},
		{map[string]string{"0001_a.sql": "SELECT 1;\n"}, "compatible: N"},
		{map[string]string{"0001_a.sql": "-- compatible: 2\nSELECT 1;\n"}, "from 1 to the number"},
		{map[string]string{"0001_a.sql": fine, "0002_b.sql": "-- compatible: 2\n", "0003_c.sql": fine}, "not below"},
	} {
		files := make(fstest.MapFS)
		for name, text := range tt.files {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if _, err := Read(files); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: error %v, want one with %q", tt.files, err, tt.want)
		}
	}
}
