package thalotest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"thalo"
)

type set struct {
	Value uint64 `json:"value"`
}
type wasSet struct {
	Value uint64 `json:"value"`
}
type thing struct{ Value uint64 }

func (t *thing) Kinds() thalo.Kinds {
	return thalo.Kinds{Commands: thalo.Types{set{}}, Events: thalo.Types{wasSet{}}}
}

func (t *thing) Handle(command thalo.Command, context thalo.Context) ([]thalo.Event, error) {
	switch value := command.(set).Value; value {
	case 0:
		return thalo.Nothing()
	case 1:
		return nil, errors.New("closed")
	case 2:
		panic("a bug")
	default:
		return thalo.Emit(wasSet{value}, wasSet{context.TimeMs})
	}
}

func (t *thing) Apply(event thalo.Event) { t.Value = event.(wasSet).Value }

// Keeps what a test would have been told.
type listener struct {
	testing.TB
	told []string
}

func (l *listener) Helper() {}
func (l *listener) Errorf(format string, parts ...any) {
	l.told = append(l.told, fmt.Sprintf(format, parts...))
}

func TestWhatIsAsExpectedPasses(t *testing.T) {
	Given[thing](t).When(set{0}).Then()
	Given[thing](t).When(set{1}).ThenRejected(errors.New("closed"))
	Given[thing](t).WithContext(thalo.Context{TimeMs: 5}).When(set{3}).Then(wasSet{3}, wasSet{5})
	Given[thing](t).WhenJSON("set", `{"value":0}`).Then()
	Given[thing](t).WhenJSON("set", `{"value":-1}`).ThenInvalid("`value`")
	Given[thing](t).WhenJSON("nope", `{}`).ThenInvalid("unknown command")
}

func TestWhatIsNotAsExpectedIsTold(t *testing.T) {
	for want, expect := range map[string]func(*Past[thing]){
		"but got\n    nothing":                              func(p *Past[thing]) { p.When(set{0}).Then(wasSet{0}) },
		"but got\n    rejected: ":                           func(p *Past[thing]) { p.When(set{1}).Then() },
		"failed: panic: it is no refusal but a mistake":     func(p *Past[thing]) { p.When(set{2}).ThenRejected(errors.New("panic: a bug")) },
		"cannot be read ()\nbut got\n    nothing":           func(p *Past[thing]) { p.When(set{0}).ThenInvalid("") },
		"cannot be read (other)\nbut got\n    invalid: ":    func(p *Past[thing]) { p.WhenJSON("set", "{}").ThenInvalid("other") },
		"expected\n    nothing\nbut got\n    invalid: miss": func(p *Past[thing]) { p.WhenJSON("set", "{}").Then() },
	} {
		listener := &listener{TB: t}
		expect(Given[thing](listener))
		if len(listener.told) != 1 || !strings.Contains(listener.told[0], want) {
			t.Errorf("expected to be told %q, but got %q", want, listener.told)
		}
	}
}
