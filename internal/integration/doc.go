// Package integration tests Postrider against what others have written: the
// reference library of Standard Webhooks, the Ed25519 of node's crypto, the
// libraries by which the receivers of Stripe's and GitHub's webhooks verify them,
// and the SDK of CloudEvents. It is a module of its own, so that none of these
// becomes a requirement of hosts.
package integration
