package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const (
	// asynqCheck is how long an empty queue is left alone; the default of a
	// second would be asynq's latency.
	asynqCheck = 5 * time.Millisecond
	asynqTask  = "webhook"
	// asynqDefault is the queue of tasks that name none.
	asynqDefault = "default"
	// asynqPublishers is how many tasks of one event or batch are enqueued at
	// once: asynq has no call for several.
	asynqPublishers = 16
)

// asynqQueue is asynq on Redis: a task for each delivery, whose handler signs
// and posts the body that the task holds.
type asynqQueue struct {
	// several servers share the process, instead of one.
	several   bool
	setupInfo setup
	redis     redis.UniversalClient
	poster    *poster
	client    *asynq.Client
	inspector *asynq.Inspector
	servers   []*asynq.Server
	ids       atomic.Int64
	// enqueued counts what was published, handled and failed what the handler
	// has returned from.
	enqueued, handled, failed atomic.Int64
}

// asynqPayload is one delivery.
type asynqPayload struct {
	ID       string `json:"id"`
	Endpoint int    `json:"endpoint"`
	Body     string `json:"body"`
}

func (q *asynqQueue) setup(ctx context.Context, s setup) ([][]byte, error) {
	if err := q.attach(ctx, s); err != nil {
		return nil, err
	}
	q.poster = newPoster(s, s.Rivals.AsynqWorkers)
	return q.poster.keys, nil
}

func (q *asynqQueue) attach(_ context.Context, s setup) error {
	q.setupInfo = s
	var err error
	// A connection for each worker: none ever waits for one.
	if q.redis, err = openRedis(s.DSN, s.Rivals.AsynqWorkers+asynqPublishers); err != nil {
		return err
	}
	q.client = asynq.NewClientFromRedisClient(q.redis)
	q.inspector = asynq.NewInspectorFromRedisClient(q.redis)
	return nil
}

func (q *asynqQueue) publish(ctx context.Context, e event) error {
	return q.publishBatch(ctx, []event{e})
}

func (q *asynqQueue) publishBatch(ctx context.Context, events []event) error {
	var tasks []asynqPayload
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
			tasks = append(tasks, asynqPayload{ID: id, Endpoint: n, Body: string(e.Payload)})
		}
	}
	if len(tasks) == 1 {
		return q.enqueue(ctx, tasks[0])
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(asynqPublishers, len(tasks)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(tasks)); i = next.Add(1) - 1 {
				if err := q.enqueue(ctx, tasks[i]); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (q *asynqQueue) enqueue(ctx context.Context, t asynqPayload) error {
	payload, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if _, err := q.client.EnqueueContext(ctx, asynq.NewTask(asynqTask, payload)); err != nil {
		return err
	}
	q.enqueued.Add(1)
	return nil
}

// start runs one server, or several that share the workers out: each fetches one
// task after another, so that one alone waits for Redis much of the time.
func (q *asynqQueue) start(context.Context) error {
	r, servers := q.setupInfo.Rivals, 1
	if q.several {
		servers = r.AsynqServers
	}
	for range servers {
		srv := asynq.NewServerFromRedisClient(q.redis, asynq.Config{
			Concurrency:       r.AsynqWorkers / servers,
			TaskCheckInterval: asynqCheck,
			LogLevel:          asynq.FatalLevel,
		})
		if err := srv.Start(asynq.HandlerFunc(q.handle)); err != nil {
			return err
		}
		q.servers = append(q.servers, srv)
	}
	return nil
}

func (q *asynqQueue) handle(ctx context.Context, t *asynq.Task) error {
	var p asynqPayload
	err := json.Unmarshal(t.Payload(), &p)
	if err == nil {
		_, err = q.poster.post(ctx, p.ID, p.Endpoint, []byte(p.Body))
	}
	if err != nil {
		q.failed.Add(1)
		return err
	}
	q.handled.Add(1)
	return nil
}

// settled is what the handler has returned from, and at the end, when that is
// everything, what Redis no longer holds: asynq does not tell when it has
// removed a task. Until then it is too many by those that are being removed.
func (q *asynqQueue) settled(context.Context) (delivered, failed int64, err error) {
	delivered, failed = q.handled.Load(), q.failed.Load()
	if enqueued := q.enqueued.Load(); enqueued == 0 || delivered+failed < enqueued {
		return delivered, failed, nil
	}
	info, err := q.inspector.GetQueueInfo(asynqDefault)
	if err != nil {
		return 0, failed, fmt.Errorf("queue info: %w", err)
	}
	return delivered - int64(info.Size), failed, nil
}

func (q *asynqQueue) pause(context.Context) error { return q.inspector.PauseQueue(asynqDefault) }

func (q *asynqQueue) resume(context.Context) error { return q.inspector.UnpauseQueue(asynqDefault) }

func (q *asynqQueue) stop(context.Context) error {
	for _, srv := range q.servers {
		srv.Shutdown()
	}
	if q.poster != nil {
		q.poster.close()
	}
	return q.redis.Close()
}
