// A counter that can be incremented, decremented down to zero, and reset.
package main

import (
	"math"

	"thalo"
)

// Commands: what somebody asks for.
type (
	Increment struct {
		Amount uint64 `json:"amount"`
	}
	Decrement struct {
		Amount uint64 `json:"amount"`
	}
	Reset struct{}
)

// Events: what has happened. These are stored, for good.
type (
	Incremented struct {
		Amount uint64 `json:"amount"`
	}
	Decremented struct {
		Amount uint64 `json:"amount"`
	}
	WasReset struct {
		From uint64 `json:"from"`
	}
)

// Errors: why the counter refuses.
type (
	BelowZero struct {
		Count  uint64 `json:"count"`
		Amount uint64 `json:"amount"`
	}
	Overflow struct {
		Count  uint64 `json:"count"`
		Amount uint64 `json:"amount"`
	}
)

type Counter struct {
	Count uint64 `json:"count"`
}

func (c *Counter) Kinds() thalo.Kinds {
	return thalo.Kinds{
		Commands: thalo.Types{Increment{}, Decrement{}, Reset{}},
		Events:   thalo.Types{Incremented{}, Decremented{}, WasReset{}},
	}
}

func (c *Counter) Handle(command thalo.Command, _ thalo.Context) ([]thalo.Event, error) {
	switch command := command.(type) {
	case Increment:
		if command.Amount > math.MaxUint64-c.Count {
			return thalo.Reject(Overflow{c.Count, command.Amount})
		}
		return thalo.Emit(Incremented{command.Amount})
	case Decrement:
		if command.Amount > c.Count {
			return thalo.Reject(BelowZero{c.Count, command.Amount})
		}
		return thalo.Emit(Decremented{command.Amount})
	case Reset:
		// A counter that stands at zero has nothing to reset: no event.
		if c.Count > 0 {
			return thalo.Emit(WasReset{c.Count})
		}
	}
	return thalo.Nothing()
}

func (c *Counter) Apply(event thalo.Event) {
	switch event := event.(type) {
	case Incremented:
		c.Count += event.Amount
	case Decremented:
		c.Count -= event.Amount
	case WasReset:
		c.Count = 0
	}
}

func init() { thalo.Export[Counter]() }

func main() {}
