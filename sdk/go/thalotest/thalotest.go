// Package thalotest tests an aggregate's rules: given events, when a command comes, then events (or a refusal).
//
//	thalotest.Given[Counter](t, Incremented{5}).When(Decrement{2}).Then(Decremented{2})
//	thalotest.Given[Counter](t).When(Decrement{2}).ThenRejected(BelowZero{0, 2})
//	thalotest.Given[Counter](t).WhenJSON("Decrement", `{"amount":-1}`).ThenInvalid("amount")
//
// Everything goes through JSON as in the runtime, so what cannot be stored fails here; an aggregate with snapshots is
// also put through one before the command, and a handler that changes the state is found out. What nothing is expected of
// fails, too: a Given without a When, a When without one of the Then or State.
package thalotest

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"thalo"
)

// Past is an entity's past, and what surrounds the next command.
type Past[T any] struct {
	t          testing.TB
	definition *thalo.Definition
	events     []thalo.Event
	context    thalo.Context
	used       *bool
}

// Fails a test that ends before what comes back is true; `skip` calls above is the test.
func mustBecomeTrue(t testing.TB, skip int, what string) *bool {
	t.Helper()
	done := new(bool)
	_, file, line, _ := runtime.Caller(skip)
	t.Cleanup(func() {
		if !*done && !t.Failed() {
			t.Errorf("%s:%d: %s", filepath.Base(file), line, what)
		}
	})
	return done
}

// Given begins with an entity that these events have happened to.
func Given[T any, P interface {
	*T
	thalo.Aggregate
}](t testing.TB, events ...thalo.Event) *Past[T] {
	context := thalo.Context{ID: "test", TimeMs: 946684800000, Version: uint64(len(events))}
	used := mustBecomeTrue(t, 2, "nothing is done with this Given: where is the When?")
	return &Past[T]{t, thalo.Define[T, P](), events, context, used}
}

// WithContext sets what surrounds the command.
func (p *Past[T]) WithContext(context thalo.Context) *Past[T] {
	p.context = context
	return p
}

// Outcome is what came of a command.
type Outcome[T any] struct {
	t      testing.TB
	past   *Past[T]
	lines  []string
	entity thalo.Aggregate
	proven *bool
}

// When gives the entity a command.
func (p *Past[T]) When(command thalo.Command) *Outcome[T] {
	p.t.Helper()
	name, payload, err := p.definition.EncodeCommand(command)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.when(name, payload)
}

// WhenJSON gives it one as a client sends it: its name and its payload in JSON.
func (p *Past[T]) WhenJSON(name, payload string) *Outcome[T] {
	p.t.Helper()
	return p.when(name, payload)
}

func (p *Past[T]) when(name, payload string) *Outcome[T] {
	p.t.Helper()
	*p.used = true
	entity := p.replay()
	before := p.state(entity)
	texts, failure := p.definition.Handle(entity, name, payload, p.context)
	if after := p.state(entity); after != before {
		p.t.Errorf("Handle changed the entity; only Apply may\n  before %s\n  after  %s", before, after)
	}
	proven := mustBecomeTrue(p.t, 3, "nothing is expected of this When: where is the Then?")
	outcome := &Outcome[T]{p.t, p, nil, entity, proven}
	if failure != nil {
		outcome.lines = []string{described(failure)}
		return outcome
	}
	for _, text := range texts {
		outcome.lines = append(outcome.lines, text.Type+" "+text.Payload)
		p.apply(entity, text)
	}
	return outcome
}

const invalid = "invalid: "

func described(failure *thalo.Failure) string {
	switch failure.Kind {
	case thalo.FailedCommand:
		return "rejected: " + failure.Message
	case thalo.FailedDeserializeCommand:
		return invalid + failure.Message
	}
	return "failed: " + failure.Subject + ": " + failure.Message
}

func (p *Past[T]) state(entity thalo.Aggregate) string {
	p.t.Helper()
	text, err := p.definition.Snapshot(entity)
	if err != nil {
		p.t.Fatalf("the entity's fields cannot be written as JSON: %v", err)
	}
	return text
}

func (p *Past[T]) replay() thalo.Aggregate {
	p.t.Helper()
	entity := p.definition.Create(p.context.ID)
	for _, event := range p.events {
		text, failure := p.definition.Encode(event)
		if failure != nil {
			p.t.Fatal(failure.Message)
		}
		p.apply(entity, text)
	}
	if p.definition.Snapshots == "" {
		return entity
	}
	restored := p.definition.Create(p.context.ID)
	if err := p.definition.Restore(restored, p.state(entity)); err != nil {
		p.t.Fatalf("the snapshot %s cannot be restored: %v", p.state(entity), err)
	}
	if !p.definition.Same(restored, entity) {
		p.t.Errorf("an entity restored from its snapshot differs\n  before %+v\n  after  %+v", entity, restored)
	}
	return restored
}

func (p *Past[T]) apply(entity thalo.Aggregate, event thalo.EventText) {
	p.t.Helper()
	if failure := p.definition.Apply(entity, event.Type, event.Payload); failure != nil {
		p.t.Fatalf("the event %s %s cannot be applied: %s", event.Type, event.Payload, failure.Message)
	}
}

// Then expects exactly these events, in this order; none: nothing happened.
func (o *Outcome[T]) Then(events ...thalo.Event) *Outcome[T] {
	o.t.Helper()
	lines := []string{}
	for _, event := range events {
		text, failure := o.past.definition.Encode(event)
		if failure != nil {
			o.t.Fatal(failure.Message)
		}
		lines = append(lines, text.Type+" "+text.Payload)
	}
	return o.expect(lines)
}

// ThenRejected expects a refusal: the struct that was given to Reject, or an error with that text.
func (o *Outcome[T]) ThenRejected(reason any) *Outcome[T] {
	o.t.Helper()
	text, err := thalo.RejectionText(reason)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.expect([]string{"rejected: " + text})
}

// ThenInvalid expects a command that cannot be read, unknown or with a payload that is none, with `part` in what is said
// about it.
func (o *Outcome[T]) ThenInvalid(part string) *Outcome[T] {
	o.t.Helper()
	*o.proven = true
	if len(o.lines) != 1 || !strings.HasPrefix(o.lines[0], invalid) || !strings.Contains(o.lines[0], part) {
		o.t.Errorf("expected\n    a command that cannot be read (%s)\nbut got\n    %s", part, listed(o.lines))
	}
	return o
}

// State is the entity after the new events.
func (o *Outcome[T]) State() *T {
	*o.proven = true
	return o.entity.(any).(*T)
}

func (o *Outcome[T]) expect(lines []string) *Outcome[T] {
	o.t.Helper()
	*o.proven = true
	if !slices.Equal(lines, o.lines) {
		o.t.Errorf("expected\n    %s\nbut got\n    %s", listed(lines), listed(o.lines))
	}
	return o
}

func listed(lines []string) string {
	if len(lines) == 0 {
		return "nothing"
	}
	return strings.Join(lines, "\n    ")
}
