package wire

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Request is one HTTP/1.1 request with a Content-Length.
type Request struct {
	// Line is "POST /path HTTP/1.1".
	Line string
	// Fields are the header lines, spelled and ordered as they were sent.
	Fields []Field
	Body   []byte
}

// Field is a header line.
type Field struct{ Name, Value string }

// cut takes the first request off a stream.
func cut(stream []byte) (Request, []byte, error) {
	head, rest, ok := bytes.Cut(stream, []byte("\r\n\r\n"))
	if !ok {
		return Request{}, nil, fmt.Errorf("a request without an end of its header: %.80q", stream)
	}
	lines := strings.Split(string(head), "\r\n")
	r := Request{Line: lines[0]}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		r.Fields = append(r.Fields, Field{name, value})
	}
	length, err := strconv.Atoi(r.Get("Content-Length"))
	if err != nil || length > len(rest) {
		return Request{}, nil, fmt.Errorf("a request of %q bytes has %d", r.Get("Content-Length"), len(rest))
	}
	r.Body = rest[:length:length]
	return r, rest[length:], nil
}

// Get returns the value of the field that is spelled exactly so, "" if there is
// none.
func (r Request) Get(name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// Send sends the request to addr as it is, and returns status and body of the
// answer.
func (r Request) Send(ctx context.Context, addr string) (status int, body string, err error) {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, "", err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	var b bytes.Buffer
	b.WriteString(r.Line + "\r\n")
	for _, f := range r.Fields {
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(r.Body)
	if _, err := c.Write(b.Bytes()); err != nil {
		return 0, "", err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	return res.StatusCode, string(answer), err
}

// Tampered returns the request with text put where its body first has was, which
// must be as long. The signature stays.
func (r Request) Tampered(was, text string) (Request, error) {
	if len(was) != len(text) || was == text || !bytes.Contains(r.Body, []byte(was)) {
		return Request{}, fmt.Errorf("a body cannot be tampered with by %q for %q", text, was)
	}
	r.Body = bytes.Replace(r.Body, []byte(was), []byte(text), 1)
	return r, nil
}

// Forged returns the request with the last digit of every hexadecimal signature
// changed. The body stays.
func (r Request) Forged() Request {
	r.Fields = slices.Clone(r.Fields)
	for i, f := range r.Fields {
		if strings.HasSuffix(strings.ToLower(f.Name), "-signature") && f.Value != "" {
			digit := byte('0')
			if f.Value[len(f.Value)-1] == '0' {
				digit = '1'
			}
			r.Fields[i].Value = f.Value[:len(f.Value)-1] + string(digit)
		}
	}
	return r
}
