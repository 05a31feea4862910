// Package history records what happens while processes that deliver are killed,
// stopped and cut off from their store, and holds the record against what must
// always be true.
//
// Three sources make a [History]: the logs that the processes write themselves,
// call by call, with write(2), so that SIGKILL leaves all but the last line; the
// log of the receiver, which stands outside; and what the store says when
// everything has ended. [Check] is a pure function over them. It knows nothing of
// how the store or the engine work, only what each owes the other.
package history
