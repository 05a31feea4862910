package signer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/postrider/postrider/signer"
)

func ExampleNewSecret() {
	secret, err := signer.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	fmt.Println(secret, err)
	_, err = signer.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n") // as read from a file
	fmt.Println(err)
	// Output:
	// [redacted] <nil>
	// signer: secret begins or ends with a space or line break
}

func ExampleGenerateSecret() {
	secret := signer.GenerateSecret()
	text := secret.Reveal()
	fmt.Println(text[:6], len(text))
	// Output:
	// whsec_ 50
}

// A Secret shows nothing, wherever it is printed.
func ExampleSecret() {
	endpoint := struct {
		URL    string
		Secret signer.Secret
	}{"https://example.com/webhooks", signer.GenerateSecret()}

	fmt.Printf("%+v\n", endpoint)
	b, err := json.Marshal(endpoint)
	fmt.Println(string(b), err)
	slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})).Info("registered", "secret", endpoint.Secret)
	// Output:
	// {URL:https://example.com/webhooks Secret:[redacted]}
	// {"URL":"https://example.com/webhooks","Secret":"[redacted]"} <nil>
	// level=INFO msg=registered secret=[redacted]
}

func ExampleSecret_Reveal() {
	secret, err := signer.NewSecret("It's a Secret to Everybody")
	if err != nil {
		panic(err)
	}
	fmt.Println(secret, secret.Reveal())
	// Output:
	// [redacted] It's a Secret to Everybody
}

func ExampleSecret_Equal() {
	a, b := signer.GenerateSecret(), signer.GenerateSecret()
	fmt.Println(a.Equal(a), a.Equal(b))
	// Output:
	// true false
}

func ExampleSecret_IsZero() {
	var unset signer.Secret
	fmt.Println(unset.IsZero(), signer.GenerateSecret().IsZero())
	// Output:
	// true false
}

// The scheme decides which secrets it can use; ask when one is registered.
func ExampleCheckSecret() {
	literal, err := signer.NewSecret("It's a Secret to Everybody")
	if err != nil {
		panic(err)
	}
	fmt.Println(signer.CheckSecret(signer.GitHub(), literal))
	fmt.Println(signer.CheckSecret(signer.StandardWebhooks(), literal))
	// Output:
	// <nil>
	// signer: secret is not standard base64 after an optional whsec_
}

func ExampleUsesSecrets() {
	_, key := exampleKeys()
	fmt.Println(signer.UsesSecrets(signer.StandardWebhooks()), signer.UsesSecrets(signer.Ed25519(key)))
	// Output:
	// true false
}

func ExampleValidate() {
	fmt.Println(signer.Validate(signer.StandardWebhooks()))
	fmt.Println(signer.Validate(signer.HMAC("X Signature", signer.Hex)))
	fmt.Println(signer.Validate(signer.StandardWebhooks(signer.WithTolerance(-1))))
	// Output:
	// <nil>
	// signer: header contains a character that no header name may have
	// signer: tolerance is not positive
}

func ExampleCheckMessageID() {
	fmt.Println(signer.CheckMessageID("msg_1"))
	fmt.Println(signer.CheckMessageID("invoice.paid"))
	// Output:
	// <nil>
	// signer: message id contains a dot
}

func ExampleFieldError() {
	_, err := signer.NewSecret(strings.Repeat("x", 2000))
	var field *signer.FieldError
	if errors.As(err, &field) {
		fmt.Printf("%s: %s\n", field.Field, field.Reason)
	}
	// Output:
	// secret: is longer than 1024 bytes
}
