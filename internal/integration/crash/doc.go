// Package crash is the crash and fault suite: processes that deliver are killed,
// stopped and cut off from their store, the store's server is restarted, paused
// and cut off from them, and what came of it is held against what must always be
// true by package history.
//
// The processes are this package's own test binary, started anew. POSTRIDER_CRASH
// says how much is done: "full" is "make crash", on every store; "short" is "make
// crash-short", with few kills and two stores for all; without it, tests take a
// taste of it on SQLite. POSTRIDER_CRASH_STORES names the stores, separated by
// commas, and POSTRIDER_CRASH_KEEP a directory for the histories that break rules.
//
// That the check finds what it should is shown by faults that are put into stores
// and engines on purpose; see faults_test.go. Most of them are played in a lab,
// within one process and with a fake clock, some by real processes.
package crash
