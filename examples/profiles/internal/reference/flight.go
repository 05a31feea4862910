package reference

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Flight returns the code blocks of a page that was found as the data of its
// React server component. Such data is a list of rows, "<id>:<value>": JSON, or
// text whose length is given ("T<hex>,"), or a component of the client
// ("I[…, name]"). JSON refers to other rows by strings such as "$L1f"; a string
// that itself begins with "$" has it doubled. Code blocks are the elements of
// the component named Pre.
func Flight(page string) ([]Block, error) {
	f := flight{values: map[string]any{}, names: map[string]string{}}
	for rest := page; rest != ""; {
		var err error
		if rest, err = f.row(rest); err != nil {
			return nil, err
		}
	}
	if f.values["0"] == nil {
		return nil, errors.New("there is no row 0")
	}
	f.walk(f.values["0"])
	return f.blocks, nil
}

type flight struct {
	values map[string]any
	// names are those of the client's components.
	names  map[string]string
	blocks []Block
}

// row takes one row off the data.
func (f *flight) row(data string) (rest string, err error) {
	id, rest, ok := strings.Cut(data, ":")
	if !ok {
		return "", fmt.Errorf("a row begins with %.20q", data)
	}
	if text, ok := strings.CutPrefix(rest, "T"); ok {
		hex, text, _ := strings.Cut(text, ",")
		n, err := strconv.ParseUint(hex, 16, 31)
		if err != nil || int(n) > len(text) {
			return "", fmt.Errorf("row %s: length %.10q", id, hex)
		}
		f.values[id] = text[:n]
		return text[n:], nil
	}
	line, rest, _ := strings.Cut(rest, "\n")
	body := strings.TrimLeft(line, "HIL")
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		return "", fmt.Errorf("row %s: %w", id, err)
	}
	switch kind := line[:len(line)-len(body)]; kind {
	case "":
		f.values[id] = v
	case "I":
		if parts, ok := v.([]any); ok && len(parts) > 0 {
			f.names[id], _ = parts[len(parts)-1].(string)
		}
	case "HL": // a hint to load something
	default:
		return "", fmt.Errorf("row %s is of the unknown kind %q", id, kind)
	}
	return rest, nil
}

var reference = regexp.MustCompile(`^\$(L?)([0-9a-f]+)$`)

// walk visits what is rendered, in the order of the page.
func (f *flight) walk(v any) {
	switch v := v.(type) {
	case string:
		if m := reference.FindStringSubmatch(v); m != nil {
			f.walk(f.take(m[2]))
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			f.walk(v[key])
		}
	case []any:
		if len(v) == 4 && v[0] == "$" {
			f.element(v)
			return
		}
		for _, item := range v {
			f.walk(item)
		}
	}
}

// take returns a row's value, once: nothing on a page is shown twice.
func (f *flight) take(id string) any {
	v := f.values[id]
	delete(f.values, id)
	return v
}

// element visits ["$", type, key, properties].
func (f *flight) element(v []any) {
	properties, ok := v[3].(map[string]any)
	if !ok {
		return
	}
	component, _ := v[1].(string)
	if f.names[strings.TrimPrefix(component, "$L")] != "Pre" {
		f.walk(properties["children"])
		return
	}
	text := func(name string) string {
		s, _ := properties[name].(string)
		if strings.HasPrefix(s, "$$") {
			s = s[1:]
		}
		return s
	}
	f.blocks = append(f.blocks, Block{Language: text("language"), Title: text("title"), Code: text("code")})
}
