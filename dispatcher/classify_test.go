package dispatcher

import (
	"errors"
	"testing"
	"time"
)

func TestClassify(t *testing.T) {
	failure := errors.New("failed")
	for _, c := range []struct {
		name string
		r    Result
		want Action
	}{
		{"200", Result{Status: 200, Code: CodeOK}, ActionDeliver},
		{"204", Result{Status: 204, Code: CodeOK}, ActionDeliver},
		{"299", Result{Status: 299, Code: CodeOK}, ActionDeliver},
		{"a body that breaks off is no answer", Result{Status: 200, Code: CodeBroken, Err: failure}, ActionRetry},
		{"301", Result{Status: 301, Code: CodeRedirect}, ActionRetry},
		{"400", Result{Status: 400, Code: CodeHTTPStatus}, ActionRetry},
		{"401", Result{Status: 401, Code: CodeHTTPStatus}, ActionRetry},
		{"404", Result{Status: 404, Code: CodeHTTPStatus}, ActionRetry},
		{"405", Result{Status: 405, Code: CodeHTTPStatus}, ActionFail},
		{"410", Result{Status: 410, Code: CodeHTTPStatus}, ActionDisable},
		{"413", Result{Status: 413, Code: CodeHTTPStatus}, ActionFail},
		{"415", Result{Status: 415, Code: CodeHTTPStatus}, ActionFail},
		{"429", Result{Status: 429, Code: CodeHTTPStatus}, ActionRetry},
		{"500", Result{Status: 500, Code: CodeHTTPStatus}, ActionRetry},
		{"501", Result{Status: 501, Code: CodeHTTPStatus}, ActionFail},
		{"503", Result{Status: 503, Code: CodeHTTPStatus}, ActionRetry},
		{"timeout", Result{Code: CodeTimeout, Err: failure}, ActionRetry},
		{"blocked", Result{Code: CodeBlocked, Err: failure}, ActionFail},
		{"unsendable", Result{Code: CodeUnsendable, Err: failure}, ActionFail},
		{"zero", Result{}, ActionRetry},
	} {
		if got := Classify(c.r).Action; got != c.want {
			t.Errorf("%s: action %d, want %d", c.name, got, c.want)
		}
	}
	for _, status := range []int{429, 503} {
		if v := Classify(Result{Status: status, RetryAfter: time.Minute}); v.After != time.Minute {
			t.Errorf("%d: Retry-After is not heeded: %+v", status, v)
		}
	}
	if v := Classify(Result{Status: 500, RetryAfter: time.Minute}); v.After != 0 {
		t.Errorf("500 heeds Retry-After: %+v", v)
	}
}

func TestClassifyStrictlyRetriesAllButSuccess(t *testing.T) {
	for status := 100; status < 600; status++ {
		want := ActionRetry
		if status >= 200 && status < 300 {
			want = ActionDeliver
		}
		if got := ClassifyStrictly(Result{Status: status}).Action; got != want {
			t.Errorf("%d: action %d, want %d", status, got, want)
		}
	}
}
