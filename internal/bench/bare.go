package main

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// bareQueue is the least that a queue in Postgres has to do, so that one can see
// what is possible: it keeps a body once for each event and a narrow row for each
// delivery, leases the row before it posts, and marks it after. Nobody could use it:
// it finds no event by its id, tries nothing again, keeps no record, has no fence and
// no index but the primary keys, and its one process knows where it stopped reading,
// so that it would miss what commits late: it is for scenarios that publish first.
// Its requests are as many as the base's, which was not tuned.
type bareQueue struct {
	setupInfo setup
	pool      *pgxpool.Pool
	poster    *poster
	// events numbers them: only this process publishes.
	events atomic.Int64
	// done are the jobs that were posted.
	done              chan int64
	delivered, failed atomic.Int64
	end               context.CancelFunc
	loops             sync.WaitGroup
}

// bareBatch is how many jobs are leased at once, and marked.
const bareBatch = 256

const (
	bareTables = `CREATE TABLE bare_events (id bigint PRIMARY KEY, body bytea NOT NULL);
CREATE TABLE bare (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event bigint NOT NULL, endpoint integer NOT NULL,
	leased_until timestamptz, done boolean NOT NULL DEFAULT false) WITH (fillfactor = 50)`
	bareClaim = `WITH c AS (
	UPDATE bare SET leased_until = now() + interval '1 minute' WHERE id = ANY (ARRAY(
		SELECT id FROM bare WHERE id > $1 AND NOT done AND (leased_until IS NULL OR leased_until < now()) ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED))
	RETURNING id, event, endpoint)
SELECT c.id, c.endpoint, e.body FROM c JOIN bare_events e ON e.id = c.event`
	bareSettle = `UPDATE bare SET done = true WHERE id = ANY ($1)`
)

type bareJob struct {
	id       int64
	endpoint int
	body     []byte
}

func (q *bareQueue) setup(ctx context.Context, s setup) ([][]byte, error) {
	if err := q.attach(ctx, s); err != nil {
		return nil, err
	}
	q.poster = newPoster(s, s.InFlight)
	_, err := q.pool.Exec(ctx, bareTables)
	return q.poster.keys, err
}

func (q *bareQueue) attach(ctx context.Context, s setup) (err error) {
	q.setupInfo = s
	q.pool, err = pgxpool.New(ctx, s.DSN)
	return err
}

func (q *bareQueue) publish(ctx context.Context, e event) error {
	return q.publishBatch(ctx, []event{e})
}

func (q *bareQueue) publishBatch(ctx context.Context, events []event) error {
	var bodies, jobs [][]any
	for _, e := range events {
		endpoints, err := targets(e.Type, q.setupInfo.Endpoints)
		if err != nil {
			return err
		}
		id := q.events.Add(1)
		bodies = append(bodies, []any{id, e.Payload})
		for _, n := range endpoints {
			jobs = append(jobs, []any{id, n})
		}
	}
	if _, err := q.pool.CopyFrom(ctx, pgx.Identifier{"bare_events"}, []string{"id", "body"}, pgx.CopyFromRows(bodies)); err != nil {
		return err
	}
	_, err := q.pool.CopyFrom(ctx, pgx.Identifier{"bare"}, []string{"event", "endpoint"}, pgx.CopyFromRows(jobs))
	return err
}

func (q *bareQueue) start(ctx context.Context) error {
	ctx, q.end = context.WithCancel(context.WithoutCancel(ctx))
	jobs := make(chan bareJob)
	q.done = make(chan int64, 2*bareBatch)
	q.loops.Go(func() { q.claim(ctx, jobs) })
	q.loops.Go(func() { q.settle(ctx) })
	for range q.setupInfo.InFlight {
		q.loops.Go(func() {
			for job := range jobs {
				if _, err := q.poster.post(ctx, "msg_"+strconv.FormatInt(job.id, 10), job.endpoint, job.body); err != nil {
					q.failed.Add(1)
					continue
				}
				select {
				case q.done <- job.id:
				case <-ctx.Done():
				}
			}
		})
	}
	return nil
}

// claim hands on what it leases, and leases the next batch meanwhile.
func (q *bareQueue) claim(ctx context.Context, jobs chan<- bareJob) {
	defer close(jobs)
	batches := make(chan []bareJob)
	q.loops.Go(func() {
		defer close(batches)
		for last := int64(0); ctx.Err() == nil; {
			batch, err := q.lease(ctx, last)
			if err != nil {
				q.failed.Add(1)
				return
			}
			for _, j := range batch {
				last = max(last, j.id)
			}
			if len(batch) > 0 {
				batches <- batch
				continue
			}
			select {
			case <-ctx.Done():
			case <-time.After(pollEvery):
			}
		}
	})
	for batch := range batches {
		for _, j := range batch {
			jobs <- j
		}
	}
}

func (q *bareQueue) lease(ctx context.Context, after int64) ([]bareJob, error) {
	rows, err := q.pool.Query(ctx, bareClaim, after, bareBatch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (j bareJob, err error) {
		return j, row.Scan(&j.id, &j.endpoint, &j.body)
	})
}

// settle marks what was posted, a batch at a time or what there is.
func (q *bareQueue) settle(ctx context.Context) {
	var ids []int64
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case id := <-q.done:
			if ids = append(ids, id); len(ids) < bareBatch {
				continue
			}
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if len(ids) == 0 {
			continue
		}
		if _, err := q.pool.Exec(ctx, bareSettle, ids); err != nil {
			q.failed.Add(int64(len(ids)))
		} else {
			q.delivered.Add(int64(len(ids)))
		}
		ids = ids[:0]
	}
}

func (q *bareQueue) settled(context.Context) (delivered, failed int64, err error) {
	return q.delivered.Load(), q.failed.Load(), nil
}

func (q *bareQueue) pause(context.Context) error  { return errors.ErrUnsupported }
func (q *bareQueue) resume(context.Context) error { return errors.ErrUnsupported }

func (q *bareQueue) stop(context.Context) error {
	if q.end != nil {
		q.end()
		q.loops.Wait()
	}
	if q.poster != nil {
		q.poster.close()
	}
	if q.pool == nil {
		return errors.New("was not set up")
	}
	q.pool.Close()
	return nil
}
