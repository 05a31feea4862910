package mutation

const requeueReset = `	r.token++
	r.tries, r.expiries = 0, 0
`

var recoveryFaults = []fault{
	{"token not raised on requeue", []edit{{"recovery.go", requeueReset, `	r.tries, r.expiries = 0, 0
`}}},
	{"token not raised on cancel", []edit{{"recovery.go", `		r.token++
		s.rows.setReason(r, reason)`, `		s.rows.setReason(r, reason)`}}},
	{"requeue keeps the tries", []edit{{"recovery.go", requeueReset, `	r.token++
	r.expiries = 0
`}}},
	{"requeue keeps the expiries", []edit{{"recovery.go", requeueReset, `	r.token++
	r.tries = 0
`}}},
	{"requeue clears the interruptions", []edit{{"recovery.go", requeueReset, requeueReset + `	r.interrupted = 0
`}}},
	{"first success erased on requeue", []edit{{"recovery.go", requeueReset, requeueReset + `	r.delivered = 0
`}}},
	{"requeue keeps the reason", []edit{{"recovery.go", `	s.rows.setReason(r, "")
`, ``}}},
	{"requeue keeps the claim", []edit{{"recovery.go", `	r.claimed = false
	r.visible`, `	r.visible`}}},
	{"requeue of a resting delivery leaves its time", []edit{{"recovery.go", `		s.lease(l, n, r, now)
`, `		s.lease(l, n, r, max(now, l.timedAt(r)))
`}, {"recovery.go", `// requeue makes a delivery`, `func (l *lane) timedAt(r *row) int64 {
	if r.place == timed {
		return l.timed[r.prev].at
	}
	return 0
}

// requeue makes a delivery`}}},
	{"DryRun writes", []edit{{"recovery.go", `	if p.DryRun {
`, `	if p.DryRun && len(plan.made) > 0 {
`}}},
	{"DryRun makes what is missing", []edit{{"recovery.go", `	if p.DryRun {
`, `	if p.DryRun && len(plan.made) == 0 {
`}}},
	{"If ignored", []edit{{"recovery.go", `len(item.If) > 0 && !slices.Contains(item.If, result.Was):`, `len(item.If) > 9 && !slices.Contains(item.If, result.Was):`}}},
	{"If holds for missing ones too", []edit{{"recovery.go", `	case e.noBody:
		return store.Requeued{Result: store.RequeueNoBody}, nil
`, `	case e.noBody:
		return store.Requeued{Result: store.RequeueNoBody}, nil
	case len(item.If) > 0:
		return store.Requeued{Result: store.RequeueSkipped}, nil
`}}},
	{"a purged body requeued", []edit{{"recovery.go", `	case e.noBody:
		result.Result = store.RequeueNoBody
`, ``}}},
	{"a missing delivery made for a purged body", []edit{{"recovery.go", `	case e.noBody:
		return store.Requeued{Result: store.RequeueNoBody}, nil
`, ``}}},
	{"Was told as it is afterwards", []edit{{"recovery.go", `	result.Result = store.RequeueDone
`, `	result.Result = store.RequeueDone
		result.Was = store.StatePending
`}}},
	{"what a requeue made is made again", []edit{{"recovery.go", `	e.extra[l.slot] = n
`, `	e.extra[l.slot+1<<20] = n
`}}},
	{"requeue not atomic", []edit{{"recovery.go", `		switch results[i].Result {
		case store.RequeueDone:`, `		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		switch results[i].Result {
		case store.RequeueDone:`}}},
	{"cancel of a delivered one", []edit{{"recovery.go", `		if r == nil || r.state != store.StatePending {
			continue
		}
		cancelled[i] = true
`, `		if r == nil || r.state == store.StateCancelled {
			continue
		}
		cancelled[i] = true
		if r.state != store.StatePending {
			s.requeue(s.number(id), r)
		}
`}}},
	{"cancel tells true of what had ended", []edit{{"recovery.go", `		if r == nil || r.state != store.StatePending {
			continue
		}
		cancelled[i] = true
`, `		cancelled[i] = r != nil
		if r == nil || r.state != store.StatePending {
			continue
		}
`}}},
	{"cancel keeps the old reason", []edit{{"recovery.go", `		s.rows.setReason(r, reason)
`, `		if r.reason == 0 {
			s.rows.setReason(r, reason)
		}
`}}},
}
