package protocol

import (
	"errors"

	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/receiver"
	"github.com/postrider/postrider/examples/profiles/internal/reference"
)

// Profile is the configuration with what Protocol's guide publishes.
func Profile() (profile.Profile, error) {
	blocks := reference.Highlighted(reference.Protocol)
	example, err1 := reference.Only(blocks, "I’m traveling")
	js, err2 := reference.Only(blocks, "createHmac")
	return profile.Profile{
		Product:    "Protocol",
		Package:    "profiles/internal/protocol",
		Options:    Options(),
		EventTypes: EventTypes(),
		Examples:   []reference.Block{example},
		Parse:      profile.ParseSimple,
		Receivers: []receiver.Snippet{
			{Code: js.Code, Host: receiver.NodeStatements, Insertions: receiver.JavaScriptOutcome},
		},
	}, errors.Join(err1, err2)
}
