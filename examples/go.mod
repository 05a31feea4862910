module github.com/postrider/postrider/examples

go 1.25

require github.com/postrider/postrider v0.0.0

require (
	code.dny.dev/ssrf v0.3.0 // indirect
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
)

replace github.com/postrider/postrider => ..
