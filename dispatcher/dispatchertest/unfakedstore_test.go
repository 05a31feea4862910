package dispatchertest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/postrider/postrider/store"
)

// silent is a TB that only counts failures.
type silent struct {
	TB
	failures int
}

func (*silent) Helper()                 {}
func (s *silent) Errorf(string, ...any) { s.failures++ }

// A method that the Dispatcher interface gains may call anything of the store:
// each method that the ledger does not fake reports itself by its name.
func TestLedgerReportsWhatItDoesNotFake(t *testing.T) {
	faked := map[string]bool{"Info": true, "Match": true, "Insert": true, "Event": true}
	iface := reflect.TypeFor[store.Store]()
	for i := range iface.NumMethod() {
		name := iface.Method(i).Name
		if faked[name] {
			continue
		}
		tb := &silent{}
		method := reflect.ValueOf(&ledger{t: tb}).MethodByName(name)
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		for j := 1; j < method.Type().NumIn(); j++ {
			args = append(args, reflect.Zero(method.Type().In(j)))
		}
		results := method.Call(args)
		err, _ := results[len(results)-1].Interface().(error)
		if err == nil || !strings.Contains(err.Error(), "a store's "+name+";") || tb.failures != 1 {
			t.Errorf("%s: error %v, %d failures; want one that names it", name, err, tb.failures)
		}
	}
}
