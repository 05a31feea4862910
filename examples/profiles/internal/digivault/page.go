package digivault

import (
	"errors"

	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/receiver"
	"github.com/postrider/postrider/examples/profiles/internal/reference"
)

// Profile is the configuration with what DigiVault's page publishes.
func Profile() (profile.Profile, error) {
	blocks := reference.Fenced(reference.DigiVault)
	example, err1 := reference.Only(blocks, `"webhook_1234567890"`)
	test, err2 := reference.Only(blocks, `"webhook_test_123"`)
	js, err3 := reference.Only(blocks, "createHmac")
	python, err4 := reference.Only(blocks, "hmac.new")
	php, err5 := reference.Only(blocks, "hash_hmac")
	return profile.Profile{
		Product:    "DigiVault",
		Package:    "profiles/internal/digivault",
		Options:    Options(),
		EventTypes: EventTypes(),
		Examples:   []reference.Block{example, test},
		Parse:      profile.ParseDated,
		Receivers: []receiver.Snippet{
			{Code: js.Code, Host: receiver.NodeExpress},
			{Code: python.Code, Host: receiver.PythonFlask, Insertions: []receiver.Insertion{
				{Before: "import os\n", Why: "it uses it without importing it"},
			}},
			{Code: php.Code, Host: receiver.PHPScript},
		},
	}, errors.Join(err1, err2, err3, err4, err5)
}

// Deduplication is the page's receiver that handles an event once, however often
// it comes. It prints the id of each event that it handles.
func Deduplication() (receiver.Snippet, error) {
	js, err := reference.Only(reference.Fenced(reference.DigiVault), "processedEvents")
	return receiver.Snippet{Code: js.Code, Host: receiver.NodeExpress}, err
}
