package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/adapters/memstore"
	"github.com/postrider/postrider/store"
)

// A host hands the store to dispatcher.New and never calls it by itself. What
// the dispatcher does with it is, in short, this.
func ExampleNew() {
	ctx := context.Background()
	s := memstore.New(memstore.WithMaxDeliveries(100_000), memstore.WithMaxBytes(256<<20))
	fmt.Println(s.Info().Name, "durable:", s.Info().Durable)

	_, err := s.Insert(ctx, []store.NewEvent{{
		Event:      store.Event{ID: "evt_1", Type: "invoice.paid", Body: []byte(`{"type":"invoice.paid"}`)},
		Deliveries: []store.NewDelivery{{EndpointID: "ep_1"}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	batch, err := s.Claim(ctx, store.ClaimParams{Lanes: []store.Lane{{ID: "ep_1", N: 10}}, Max: 10, Lease: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range batch.Deliveries {
		fmt.Printf("send %s to %s\n", batch.Events[c.Event].Body, c.Delivery.EndpointID)
		_, err = s.Settle(ctx, []store.Outcome{{DeliveryID: c.Delivery.ID, Token: c.Delivery.Token, State: store.StateDelivered}})
		if err != nil {
			fmt.Println(err)
		}
	}
	stats, err := s.Stats(ctx, store.StatsQuery{})
	fmt.Printf("%+v %v\n", stats.Total, err)
	// Output:
	// memory durable: false
	// send {"type":"invoice.paid"} to ep_1
	// {Pending:0 Delivered:1 Failed:0 Cancelled:0} <nil>
}

// A full store refuses what comes in, and goes on with what is in it.
func ExampleWithMaxDeliveries() {
	ctx := context.Background()
	s := memstore.New(memstore.WithMaxDeliveries(1))
	insert := func(id string) error {
		_, err := s.Insert(ctx, []store.NewEvent{{
			Event:      store.Event{ID: id, Type: "invoice.paid"},
			Deliveries: []store.NewDelivery{{EndpointID: "ep_1"}},
		}})
		return err
	}
	fmt.Println(insert("evt_1"))
	fmt.Println(errors.Is(insert("evt_2"), store.ErrFull))
	// Output:
	// <nil>
	// true
}

// In a test the time is the test's to pass.
func ExampleWithClock() {
	ctx := context.Background()
	now := time.Date(2024, 11, 21, 8, 0, 0, 0, time.UTC)
	s := memstore.New(memstore.WithClock(func() time.Time { return now }))
	_, err := s.Insert(ctx, []store.NewEvent{{
		Event:      store.Event{ID: "evt_1", Type: "invoice.paid", At: now.Add(time.Hour)},
		Deliveries: []store.NewDelivery{{EndpointID: "ep_1"}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	claim := store.ClaimParams{Lanes: []store.Lane{{ID: "ep_1", N: 1}}, Max: 1, Lease: time.Minute}
	for range 2 {
		batch, err := s.Claim(ctx, claim)
		fmt.Println(len(batch.Deliveries), err)
		now = now.Add(time.Hour)
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
}
