package dispatcher

// tenant is the Dispatcher of one tenant. Its methods stand in the files of
// what they do: publish.go, manage.go, rotation.go, inspect.go.
type tenant struct {
	engine *Engine
	id     string
}

var _ Dispatcher = (*tenant)(nil)

// check holds for what writes.
func (t *tenant) check() error { return checkText("tenant", t.id, maxName) }
