package dispatcher

import (
	"strings"

	"github.com/postrider/postrider/store"
)

// tenant is the Dispatcher of one tenant. Its methods stand in the files of
// what they do: publish.go, manage.go, rotation.go, inspect.go,
// recover.go, explain.go, sendtest.go.
type tenant struct {
	engine *Engine
	id     string
	// scope is what lists cover: the tenant alone, or all of them for operators.
	scope store.Scope
}

func (e *Engine) tenant(id string) *tenant {
	return &tenant{engine: e, id: id, scope: store.Scope{Tenant: id}}
}

var _ Dispatcher = (*tenant)(nil)

// check holds for what writes. A name is a line, where a description may have
// several.
func (t *tenant) check() error {
	if strings.ContainsAny(t.id, "\n\t") {
		return invalid("tenant", "must not hold control characters")
	}
	return checkText("tenant", t.id, maxName)
}
