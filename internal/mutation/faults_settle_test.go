package mutation

const fence = `case r.state != store.StatePending || r.token != o.Token:
`

var settleFaults = []fault{
	{"no fence", []edit{{"settle.go", fence, `case r.state != store.StatePending:
`}}},
	{"settle checks the time instead of the token", []edit{{"settle.go", fence, `case r.state != store.StatePending || r.visible < now:
`}}},
	{"settle checks the time beside the token", []edit{{"settle.go", fence, `case r.state != store.StatePending || r.token != o.Token || r.visible < now:
`}}},
	{"a higher token passes the fence", []edit{{"settle.go", fence, `case r.state != store.StatePending || r.token > o.Token:
`}}},
	{"a lost outcome settles the state, a terminal one", []edit{{"settle.go", fence, `case r.state != store.StatePending && r.token != o.Token:
`}}},
	{"settle not atomic", []edit{{"settle.go", `		o := &outcomes[i]
		n := s.number(o.DeliveryID)`, `		o := &outcomes[i]
		if i > 0 && ctx.Err() != nil {
			return store.SettleResult{}, ctx.Err()
		}
		n := s.number(o.DeliveryID)`}}},
	{"settle applies those before a bad outcome", []edit{
		{"settle.go", `	for i := range outcomes {
		if st := outcomes[i].State; st < `, `	for i := range outcomes[:min(1, len(outcomes))] {
		if st := outcomes[i].State; st < `},
		{"settle.go", `		o := &outcomes[i]
		n := s.number(o.DeliveryID)`, `		o := &outcomes[i]
		if o.State < store.StatePending || o.State > store.StateCancelled {
			return store.SettleResult{}, fmt.Errorf("memstore: settle: invalid State")
		}
		n := s.number(o.DeliveryID)`}}},
	{"the attempt of a lost outcome recorded", []edit{{"settle.go", fence, fence + `			if o.Attempt != nil {
				s.record(n, r, e.records[i])
			}
`}}},
	{"repeated settle applied twice", []edit{{"settle.go", `case s.rows.isSettled(n, r, o.Token):`, `case r.state != store.StatePending && r.token == o.Token:`}}},
	{"repeated settle lost", []edit{{"settle.go", `			// A repetition.
`, `			result.Lost = append(result.Lost, o.DeliveryID)
`}}},
	{"repeated settle lost once the delivery was claimed again", []edit{{"settle.go",
		`case s.rows.isSettled(n, r, o.Token):`, `case r.token == o.Token && s.rows.isSettled(n, r, o.Token):`}}},
	{"unknown delivery not lost", []edit{{"settle.go", `		case r == nil:
			result.Lost = append(result.Lost, o.DeliveryID)
`, `		case r == nil:
`}}},
	{"lost not told", []edit{{"settle.go", fence + `			result.Lost = append(result.Lost, o.DeliveryID)
`, fence}}},
	{"release costs a try", []edit{{"settle.go", `	s.rows.setSettled(n, r, o.Token)
`, `	s.rows.setSettled(n, r, o.Token)
	if o.Attempt == nil {
		r.tries++
	}
`}}},
	{"release clears the expiries", []edit{{"settle.go", `	s.rows.setSettled(n, r, o.Token)
`, `	s.rows.setSettled(n, r, o.Token)
	r.expiries = 0
`}}},
	{"release clears the last status", []edit{{"settle.go", `	s.rows.setSettled(n, r, o.Token)
`, `	s.rows.setSettled(n, r, o.Token)
	r.status = 0
`}}},
	{"an attempt leaves the expiries", []edit{{"settle.go", `		r.expiries = 0
`, ``}}},
	{"status 0 does not replace the last status", []edit{{"settle.go", `		r.status = int32(o.Attempt.Status)
`, `		if o.Attempt.Status != 0 {
			r.status = int32(o.Attempt.Status)
		}
`}}},
	{"Free ignored", []edit{{"settle.go", `if !o.Free {`, `if true {`}}},
	{"a free attempt not counted", []edit{{"settle.go", `	if o.Attempt != nil {
		if bare {`, `	if o.Attempt != nil && !o.Free {
		if bare {`}}},
	{"an empty reason clears the stored one", []edit{{"settle.go", `if o.Reason != "" {`, `if true {`}}},
	{"a later success replaces the first", []edit{{"settle.go", `o.State == store.StateDelivered && r.delivered == 0 {`, `o.State == store.StateDelivered {`}}},
	{"any end sets DeliveredAt", []edit{{"settle.go", `o.State == store.StateDelivered && r.delivered == 0 {`, `o.State.Terminal() && r.delivered == 0 {`}}},
	{"Delay ignored", []edit{{"settle.go", `s.lease(l, n, r, after(now, o.Delay))`, `s.lease(l, n, r, now)`}}},
	{"Delay below 0 taken as it is", []edit{{"clock.go", `	if d <= 0 {
		return now`, `	if d <= 0 {
		return now + int64(d)`}}},
	{"Delay counted from the end of the lease", []edit{{"settle.go", `after(now, o.Delay)`, `after(max(now, r.visible), o.Delay)`}}},
	{"a settled delivery stays claimed", []edit{{"settle.go", `r.claimed, r.updated = false, now`, `r.updated = now`}}},
	{"attempts numbered from the latest", []edit{{"attempts.go", `a.Number, a.DeliveryID = len(attempts)+1, deliveryID`, `a.Number, a.DeliveryID = n-len(attempts), deliveryID`}}},
	{"attempts renumbered by a requeue", []edit{{"recovery.go", `	r.tries, r.expiries = 0, 0
`, `	if r.attempts > 0 {
		s.rows.logs.drop(n)
	}
	r.attempts, r.tries, r.expiries = 0, 0, 0
`}}},
	{"attempt without its error", []edit{{"attempts.go", `	a.Error = r.text()
`, `	r.text()
`}}},
	{"response body nil and empty confused", []edit{{"attempts.go", `if n := r.uvarint(); n > 0 {`, `if n := r.uvarint(); n > 1 {`}}},
}
