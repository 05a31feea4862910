// Package dispatchertest helps hosts test their own code that publishes
// webhooks.
//
// # Did my code publish the right event?
//
// A [Recorder] is a [dispatcher.Dispatcher] without endpoints that keeps what
// was published. It refuses what an engine with the same options would refuse.
//
//	rec := dispatchertest.NewRecorder(t)
//	err := billing.Pay(ctx, rec, invoice) // the code under test takes a dispatcher.Publisher
//	paid := rec.RequirePublished("invoice.paid")
//
// # Does it arrive?
//
// A [Receiver] is an HTTPS server on this machine that verifies signatures,
// keeps requests and answers as told. [Run] runs an engine for as long as the
// test lasts.
//
//	rcv := dispatchertest.NewReceiver(t)
//	hooks, err := dispatcher.New(memstore.New(), append(rcv.Options(),
//		dispatcher.WithRetry(dispatcher.Schedule(0, 0)))...) // by default the first retry comes after 5 s
//	_, _, err = hooks.Register(ctx, rcv.Endpoint("invoice.*"))
//	dispatchertest.Run(t, hooks)
//	…
//	rcv.Respond(500, 500)   // then 200
//	reqs := rcv.Wait(3, 5*time.Second)
//
// # What became of it?
//
// That a request arrived does not mean that its outcome is stored. [Await] waits
// until deliveries have ended, by asking the dispatcher; [AwaitReceipt] does so
// for all deliveries of a receipt. A [Waiter] learns of it as an observer,
// without asking, and also for deliveries of which the test has no id; it is what
// to use in a testing/synctest bubble.
//
//	for _, d := range dispatchertest.AwaitReceipt(t, hooks, 5*time.Second, rcpt) { … }
//
// # Waiting and failing
//
// Everything that waits has a limit: the timeout given, the context's deadline,
// or 10 seconds for a context without one. What fails calls Fatalf, and must
// therefore be called from the test's own goroutine, as [testing.T.FailNow] must.
// What is noticed on another goroutine, such as a request with a wrong signature,
// is reported by Errorf.
//
// Everything takes a [TB], which a *testing.T is, and may be used by several
// goroutines at once unless it says otherwise.
package dispatchertest
