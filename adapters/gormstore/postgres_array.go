package gormstore

import (
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
