package wire

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// What passes through a tap is kept as it was sent, and can be sent again.
func TestTap(t *testing.T) {
	ctx := t.Context()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Header.Get("X-Signature")+" "+string(body))
	}))
	defer server.Close()
	tap, err := NewTap(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	tap.Forward(server.Listener.Addr().String())

	r := Request{
		Line:   "POST / HTTP/1.1",
		Fields: []Field{{"host", "example.com"}, {"x-SIGNATURE", "ab0"}, {"Content-Length", "5"}},
		Body:   []byte("hello"),
	}
	for range 2 {
		if status, body, err := r.Send(ctx, tap.Addr()); status != 200 || body != "ab0 hello" || err != nil {
			t.Fatal(status, body, err)
		}
	}
	kept, err := tap.Requests()
	if err != nil || len(kept) != 2 {
		t.Fatal(len(kept), err)
	}
	for _, k := range kept {
		if k.Line != r.Line || !slices.Equal(k.Fields, r.Fields) || string(k.Body) != "hello" {
			t.Errorf("kept %+v, want %+v", k, r)
		}
	}
	tampered, err := kept[0].Tampered("hell", "bell")
	if err != nil {
		t.Fatal(err)
	}
	if _, body, err := tampered.Send(ctx, tap.Addr()); body != "ab0 bello" || err != nil {
		t.Error(body, err)
	}
	if _, body, err := kept[0].Forged().Send(ctx, tap.Addr()); body != "ab1 hello" || err != nil {
		t.Error(body, err)
	}
	if kept[0].Get("x-SIGNATURE") != "ab0" || string(kept[0].Body) != "hello" {
		t.Errorf("a variant changed the request it was made of: %+v", kept[0])
	}
	for _, test := range [][2]string{{"hello", "hell"}, {"hello", "hello"}, {"world", "words"}} {
		if _, err := r.Tampered(test[0], test[1]); err == nil {
			t.Errorf("%q was accepted", test)
		}
	}
}

func TestCutErrors(t *testing.T) {
	for _, stream := range []string{
		"POST / HTTP/1.1\r\nContent-Length: 2\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		if _, _, err := cut([]byte(stream)); err == nil {
			t.Errorf("%q was accepted", strings.ReplaceAll(stream, "\r\n", "|"))
		}
	}
}
