package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"gorm.io/gorm"

	"github.com/postrider/postrider/dispatcher"
)

// Order is what a customer ordered; a row, an answer and a payload in one.
type Order struct {
	ID        string    `json:"id" gorm:"primaryKey;size:40"`
	Customer  string    `json:"customer" gorm:"size:255;index"`
	Item      string    `json:"item" gorm:"size:255"`
	Quantity  int       `json:"quantity"`
	CreatedAt time.Time `json:"createdAt"`
}

// Stock is how much there is of an item.
type Stock struct {
	Item     string `gorm:"primaryKey;size:255"`
	Quantity int
}

// OrderCreated is the event of a new order.
var OrderCreated = dispatcher.EventType[Order]{
	Name:        "order.created",
	Description: "An order was placed.",
	Example:     Order{ID: "ord_EXAMPLE", Customer: "acme", Item: "tea", Quantity: 2, CreatedAt: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)},
}

var errOutOfStock = errors.New("out of stock")

// place stores an order and publishes that it was created, both or neither.
func (s *service) place(ctx context.Context, o Order) error {
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&o).Error; err != nil {
			return err
		}
		if _, err := s.hooks.Tenant(o.Customer).PublishTx(ctx, s.store.Tx(tx), OrderCreated.New(o)); err != nil {
			return err
		}
		// Whatever fails from here on takes the order and the event back.
		taken := tx.Model(&Stock{}).Where("item = ? AND quantity >= ?", o.Item, o.Quantity).
			Update("quantity", gorm.Expr("quantity - ?", o.Quantity))
		if taken.Error == nil && taken.RowsAffected == 0 {
			return errOutOfStock
		}
		return taken.Error
	})
	if err == nil {
		s.hooks.Wake() // now that it is committed; else it would be found a little later
	}
	return err
}

func (s *service) createOrder(r *http.Request, customer string) (int, any, error) {
	var in struct {
		Item     string
		Quantity int
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	if in.Quantity < 1 {
		return 0, nil, invalid("quantity", "must be at least 1")
	}
	o := Order{ID: "ord_" + rand.Text(), Customer: customer, Item: in.Item, Quantity: in.Quantity, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	if err := s.place(r.Context(), o); err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, o, nil
}

func (s *service) listOrders(r *http.Request, customer string) (int, any, error) {
	orders := []Order{}
	err := s.db.WithContext(r.Context()).Where("customer = ?", customer).Order("created_at DESC").Limit(100).Find(&orders).Error
	return http.StatusOK, orders, err
}
