package memstore

import "time"

// The bounds of a store that was made without others.
const (
	DefaultMaxDeliveries       = 2_000_000
	DefaultMaxBytes      int64 = 1 << 30
)

// Option changes what [New] makes.
type Option func(*Store)

// WithMaxDeliveries bounds the deliveries that are kept, whatever their state.
// An event without deliveries counts as one. The default, also for n <= 0, is
// [DefaultMaxDeliveries].
func WithMaxDeliveries(n int) Option {
	return func(s *Store) { s.maxUnits = int64(n) }
}

// WithMaxBytes bounds the memory for everything that is kept: endpoints,
// events, deliveries, attempts, and the indexes over them. It is the store's own
// account of it, within about a fifth of what the runtime measures, without the
// garbage that awaits collection. The default, also for n <= 0, is
// [DefaultMaxBytes].
func WithMaxBytes(n int64) Option {
	return func(s *Store) { s.maxBytes = n }
}

// WithClock sets the store's clock, for tests. The default, also for nil, is
// [time.Now]. It is read under the store's lock, so it must not call the store.
// It should lie between the years 1970 and 2262; it need not be monotone.
func WithClock(now func() time.Time) Option {
	return func(s *Store) { s.clock = now }
}
