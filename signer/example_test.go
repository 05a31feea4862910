package signer_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/postrider/postrider/signer"
)

// exampleMessage is the published vector of Standard Webhooks.
func exampleMessage() signer.Message {
	return signer.Message{
		ID:   "msg_p5jXN8AQM9LWM0D4loKWxJek",
		Time: time.Unix(1614265330, 0),
		Body: []byte(`{"test": 2432232314}`),
	}
}

func exampleSecret() signer.Secret {
	s, err := signer.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		panic(err)
	}
	return s
}

// signed returns the headers that s sets for m.
func signed(s signer.Signer, m signer.Message, active, retiring []signer.Secret) http.Header {
	h := http.Header{}
	if err := s.Sign(context.Background(), h, m, active, retiring); err != nil {
		panic(err)
	}
	return h
}

// The clock of a receiver of exampleMessage.
func exampleClock() time.Time { return time.Unix(1614265400, 0) }

// A sender signs the bytes it sends, and a receiver verifies the bytes it got.
func Example() {
	secret := signer.GenerateSecret()
	body := []byte(`{"type":"invoice.paid","data":{"id":"in_1"}}`)

	// Sender.
	req, err := http.NewRequest(http.MethodPost, "https://example.com/webhooks", nil)
	if err != nil {
		panic(err)
	}
	m := signer.Message{ID: "msg_1", Time: time.Now(), Body: body}
	if err := signer.StandardWebhooks().Sign(context.Background(), req.Header, m, []signer.Secret{secret}, nil); err != nil {
		panic(err)
	}

	// Receiver.
	verified, err := signer.StandardWebhooks().Verify(req.Header, body, secret)
	fmt.Println(verified.ID, err)
	_, err = signer.StandardWebhooks().Verify(req.Header, []byte(`{"type":"invoice.paid","data":{"id":"in_2"}}`), secret)
	fmt.Println(err)
	// Output:
	// msg_1 <nil>
	// signer: signature mismatch: webhook-signature
}

func ExampleStandardWebhooks() {
	h := signed(signer.StandardWebhooks(), exampleMessage(), []signer.Secret{exampleSecret()}, nil)
	fmt.Println(h["webhook-id"][0])
	fmt.Println(h["webhook-timestamp"][0])
	fmt.Println(h["webhook-signature"][0])
	// Output:
	// msg_p5jXN8AQM9LWM0D4loKWxJek
	// 1614265330
	// v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}

// While a secret is rotated, both sign; a receiver with either verifies.
func ExampleStandardWebhooks_rotation() {
	oldSecret, newSecret := signer.GenerateSecret(), signer.GenerateSecret()
	scheme := signer.StandardWebhooks(signer.WithClock(exampleClock))
	h := signed(scheme, exampleMessage(), []signer.Secret{newSecret}, []signer.Secret{oldSecret})

	_, err := scheme.Verify(h, exampleMessage().Body, oldSecret)
	fmt.Println("not yet switched:", err)
	_, err = scheme.Verify(h, exampleMessage().Body, newSecret)
	fmt.Println("switched:", err)
	// Output:
	// not yet switched: <nil>
	// switched: <nil>
}

func ExampleStripe() {
	h := signed(signer.Stripe(), exampleMessage(), []signer.Secret{exampleSecret()}, nil)
	fmt.Println(h["Stripe-Signature"][0])
	// Output:
	// t=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964
}

func ExampleGitHub() {
	secret, err := signer.NewSecret("It's a Secret to Everybody")
	if err != nil {
		panic(err)
	}
	h := signed(signer.GitHub(), signer.Message{Body: []byte("Hello, World!")}, []signer.Secret{secret}, nil)
	fmt.Println(h["X-Hub-Signature-256"][0])
	// Output:
	// sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17
}

// The header is sent as it is spelled here.
func ExampleHMAC() {
	secret, err := signer.NewSecret("It's a Secret to Everybody")
	if err != nil {
		panic(err)
	}
	scheme := signer.HMAC("X-DigiVault-Signature", signer.Hex)
	h := signed(scheme, signer.Message{Body: []byte("Hello, World!")}, []signer.Secret{secret}, nil)
	fmt.Println(h)

	m, err := scheme.Verify(h, []byte("Hello, World!"), secret)
	fmt.Printf("%q %v %s %v\n", m.ID, m.Time.IsZero(), m.Body, err)
	// Output:
	// map[X-DigiVault-Signature:[757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17]]
	// "" true Hello, World! <nil>
}

func ExampleWithPrefix() {
	scheme := signer.HMAC("Authorization", signer.Base64, signer.WithPrefix("HMAC-SHA256 "))
	h := signed(scheme, signer.Message{Body: []byte("Hello, World!")}, []signer.Secret{exampleSecret()}, nil)
	fmt.Println(h["Authorization"][0])
	// Output:
	// HMAC-SHA256 etT9IcdMFkMg2awB8k0Hl8i+WUvzVqszL91hoDt4zsA=
}

func ExampleEncoding() {
	fmt.Println(signer.Hex, signer.Base64, signer.Encoding(0))
	fmt.Println(signer.Validate(signer.HMAC("x-signature", 0)))
	// Output:
	// hex base64 unknown
	// signer: encoding is neither Hex nor Base64
}

// Receivers that read different headers are served by one request.
func ExampleAll() {
	both := signer.All(
		signer.HMAC("X-DigiVault-Signature", signer.Hex),
		signer.HMAC("x-bitvault-signature", signer.Hex),
	)
	h := signed(both, exampleMessage(), []signer.Secret{exampleSecret()}, nil)
	fmt.Println(both.Headers(), h["X-DigiVault-Signature"][0] == h["x-bitvault-signature"][0])

	fmt.Println(signer.Validate(signer.All(signer.GitHub(), signer.HMAC("x-hub-signature-256", signer.Base64))))
	// Output:
	// [X-DigiVault-Signature x-bitvault-signature] true
	// signer: signers[1] sets a header that is set already: x-hub-signature-256
}

// Both kinds of signature in one list, while receivers move to public keys.
func ExampleStandardWebhooksDual() {
	key, err := signer.ParsePrivateKey("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==")
	if err != nil {
		panic(err)
	}
	secret := exampleSecret()
	h := signed(signer.StandardWebhooksDual(key), exampleMessage(), []signer.Secret{secret}, nil)

	body, clock := exampleMessage().Body, signer.WithClock(exampleClock)
	_, err = signer.StandardWebhooks(clock).Verify(h, body, secret)
	fmt.Println("secret:", err)
	_, err = signer.Ed25519Verifier([]ed25519.PublicKey{key.Public().(ed25519.PublicKey)}, clock).Verify(h, body)
	fmt.Println("public key:", err)
	// Output:
	// secret: <nil>
	// public key: <nil>
}

// A host's own signer needs three methods.
type tokenSigner struct{}

func (tokenSigner) Sign(_ context.Context, h http.Header, _ signer.Message, active, _ []signer.Secret) error {
	if len(active) == 0 {
		return errors.New("no secret")
	}
	h["X-Token"] = []string{active[0].Reveal()}
	return nil
}
func (tokenSigner) MultiSecret() bool { return false }
func (tokenSigner) Headers() []string { return []string{"X-Token"} }

func ExampleSigner() {
	s := signer.All(signer.StandardWebhooks(), tokenSigner{})
	fmt.Println(s.MultiSecret(), s.Headers())
	// Output:
	// false [webhook-id webhook-timestamp webhook-signature X-Token]
}
