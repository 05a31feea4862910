package signer_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/postrider/postrider/signer"
)

// TestCheckMessageID: the ids that every scheme can carry.
func TestCheckMessageID(t *testing.T) {
	for id, ok := range map[string]bool{
		"": false, "msg_1": true, vectorID: true, "!~": true, strings.Repeat("x", 256): true, strings.Repeat("x", 257): false,
		".": false, "a.b": false, "a b": false, " a": false, "a\t": false, "a\n": false, "\x00": false, "\x7f": false, "ä": false, "\xff": false,
	} {
		err := signer.CheckMessageID(id)
		if (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
		if m := (signer.Message{ID: id, Time: vectorMessage().Time}); (signer.StandardWebhooks().Sign(t.Context(), http.Header{}, m, []signer.Secret{secret(t, vectorSecret)}, nil) == nil) != ok {
			t.Errorf("%q: Sign does not agree with CheckMessageID", id)
		}
		if id != "" && !ok && len(id) > 2 && strings.Contains(err.Error(), id) {
			t.Errorf("the error repeats the id: %v", err)
		}
	}
}
