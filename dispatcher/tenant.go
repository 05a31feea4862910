package dispatcher

import "github.com/postrider/postrider/store"

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

// check holds for what writes.
func (t *tenant) check() error { return checkText("tenant", t.id, maxName) }
