// Command protocol sends a webhook as the guide of Protocol describes it, and has it verified by
// the receiver code that is published there.
package main

import (
	"context"
	"io"

	"github.com/postrider/postrider/examples/profiles/internal/protocol"
	"github.com/postrider/postrider/examples/profiles/internal/show"
)

func main() {
	show.Main(func(ctx context.Context, w io.Writer) error {
		p, err := protocol.Profile()
		if err != nil {
			return err
		}
		return show.Profile(ctx, w, p)
	})
}
