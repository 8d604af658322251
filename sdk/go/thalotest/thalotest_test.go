package thalotest

import (
	"errors"
	"fmt"
	"regexp"
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
	told  []string
	ended []func()
}

func (l *listener) Helper()           {}
func (l *listener) Failed() bool      { return len(l.told) > 0 }
func (l *listener) Cleanup(do func()) { l.ended = append(l.ended, do) }
func (l *listener) end() {
	for _, do := range l.ended {
		do()
	}
}
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
	if value := Given[thing](t).When(set{3}).State().Value; value != 946684800000 {
		t.Errorf("the state is %d", value)
	}
}

func TestWhatIsNotAsExpectedIsTold(t *testing.T) {
	for want, expect := range map[string]func(*Past[thing]){
		"but got\n    nothing":                                    func(p *Past[thing]) { p.When(set{0}).Then(wasSet{0}) },
		"but got\n    rejected: ":                                 func(p *Past[thing]) { p.When(set{1}).Then() },
		"failed: panic: it is no refusal but a mistake":           func(p *Past[thing]) { p.When(set{2}).ThenRejected(errors.New("panic: a bug")) },
		"cannot be read ()\nbut got\n    nothing":                 func(p *Past[thing]) { p.When(set{0}).ThenInvalid("") },
		"cannot be read (other)\nbut got\n    invalid: ":          func(p *Past[thing]) { p.WhenJSON("set", "{}").ThenInvalid("other") },
		"expected\n    nothing\nbut got\n    invalid: miss":       func(p *Past[thing]) { p.WhenJSON("set", "{}").Then() },
		"thalotest_test.go:@: nothing is done with this Given":    func(p *Past[thing]) {},
		"thalotest_test.go:@: nothing is expected of this When":   func(p *Past[thing]) { p.When(set{0}) },
		"thalotest_test.go:@: nothing is expected of this When: ": func(p *Past[thing]) { p.When(set{0}).Then(); p.WhenJSON("set", "{}") },
	} {
		listener := &listener{TB: t}
		expect(Given[thing](listener))
		listener.end()
		told := regexp.MustCompile(`go:\d+`).ReplaceAllString(strings.Join(listener.told, "|"), "go:@")
		if len(listener.told) != 1 || !strings.Contains(told, want) {
			t.Errorf("expected to be told %q, but got %q", want, listener.told)
		}
	}
}
