package egress

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"io"
	"net"
	"strings"
	"testing"
	"unicode/utf8"
)

// Receivers that do everything but answer properly. Each gets a whole request
// first, unless the case says otherwise; each must be left within the deadline,
// with its connection closed (serveRaw checks that), and with a class and a text
// that can be stored.
func TestDoHostileReceivers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	send := func(text string) func(*rawServer, net.Conn) {
		return func(_ *rawServer, c net.Conn) {
			io.WriteString(c, text)
		}
	}
	sendAndStay := func(text string) func(*rawServer, net.Conn) {
		return func(_ *rawServer, c net.Conn) {
			io.WriteString(c, text)
			untilClosed(c)
		}
	}
	flood := func(prefix, repeated string) func(*rawServer, net.Conn) {
		repeated = strings.Repeat(repeated, 100)
		return func(_ *rawServer, c net.Conn) {
			_, err := io.WriteString(c, prefix)
			for err == nil {
				_, err = io.WriteString(c, repeated)
			}
		}
	}
	reset := func(prefix string) func(*rawServer, net.Conn) {
		return func(_ *rawServer, c net.Conn) {
			io.WriteString(c, prefix)
			_ = c.(*net.TCPConn).SetLinger(0) // closing sends RST
		}
	}
	tests := []struct {
		name   string
		answer func(*rawServer, net.Conn)
		status int
		class  Class
		text   string // part of the error
	}{
		{"no answer", sendAndStay(""), 0, ClassTimeout, "no response within 300ms"},
		{"header dripped", func(s *rawServer, c net.Conn) {
			io.WriteString(c, ok)
			s.drip(c, "X-A: b\r\n")
		}, 0, ClassTimeout, "response header not complete within 300ms"},
		{"body dripped", func(s *rawServer, c net.Conn) {
			io.WriteString(c, ok+"Content-Length: 1000000\r\n\r\n")
			s.drip(c, "x")
		}, 200, ClassTimeout, "response body not complete within 300ms"},
		{"body never comes", sendAndStay(ok + "Content-Length: 10\r\n\r\n"), 200, ClassTimeout, "response body not complete"},
		{"chunk size never ends", func(s *rawServer, c net.Conn) {
			io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\n")
			s.drip(c, "0")
		}, 200, ClassTimeout, "response body not complete"},

		{"endless header", flood(ok, "X-A: b\r\n"), 0, ClassHeaderTooLarge, "exceeded 65536 bytes"},
		{"endless header line", flood(ok+"X-A: ", "bbbbbbbbbb"), 0, ClassHeaderTooLarge, "exceeded 65536 bytes"},
		{"endless status line", flood("HTTP/1.1 200 ", "OKOKOKOKOK"), 0, ClassHeaderTooLarge, "exceeded 65536 bytes"},
		{"endless 100 Continue", flood("", "HTTP/1.1 100 Continue\r\n\r\n"), 0, ClassHeaderTooLarge, "exceeded 65536 bytes"},
		{"endless early hints", flood("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), 0, ClassHeaderTooLarge, "exceeded 65536 bytes"},

		{"garbage", sendAndStay("\x00\x01\x1b[2J\xff\xfe garbage\r\n\r\n"), 0, ClassProtocol, "malformed HTTP status code"},
		{"another protocol", sendAndStay("SSH-2.0-OpenSSH_9.6\r\n"), 0, ClassProtocol, "malformed HTTP response"},
		{"line without colon", sendAndStay(ok + "no colon\x07\r\n\r\n"), 0, ClassProtocol, "malformed MIME header"},
		{"two lengths", sendAndStay(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"), 0, ClassProtocol, "Content-Length"},
		{"negative length", sendAndStay(ok + "Content-Length: -1\r\n\r\n"), 0, ClassProtocol, "Content-Length"},
		{"unknown transfer coding", sendAndStay(ok + "Transfer-Encoding: gzip\r\n\r\n"), 0, ClassProtocol, "transfer encoding"},
		{"status 000", sendAndStay("HTTP/1.1 000 Nothing\r\n\r\n"), 0, ClassProtocol, "unexpected status 000"},
		{"unasked 101", sendAndStay("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), 0, ClassProtocol, "unexpected status 101"},
		{"HTTP/2 without asking", sendAndStay("\x00\x00\x00\x04\x00\x00\x00\x00\x00\r\n"), 0, ClassProtocol, "malformed HTTP response"},

		{"closes", send(""), 0, ClassReset, "EOF"},
		{"resets", reset(""), 0, ClassReset, "connection reset"},
		{"closes in the header", send(ok + "X-A: "), 0, ClassReset, "EOF"},
		{"closes after 100 Continue", send("HTTP/1.1 100 Continue\r\n\r\n"), 0, ClassReset, "EOF"},
		{"closes in the body", send(ok + "Content-Length: 10\r\n\r\npart"), 200, ClassBody, "unexpected EOF"},
		{"closes in a chunk", send(ok + "Transfer-Encoding: chunked\r\n\r\na\r\npart"), 200, ClassBody, "unexpected EOF"},
		{"malformed chunk", sendAndStay(ok + "Transfer-Encoding: chunked\r\n\r\n4\r\npartzz\r\n"), 200, ClassBody, "malformed chunked encoding"},
		{"chunk extensions only", flood(ok+"Transfer-Encoding: chunked\r\n\r\n", "1;"+strings.Repeat("e", 500)+"\r\nx\r\n"), 200, ClassBody, "too much non-data"},

		{"endless body", flood(ok+"\r\n", strings.Repeat("y", 100)), 200, ClassNone, ""},
		{"endless chunks", flood(ok+"Transfer-Encoding: chunked\r\n\r\n", "a\r\nyyyyyyyyyy\r\n"), 200, ClassNone, ""},
		{"a terabyte announced", flood(ok+"Content-Length: 1099511627776\r\n\r\n", strings.Repeat("y", 100)), 200, ClassNone, ""},
		{"drain dripped", func(s *rawServer, c net.Conn) {
			io.WriteString(c, ok+"\r\n"+strings.Repeat("y", DefaultMaxBody))
			s.drip(c, "y")
		}, 200, ClassNone, ""},
		{"says 204 and goes on", sendAndStay("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), 204, ClassNone, ""},
		{"huge reason phrase", sendAndStay("HTTP/1.1 599 " + strings.Repeat("\x01", 9000) + "\r\nContent-Length: 0\r\n\r\n"), 599, ClassNone, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serveRaw(t, nil, func(s *rawServer, c net.Conn) {
				if _, ok := readRequest(bufio.NewReader(c)); ok {
					tt.answer(s, c)
				}
			})
			rt := localTransport(t, Options{})
			lim := Limits{Timeout: patience}
			if tt.class == ClassTimeout || tt.name == "drain dripped" {
				lim.Timeout = brief
			}
			res := post(t, rt, "http://"+s.addr+"/", lim)
			if res.Status != tt.status || res.Class != tt.class {
				t.Fatalf("status %d, class %q (%v); want %d, %q", res.Status, res.Class, res.Err, tt.status, tt.class)
			}
			if res.Err != nil {
				text := res.Err.Error()
				if !strings.Contains(text, tt.text) {
					t.Errorf("error %q does not have %q", text, tt.text)
				}
				if !isClean(text, false) || len(text) > maxErrorText {
					t.Errorf("error %q is not fit to be stored", text)
				}
			} else if tt.status == 200 && (len(res.Body) != DefaultMaxBody || !res.Truncated) {
				t.Errorf("kept %d bytes, truncated %v", len(res.Body), res.Truncated)
			}
			if !isClean(res.Body, true) {
				t.Errorf("body %q is not fit to be stored", res.Body)
			}
			if tt.class == ClassBody && strings.Contains(tt.name, "closes") && string(res.Body) != "part" {
				t.Errorf("body %q, want what had come", res.Body)
			}
			if !res.RemoteAddr.IsValid() {
				t.Error("RemoteAddr is zero after a request was sent")
			}
			if res.Timings.Total > patience/2 {
				t.Errorf("took %s", res.Timings.Total)
			}
		})
	}
}

// A body is stored as it came: nothing inflates it, whatever it claims to be.
func TestDoDoesNotDecompress(t *testing.T) {
	var bomb bytes.Buffer
	zw := gzip.NewWriter(&bomb)
	zw.Write(make([]byte, 10<<20))
	zw.Close()
	s := serveRaw(t, nil, func(_ *rawServer, c net.Conn) {
		r, ok := readRequest(bufio.NewReader(c))
		if !ok {
			return
		}
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("the request asks for compression")
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
		c.Write(bomb.Bytes())
	})
	res := post(t, localTransport(t, Options{}), "http://"+s.addr+"/", Limits{})
	if res.Err != nil || len(res.Body) > DefaultMaxBody || !utf8.Valid(res.Body) || bytes.IndexByte(res.Body, 0) >= 0 {
		t.Errorf("error %v, %d bytes", res.Err, len(res.Body))
	}
}

// A receiver that answers before it has read the request, and never reads it,
// is believed.
func TestDoEarlyAnswer(t *testing.T) {
	s := serveRaw(t, nil, func(_ *rawServer, c net.Conn) {
		br := bufio.NewReader(c)
		if _, err := br.ReadString('\n'); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		untilClosed(c)
	})
	res := Do(context.Background(), localTransport(t, Options{}), Request{
		URL:  mustParse(t, "http://"+s.addr+"/"),
		Body: make([]byte, 32<<20),
	}, Limits{Timeout: patience})
	if res.Status != 413 || res.Err != nil {
		t.Errorf("status %d, error %v", res.Status, res.Err)
	}
}

// A receiver that stops reading in the middle of a large body blocks the write,
// which must end with the deadline too.
func TestDoReceiverStopsReading(t *testing.T) {
	t.Parallel()
	returned := make(chan struct{})
	s := serveRaw(t, nil, func(_ *rawServer, c net.Conn) {
		_, _ = c.Read(make([]byte, 10))
		<-returned
	})
	res := Do(context.Background(), localTransport(t, Options{}), Request{
		URL:  mustParse(t, "http://"+s.addr+"/"),
		Body: make([]byte, 64<<20),
	}, Limits{Timeout: brief})
	close(returned)
	if res.Class != ClassTimeout || res.Timings.Total > patience/2 {
		t.Errorf("class %q (%v) after %s", res.Class, res.Err, res.Timings.Total)
	}
}

// Where a request came from is the host's business, and not that of those who may
// read what went wrong with it.
func TestDoDoesNotTellTheSource(t *testing.T) {
	source := make(chan string, 1)
	s := serveRaw(t, nil, func(_ *rawServer, c net.Conn) {
		source <- c.RemoteAddr().String()
		readRequest(bufio.NewReader(c))
		_ = c.(*net.TCPConn).SetLinger(0) // closing sends RST
	})
	res := post(t, localTransport(t, Options{}), "http://"+s.addr+"/", Limits{})
	text := res.Err.Error()
	if res.Class != ClassReset || strings.Contains(text, <-source) || !strings.Contains(text, s.addr) {
		t.Errorf("class %q: %s", res.Class, text)
	}
}

// Random bytes as header values and body come back printable.
func TestDoHostileText(t *testing.T) {
	body := make([]byte, 4096)
	rand.Read(body)
	s := serveRaw(t, nil, func(_ *rawServer, c net.Conn) {
		readRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 500 \x1b[31m\r\nRetry-After: \xff\xfe\r\nX-A: \xe2\x80\xae\x80tab\there\r\nSet-Cookie: s=1\r\nConnection: close\r\n\r\n")
		c.Write(body)
	})
	res := post(t, localTransport(t, Options{}), "http://"+s.addr+"/", Limits{})
	if res.Err != nil || res.Status != 500 {
		t.Fatalf("status %d, error %v", res.Status, res.Err)
	}
	if !isClean(res.Body, true) || len(res.Body) == 0 {
		t.Errorf("body %q", res.Body)
	}
	if res.RetryAfter != "\uFFFD\uFFFD" {
		t.Errorf("RetryAfter %q", res.RetryAfter)
	}
	for _, f := range res.Header {
		if !isClean(f.Name, false) || !isClean(f.Value, false) || f.Name == "Set-Cookie" {
			t.Errorf("header %q: %q", f.Name, f.Value)
		}
	}
}
