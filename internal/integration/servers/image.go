package servers

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// official has the formats, of a version, of the images whose names in the registry are not kind:version. PgBouncer's own
// project has no image.
var official = map[string]string{
	"valkey":    "valkey/valkey:%s",
	"pgbouncer": "edoburu/pgbouncer:v%s.1-p1",
}

// imageVariable returns the environment variable that names the image of a server.
func imageVariable(kind, version string) string {
	return "POSTRIDER_IMAGE_" + strings.ToUpper(kind+"_"+strings.ReplaceAll(version, ".", "_"))
}

// images returns the names under which the image of a server is looked for, best first: what the environment says alone,
// or the locally built one and then the official one.
func images(kind, version string) []string {
	name := kind + ":" + version
	if set := os.Getenv(imageVariable(kind, version)); set != "" {
		return []string{set}
	}
	registry := name
	if format, ok := official[kind]; ok {
		registry = fmt.Sprintf(format, version)
	}
	return []string{"postrider-test/" + name, registry}
}

// findImage returns the name of the image of a server, which is then present: pulled, if it has to be.
func findImage(ctx context.Context, kind, version string) (string, error) {
	c, err := docker()
	if err != nil {
		return "", err
	}
	names := images(kind, version)
	if names[0] == "none" {
		return "", fmt.Errorf("%w: %s=none", errNone, imageVariable(kind, version))
	}
	for _, name := range names {
		if _, err := c.ImageInspect(ctx, name); err == nil {
			return name, nil
		}
	}
	last := names[len(names)-1]
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	pull, err := c.ImagePull(ctx, last, client.ImagePullOptions{})
	if err == nil {
		err = pull.Wait(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("%w: image %s: %w", errUnreachable, last, err)
	}
	return last, nil
}
