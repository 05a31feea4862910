package store_test

import (
	"encoding"
	"fmt"
	"reflect"
	"testing"

	"github.com/postrider/postrider/store"
)

func ExampleMatchingPatterns() {
	fmt.Println(store.MatchingPatterns("invoice.item.added"))
	// Output:
	// [* invoice.* invoice.item.* invoice.item.added]
}

func ExampleState_String() {
	fmt.Println(store.StateDelivered, store.EndpointPaused, store.SecretRetiring)
	// Output:
	// delivered paused retiring
}

func TestNamesRoundTrip(t *testing.T) {
	type named interface {
		fmt.Stringer
		encoding.TextMarshaler
	}
	for _, values := range [][]named{
		{store.StatePending, store.StateDelivered, store.StateFailed, store.StateCancelled},
		{store.EndpointActive, store.EndpointPaused, store.EndpointDisabled},
		{store.SecretActive, store.SecretRetiring, store.SecretPrepared},
	} {
		for _, v := range values {
			text, err := v.MarshalText()
			if err != nil || string(text) != v.String() {
				t.Errorf("%v: %q, %v", v, text, err)
			}
			back := reflect.New(reflect.TypeOf(v))
			if err := back.Interface().(encoding.TextUnmarshaler).UnmarshalText(text); err != nil || back.Elem().Interface() != v {
				t.Errorf("%q became %v, %v", text, back.Elem(), err)
			}
			if err := back.Interface().(encoding.TextUnmarshaler).UnmarshalText(nil); err == nil {
				t.Errorf("%T: no name is accepted", v)
			}
		}
	}
	for _, v := range []named{store.State(0), store.State(9), store.EndpointStatus(0), store.SecretPhase(0)} {
		if text, err := v.MarshalText(); err == nil {
			t.Errorf("%v became %q", v, text)
		}
	}
}
