// Command notifly sends a webhook as Notifly describes it, and has it verified by
// the receiver code that is published there.
package main

import (
	"context"
	"io"

	"github.com/postrider/postrider/examples/profiles/internal/notifly"
	"github.com/postrider/postrider/examples/profiles/internal/show"
)

func main() {
	show.Main(func(ctx context.Context, w io.Writer) error {
		p, err := notifly.Profile()
		if err != nil {
			return err
		}
		return show.Profile(ctx, w, p)
	})
}
