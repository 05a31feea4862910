package protocolapi

import (
	"errors"

	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/receiver"
	"github.com/postrider/postrider/examples/profiles/internal/reference"
)

// Profile is the configuration with what Protocol's API reference publishes.
func Profile() (profile.Profile, error) {
	blocks, err0 := reference.Flight(reference.ProtocolAPI)
	example, err1 := reference.Only(blocks, "I’m traveling")
	js, err2 := reference.Only(blocks, "createHmac")
	python, err3 := reference.Only(blocks, "hmac.new")
	php, err4 := reference.Only(blocks, "hash_hmac")
	return profile.Profile{
		Product:    "Protocol (API reference)",
		Package:    "profiles/internal/protocolapi",
		Options:    Options(),
		EventTypes: EventTypes(),
		Examples:   []reference.Block{example},
		Parse:      profile.ParseSimple,
		Receivers: []receiver.Snippet{
			{Code: js.Code, Host: receiver.NodeStatements, Insertions: receiver.JavaScriptOutcome},
			{Code: python.Code, Host: receiver.PythonStatements, Insertions: receiver.PythonOutcome},
			{Code: php.Code, Host: receiver.PHPStatements, Insertions: receiver.PHPOutcome},
		},
	}, errors.Join(err0, err1, err2, err3, err4)
}
