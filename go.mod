module github.com/postrider/postrider

go 1.25

require (
	code.dny.dev/ssrf v0.3.0
	github.com/cenkalti/backoff/v4 v4.3.0
)
