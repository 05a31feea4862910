package gormstore

import (
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// scripts is a file system of one folder, made of names and texts.
type scripts map[string]string

// Open implements [fs.FS].
func (s scripts) Open(name string) (fs.File, error) {
	if name == "." {
		return &scriptFolder{files: s, names: slices.Sorted(maps.Keys(s))}, nil
	}
	text, ok := s[name]
	if !ok || !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return scriptFile{strings.NewReader(text), scriptInfo{name, int64(len(text))}}, nil
}

// scriptFile is an open script.
type scriptFile struct {
	*strings.Reader
	info scriptInfo
}

func (f scriptFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f scriptFile) Close() error               { return nil }

// scriptFolder is the open folder; names are those not read yet.
type scriptFolder struct {
	files scripts
	names []string
}

func (*scriptFolder) Stat() (fs.FileInfo, error) { return scriptInfo{name: "."}, nil }
func (*scriptFolder) Close() error               { return nil }

func (*scriptFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: ".", Err: fs.ErrInvalid}
}

// ReadDir implements [fs.ReadDirFile].
func (f *scriptFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(f.names) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(f.names) {
		n = len(f.names)
	}
	entries := make([]fs.DirEntry, n)
	for i, name := range f.names[:n] {
		entries[i] = fs.FileInfoToDirEntry(scriptInfo{name, int64(len(f.files[name]))})
	}
	f.names = f.names[n:]
	return entries, nil
}

// scriptInfo describes a script, or the folder ".".
type scriptInfo struct {
	name string
	size int64
}

func (i scriptInfo) Name() string     { return i.name }
func (i scriptInfo) Size() int64      { return i.size }
func (scriptInfo) ModTime() time.Time { return time.Time{} }
func (i scriptInfo) IsDir() bool      { return i.name == "." }
func (scriptInfo) Sys() any           { return nil }

func (i scriptInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
