package vatly

import (
	"errors"
	"slices"

	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/receiver"
	"github.com/postrider/postrider/examples/profiles/internal/reference"
)

// Profile is the configuration with what Vatly's page publishes.
func Profile() (profile.Profile, error) {
	blocks := reference.Fenced(reference.Vatly)
	example, err1 := reference.Only(blocks, `"subscription": "I'm traveling`)
	js, err2 := reference.Only(blocks, "createHmac")
	python, err3 := reference.Only(blocks, "hmac.new")
	php, err4 := reference.Only(blocks, "hash_hmac")
	return profile.Profile{
		Product:    "Vatly",
		Package:    "profiles/internal/vatly",
		Options:    Options(),
		EventTypes: EventTypes(),
		Examples:   []reference.Block{example},
		Parse:      profile.ParseSimple,
		Receivers: []receiver.Snippet{
			{Code: js.Code, Host: receiver.NodeStatements, Insertions: receiver.JavaScriptOutcome},
			{Code: python.Code, Host: receiver.PythonStatements, Insertions: slices.Concat(
				[]receiver.Insertion{{Before: "import hashlib\nimport hmac\n", Why: "it uses them without importing them"}},
				receiver.PythonOutcomeSlashed)},
			{Code: php.Code, Host: receiver.PHPStatements, Insertions: receiver.PHPOutcome},
		},
	}, errors.Join(err1, err2, err3, err4)
}
