module github.com/postrider/postrider/internal/integration

go 1.25

require (
	github.com/google/go-github/v75 v75.0.0
	github.com/postrider/postrider v0.0.0
	github.com/standard-webhooks/standard-webhooks/libraries v0.0.1
	github.com/stripe/stripe-go/v82 v82.5.1
)

require (
	code.dny.dev/ssrf v0.3.0 // indirect
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/google/go-querystring v1.1.0 // indirect
)

replace github.com/postrider/postrider => ../..
