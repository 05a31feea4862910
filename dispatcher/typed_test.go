package dispatcher_test

import (
	"reflect"
	"testing"

	"github.com/postrider/postrider/dispatcher"
)

// A definition gives the catalog all it knows; the zero value is no example.
func TestEventTypeInfo(t *testing.T) {
	type order struct{ ID int }
	schema := compile(t, `true`)
	full := dispatcher.EventType[order]{
		Name: "a", Description: "d", Example: order{ID: 1}, Schema: schema, Deprecated: true, Replacement: "b",
	}
	want := dispatcher.EventTypeInfo{
		Name: "a", Description: "d", Example: order{ID: 1}, Schema: schema, Deprecated: true, Replacement: "b",
		GoType: reflect.TypeFor[order](),
	}
	if got := full.Info(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	for _, info := range []dispatcher.EventTypeInfo{
		dispatcher.EventType[order]{Name: "a"}.Info(),
		dispatcher.EventType[*order]{Name: "a"}.Info(),
		dispatcher.EventType[any]{Name: "a"}.Info(),
		dispatcher.EventType[[]int]{Name: "a"}.Info(),
	} {
		if info.Example != nil {
			t.Errorf("%v: the zero value is the example %v", info.GoType, info.Example)
		}
	}
	if got := (dispatcher.EventType[[]int]{Name: "a", Example: []int{}}).Info(); got.Example == nil {
		t.Error("an empty slice is no example")
	}
}
