package mutation

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// fault is a mistake that somebody could make.
type fault struct {
	name  string
	edits []edit
}

// edit replaces a piece of a file that stands in it once.
type edit struct{ file, old, new string }

// overlay writes the edited files and the list that go test -overlay reads into
// dir, and returns the path of the list. The files are those of the package in
// folder.
func overlay(dir, folder string, edits []edit) (string, error) {
	sources := make(map[string]string)
	for _, e := range edits {
		path := filepath.Join(folder, e.file)
		if _, ok := sources[path]; !ok {
			src, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			sources[path] = string(src)
		}
		if n := strings.Count(sources[path], e.old); n != 1 {
			return "", fmt.Errorf("%s holds this %d times, want once: %s", e.file, n, e.old)
		}
		if e.old == e.new {
			return "", fmt.Errorf("%s: the edit changes nothing: %s", e.file, e.old)
		}
		sources[path] = strings.Replace(sources[path], e.old, e.new, 1)
	}
	var list struct{ Replace map[string]string }
	list.Replace = make(map[string]string)
	for path, src := range sources {
		edited := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(edited, []byte(src), 0o600); err != nil {
			return "", err
		}
		list.Replace[path] = edited
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, text, 0o600)
}
