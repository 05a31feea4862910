package redisstore

import (
	"crypto/sha1" // #nosec G505 -- the name that Redis gives a script
	"embed"
	"encoding/hex"
	"fmt"
)

// The scripts do what has to be one step. Each of them documents its KEYS, its
// ARGV and what it returns, names every key it touches in KEYS, and touches one
// hash slot.
//
//go:embed scripts/*.lua
var scripts embed.FS

// script is a script with the name under which Redis keeps it.
type script struct {
	name, source, sha string
}

func load(name string) *script {
	source := readScript("prelude") + readScript(name)
	sum := sha1.Sum([]byte(source)) // #nosec G401 -- as above
	return &script{name: name, source: source, sha: hex.EncodeToString(sum[:])}
}

func readScript(name string) string {
	text, err := scripts.ReadFile("scripts/" + name + ".lua")
	if err != nil { // embedded when the library is built
		return fmt.Sprintf("error('script %s is missing')", name)
	}
	return string(text)
}

var (
	openScript    = load("open")
	insertScript  = load("insert")
	reserveScript = load("reserve")
	releaseScript = load("release")
	resolveScript = load("resolve")

	claimScript  = load("claim")
	peekScript   = load("peek")
	headsScript  = load("heads")
	tailScript   = load("tail")
	lanesScript  = load("lanes")
	settleScript = load("settle")

	eventScript      = load("event")
	eventsScript     = load("events")
	deliveryScript   = load("delivery")
	deliveriesScript = load("deliveries")

	cancelScript    = load("cancel")
	requeueScript   = load("requeue")
	removableScript = load("removable")
	removeScript    = load("remove")
	compactScript   = load("compact")
	auditScript     = load("audit")
	mendScript      = load("mend")

	createEndpointScript = load("create_endpoint")
	putEndpointScript    = load("put_endpoint")
	forgetEndpointScript = load("forget_endpoint")
	matchScript          = load("match")
)
