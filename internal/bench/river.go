package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	// riverCooldown is the time between fetches, and between notices of inserted
	// jobs; the default of 100 ms would be River's latency.
	riverCooldown = 2 * time.Millisecond
	// riverPoll is only for notices that got lost.
	riverPoll = time.Second
	// riverEvents is the room for completed jobs that have not been counted yet;
	// River drops what does not fit.
	riverEvents = 1 << 20
)

// riverQueue is River on Postgres: a job for each delivery, whose handler signs
// and posts the body that the job holds.
type riverQueue struct {
	// small has as many workers as the base has requests under way.
	small     bool
	setupInfo setup
	pool      *pgxpool.Pool
	poster    *poster
	client    *river.Client[pgx.Tx]
	ids       atomic.Int64
	// counted ends when the events of all jobs have been counted.
	counted           chan struct{}
	delivered, failed atomic.Int64
}

// riverJob is one delivery.
type riverJob struct {
	ID       string `json:"id"`
	Endpoint int    `json:"endpoint"`
	// Body is text: jsonb would not keep the bytes of an object.
	Body string `json:"body"`
}

// Kind implements river.JobArgs.
func (riverJob) Kind() string { return "webhook" }

type riverWorker struct {
	river.WorkerDefaults[riverJob]
	poster *poster
}

// Work implements river.Worker.
func (w *riverWorker) Work(ctx context.Context, job *river.Job[riverJob]) error {
	_, err := w.poster.post(ctx, job.Args.ID, job.Args.Endpoint, []byte(job.Args.Body))
	return err
}

func (q *riverQueue) setup(ctx context.Context, s setup) ([][]byte, error) {
	if err := q.connect(ctx, s); err != nil {
		return nil, err
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(q.pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	jobs := s.Rivals.RiverWorkers
	if q.small {
		jobs = s.InFlight
	}
	q.poster = newPoster(s, jobs)
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverWorker{poster: q.poster})
	q.client, err = river.NewClient(riverpgxv5.New(q.pool), &river.Config{
		FetchCooldown:     riverCooldown,
		FetchPollInterval: riverPoll,
		// No deadline: the base has none, and a timer for each job costs.
		JobTimeout: -1,
		Logger:     slog.New(slog.DiscardHandler),
		Queues:     map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: jobs}},
		Workers:    workers,
	})
	return q.poster.keys, err
}

// attach makes a client that only inserts. The cooldown spaces its notices too.
func (q *riverQueue) attach(ctx context.Context, s setup) error {
	if err := q.connect(ctx, s); err != nil {
		return err
	}
	var err error
	q.client, err = river.NewClient(riverpgxv5.New(q.pool), &river.Config{
		FetchCooldown: riverCooldown,
		Logger:        slog.New(slog.DiscardHandler),
	})
	return err
}

func (q *riverQueue) connect(ctx context.Context, s setup) error {
	q.setupInfo = s
	cfg, err := pgxpool.ParseConfig(s.DSN)
	if err != nil {
		return err
	}
	cfg.MaxConns = int32(s.Rivals.RiverConns)
	q.pool, err = pgxpool.NewWithConfig(ctx, cfg)
	return err
}

func (q *riverQueue) publish(ctx context.Context, e event) error {
	return q.publishBatch(ctx, []event{e})
}

func (q *riverQueue) publishBatch(ctx context.Context, events []event) error {
	var jobs []river.InsertManyParams
	for _, e := range events {
		endpoints, err := targets(e.Type, q.setupInfo.Endpoints)
		if err != nil {
			return err
		}
		id := e.ID
		if id == "" {
			id = "msg_" + strconv.FormatInt(q.ids.Add(1), 10)
		}
		for _, n := range endpoints {
			jobs = append(jobs, river.InsertManyParams{Args: riverJob{ID: id, Endpoint: n, Body: string(e.Payload)}})
		}
	}
	inserted, err := q.client.InsertManyFast(ctx, jobs)
	if err == nil && inserted != len(jobs) {
		err = fmt.Errorf("%d of %d jobs were inserted", inserted, len(jobs))
	}
	return err
}

func (q *riverQueue) start(ctx context.Context) error {
	events, cancel := q.client.SubscribeConfig(&river.SubscribeConfig{
		ChanSize: riverEvents,
		Kinds:    []river.EventKind{river.EventKindJobCompleted, river.EventKindJobFailed, river.EventKindJobCancelled},
	})
	q.counted = make(chan struct{})
	go func() {
		defer close(q.counted)
		defer cancel()
		for e := range events { // until the client has stopped
			if e.Kind == river.EventKindJobCompleted {
				q.delivered.Add(1)
			} else {
				q.failed.Add(1)
			}
		}
	}()
	return q.client.Start(context.WithoutCancel(ctx))
}

// settled counts the events that River sends when a job's completion has been
// stored.
func (q *riverQueue) settled(context.Context) (delivered, failed int64, err error) {
	return q.delivered.Load(), q.failed.Load(), nil
}

func (q *riverQueue) pause(ctx context.Context) error {
	return q.client.QueuePause(ctx, river.QueueDefault, nil)
}

func (q *riverQueue) resume(ctx context.Context) error {
	return q.client.QueueResume(ctx, river.QueueDefault, nil)
}

func (q *riverQueue) stop(ctx context.Context) error {
	var err error
	if q.counted != nil {
		if err = q.client.Stop(ctx); err == nil {
			<-q.counted
		}
	}
	if q.poster != nil {
		q.poster.close()
	}
	if q.pool == nil {
		return errors.Join(err, errors.New("was not set up"))
	}
	q.pool.Close()
	return err
}
