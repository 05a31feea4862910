// Command vatly sends a webhook as Vatly describes it, and has it verified by
// the receiver code that is published there.
package main

import (
	"context"
	"io"

	"github.com/postrider/postrider/examples/profiles/internal/show"
	"github.com/postrider/postrider/examples/profiles/internal/vatly"
)

func main() {
	show.Main(func(ctx context.Context, w io.Writer) error {
		p, err := vatly.Profile()
		if err != nil {
			return err
		}
		return show.Profile(ctx, w, p)
	})
}
