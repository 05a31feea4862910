package profiles_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/postrider/postrider/examples/profiles/internal/profile"
	"github.com/postrider/postrider/examples/profiles/internal/reference"
)

// The event types are those on the page, all of them, in its order.
func TestEventTypes(t *testing.T) {
	pages := map[string]struct {
		page string
		// each matches where the page lists an event type.
		each  *regexp.Regexp
		count int
	}{
		"vatly":       {reference.Vatly, regexp.MustCompile(`<Property name="([^"]+)">`), 15},
		"notifly":     {reference.Notifly, regexp.MustCompile(`• Name\n\s+(\S+)\n`), 15},
		"protocol":    {reference.Protocol, regexp.MustCompile(`• Name\n\s+(\S+)\n`), 15},
		"protocolapi": {reference.ProtocolAPI, regexp.MustCompile(`"code",null,\{"children":"([^"]+)"`), 15},
		"digivault":   {reference.DigiVault, regexp.MustCompile("(?m)^\\| `([^`]+)` \\|"), 16},
	}
	each(t, func(t *testing.T, name string, p profile.Profile) {
		var want []string
		for _, m := range pages[name].each.FindAllStringSubmatch(pages[name].page, -1) {
			want = append(want, m[1])
		}
		if len(want) != pages[name].count {
			t.Errorf("%d event types were found on the page, want %d", len(want), pages[name].count)
		}
		if !slices.Equal(p.EventTypes, want) {
			t.Errorf("event types %q, want %q", p.EventTypes, want)
		}
	})
}
