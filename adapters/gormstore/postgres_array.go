package gormstore

import (
	"errors"
	"strconv"
	"strings"
)

// Arrays are passed as their text, which every driver can send, in whichever
// mode it runs; long values as parts of one binary parameter.

// array builds the text of an array, as section 8.15.2 of the manual has it.
type array struct{ b []byte }

// room makes room for so many elements of a length.
func (a *array) room(elements, length int) {
	if a.b == nil {
		a.b = make([]byte, 0, elements*(length+1)+1)
	}
}

func (a *array) next() {
	if len(a.b) == 0 {
		a.b = append(a.b, '{')
	} else {
		a.b = append(a.b, ',')
	}
}

func (a *array) int(n int64) {
	a.next()
	a.b = strconv.AppendInt(a.b, n, 10)
}

func (a *array) null() {
	a.next()
	a.b = append(a.b, "NULL"...)
}

// micros adds a time of [nullTime].
func (a *array) micros(t any) {
	if n, ok := t.(int64); ok {
		a.int(n)
		return
	}
	a.null()
}

func (a *array) bool(v bool) {
	a.next()
	if v {
		a.b = append(a.b, 't')
		return
	}
	a.b = append(a.b, 'f')
}

func (a *array) text(s string) {
	a.next()
	a.b = append(a.b, '"')
	for {
		i := strings.IndexAny(s, `"\`)
		if i < 0 {
			break
		}
		a.b = append(a.b, s[:i]...)
		a.b = append(a.b, '\\', s[i])
		s = s[i+1:]
	}
	a.b = append(append(a.b, s...), '"')
}

func (a *array) String() string {
	if len(a.b) == 0 {
		return "{}"
	}
	return string(append(a.b, '}'))
}

// pieces puts many byte strings into one parameter. The statement cuts them out
// with substring(blob from at for length); a length of NULL is NULL.
type pieces struct {
	blob    []byte
	at, len array
}

func (p *pieces) bytes(b []byte, null bool) {
	p.at.int(int64(len(p.blob) + 1))
	if null {
		p.len.int(-1)
		return
	}
	p.len.int(int64(len(b)))
	p.blob = append(p.blob, b...)
}

// room makes room for so many pieces of a length.
func (p *pieces) room(pieces, length int) {
	p.blob = make([]byte, 0, pieces*length)
	p.at.room(pieces, 7)
	p.len.room(pieces, 4)
}

// parameter is the blob; nil would be NULL.
func (p *pieces) parameter() []byte {
	if p.blob == nil {
		return []byte{}
	}
	return p.blob
}

// errBadArray tells that the database's text of an array is none.
var errBadArray = errors.New("an array that is none")

// arrayReader reads the text of an array, element by element; failed says that
// it is not one, or has come to its end.
type arrayReader struct {
	rest   string
	failed bool
}

// more tells whether there is another element.
func (r *arrayReader) more() bool {
	if r.rest == "{}" || r.rest == "}" {
		return false
	}
	r.failed = r.failed || r.rest == ""
	return !r.failed
}

// next returns the text of the next element, and whether that was in quotes.
func (r *arrayReader) next() (text string, quoted bool) {
	if len(r.rest) < 2 || r.rest[0] != '{' && r.rest[0] != ',' {
		r.failed = true
		return "", false
	}
	r.rest = r.rest[1:]
	if r.rest[0] == '"' {
		return r.quoted(), true
	}
	end := strings.IndexAny(r.rest, ",}")
	if end < 0 {
		r.failed = true
		return "", false
	}
	text, r.rest = r.rest[:end], r.rest[end:]
	return text, false
}

// quoted reads an element in quotes, within which a backslash precedes quotes and
// backslashes.
func (r *arrayReader) quoted() string {
	var b strings.Builder
	for i := 1; i < len(r.rest); i++ {
		switch r.rest[i] {
		case '"':
			r.rest = r.rest[i+1:]
			return b.String()
		case '\\':
			i++
			if i == len(r.rest) {
				break
			}
			fallthrough
		default:
			b.WriteByte(r.rest[i])
		}
	}
	r.failed = true
	return ""
}

func (r *arrayReader) int() int64 {
	text, _ := r.next()
	n, err := strconv.ParseInt(text, 10, 64)
	r.failed = r.failed || err != nil
	return n
}

// text returns "" for NULL.
func (r *arrayReader) text() string {
	text, quoted := r.next()
	if !quoted && text == "NULL" {
		return ""
	}
	return text
}
