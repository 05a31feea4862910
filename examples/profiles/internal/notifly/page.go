package notifly

import (
	"errors"

	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/receiver"
	"github.com/postrider/postrider/examples/profiles/internal/reference"
)

// Profile is the configuration with what Notifly's page publishes.
func Profile() (profile.Profile, error) {
	example, err1 := reference.Only(reference.Objects(reference.Notifly), "I’m traveling")
	js, err2 := reference.Between(reference.Notifly, "Verifying a request", "If your generated signature")
	return profile.Profile{
		Product:    "Notifly",
		Package:    "profiles/internal/notifly",
		Options:    Options(),
		EventTypes: EventTypes(),
		Examples:   []reference.Block{example},
		Parse:      profile.ParseSimple,
		Receivers: []receiver.Snippet{
			{Code: js.Code, Host: receiver.NodeStatements, Insertions: receiver.JavaScriptOutcome},
		},
	}, errors.Join(err1, err2)
}
