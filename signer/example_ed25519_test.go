package signer_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"fmt"
	"io"

	"github.com/postrider/postrider/signer"
)

func exampleKeys() (ed25519.PublicKey, ed25519.PrivateKey) {
	key, err := signer.ParsePrivateKey("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==")
	if err != nil {
		panic(err)
	}
	return key.Public().(ed25519.PublicKey), key
}

func ExampleEd25519() {
	_, key := exampleKeys()
	h := signed(signer.Ed25519(key), exampleMessage(), nil, nil)
	fmt.Println(h["webhook-signature"][0])
	// Output:
	// v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==
}

// A receiver needs the public key alone.
func ExampleEd25519Verifier() {
	_, private := exampleKeys()
	h := signed(signer.Ed25519(private), exampleMessage(), nil, nil)

	public, err := signer.ParsePublicKey("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")
	if err != nil {
		panic(err)
	}
	v := signer.Ed25519Verifier([]ed25519.PublicKey{public}, signer.WithClock(exampleClock))
	m, err := v.Verify(h, exampleMessage().Body)
	fmt.Println(m.ID, err)
	// Output:
	// msg_p5jXN8AQM9LWM0D4loKWxJek <nil>
}

// kmsKey stands for a client of a key management service.
type kmsKey struct{ key ed25519.PrivateKey }

func (k kmsKey) Public() crypto.PublicKey { return k.key.Public() }

func (k kmsKey) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.key.Sign(nil, message, opts)
}

func (k kmsKey) SignContext(ctx context.Context, _ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := ctx.Err(); err != nil { // a real client hands ctx to its HTTP call
		return nil, err
	}
	return k.key.Sign(nil, message, opts)
}

// A key that is far away stops when the attempt's context ends.
func ExampleContextSigner() {
	_, key := exampleKeys()
	var remote signer.ContextSigner = kmsKey{key}
	h := signed(signer.Ed25519(remote), exampleMessage(), nil, nil)
	fmt.Println(h["webhook-signature"][0][:12])
	// Output:
	// v1a,hnO3f9T8
}

func ExampleParsePrivateKey() {
	key, err := signer.ParsePrivateKey("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==")
	fmt.Println(len(key), err)
	_, err = signer.ParsePrivateKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	fmt.Println(err)
	// Output:
	// 64 <nil>
	// signer: private key does not begin with whsk_
}

func ExampleParsePublicKey() {
	key, err := signer.ParsePublicKey("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")
	fmt.Println(len(key), err)
	_, err = signer.ParsePublicKey("whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	fmt.Println(err)
	// Output:
	// 32 <nil>
	// signer: public key is of small order, so that anybody could forge signatures
}

func ExampleFormatPrivateKey() {
	_, key := exampleKeys()
	written, err := signer.FormatPrivateKey(key)
	fmt.Println(written, written.Reveal()[:9], err)
	// Output:
	// [redacted] whsk_6Xb/ <nil>
}

func ExampleFormatPublicKey() {
	public, _ := exampleKeys()
	fmt.Println(signer.FormatPublicKey(public))
	// Output:
	// whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4= <nil>
}
