package thalo

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

type line struct {
	Cents uint64            `json:"cents"`
	Tags  map[string]string `json:"tags"`
}
type order struct {
	Lines []line     `json:"lines"`
	Note  *string    `json:"note"`
	At    *time.Time `json:"at"`
	Extra string     `json:"extra,omitempty"`
}
type ordered order
type do struct {
	How string `json:"how"`
}
type no struct {
	Count uint64 `json:"count"`
}
type unheard struct{}
type endless struct {
	Value float64 `json:"value"`
}

type thing struct {
	Count uint64 `json:"count"`
}

func (t *thing) Kinds() Kinds {
	return Kinds{Commands: Types{do{}, order{}}, Events: Types{ordered{}, endless{}}, Snapshots: "thing-1"}
}

func (t *thing) Handle(command Command, context Context) ([]Event, error) {
	switch command := command.(type) {
	case order:
		return Emit(ordered(command))
	case do:
		switch command.How {
		case "reject":
			return Reject(no{math.MaxUint64})
		case "error":
			return nil, errors.New("closed <now>")
		case "panic":
			var missing map[string]int
			missing["a"] = 1
		case "unheard":
			return Emit(unheard{})
		case "infinite":
			return Emit(endless{math.Inf(1)})
		}
	}
	return Nothing()
}

func (t *thing) Apply(event Event) {
	if _, ok := event.(endless); ok {
		panic("cannot")
	}
}

func handled(t *testing.T, name, payload string) ([]EventText, *Failure) {
	t.Helper()
	definition := Define[thing]()
	return definition.Handle(definition.Create("a"), name, payload, Context{})
}

func TestAnErrorRefusesTheCommandAndAPanicIsAMistake(t *testing.T) {
	for how, want := range map[string]Failure{
		"reject":   {FailedCommand, "no", `{"type":"no","count":18446744073709551615}`},
		"error":    {FailedCommand, "Rejected", `{"type":"Rejected","message":"closed <now>"}`},
		"panic":    {FailedSerializeError, "panic", "it is no refusal but a mistake in the code, its stack is in the log; handle panicked: assignment to entry in nil map"},
		"unheard":  {FailedSerializeEvent, "unheard", "thalo.unheard is no event of the aggregate; known are endless, ordered"},
		"infinite": {FailedSerializeEvent, "endless", "endless: json: unsupported value: +Inf"},
	} {
		if _, failure := handled(t, "do", `{"how":"`+how+`"}`); failure == nil || *failure != want {
			t.Errorf("%s: %+v", how, failure)
		}
	}
}

func TestAFieldThatIsMissingOrMistypedIsNamedByItsPath(t *testing.T) {
	for payload, want := range map[string]string{
		`{}`:             "missing field `lines`",
		`{"lines":null}`: "missing field `lines`",
		`{"lines":[{"cents":1,"tags":{}},{"tags":{}}]}`:                                      "missing field `lines[1].cents`",
		`{"lines":[{"cents":"1","tags":{}}]}`:                                                "field `lines.cents` must be uint64, but is string",
		`{"lines":[{"cents":1.5,"tags":{}}]}`:                                                "field `lines.cents` must be uint64, but is number 1.5",
		`{"lines":[{"cents":18446744073709551616,"tags":{}}]}`:                               "field `lines.cents` must be uint64, but is number 18446744073709551616",
		`{ "lines" : [ { "\u0063ents" : 1 , "tags" : { "a\"]" : "}" } } , { "cents":1 } ] }`: "missing field `lines[1].tags`",
		`{"lines":[{"Cents":1,"tags":{}}]}`:                                                  "missing field `lines[0].cents`",
		`[]`:                                                                                 "the payload must be an object, but is array",
		`null`:                                                                               "the payload must be an object, but is null",
		`{"lines":[],"at":"tomorrow"}`:                                                       "parsing time",
	} {
		_, failure := handled(t, "order", payload)
		if failure == nil || failure.Kind != FailedDeserializeCommand || !strings.HasPrefix(failure.Message, want) {
			t.Errorf("%s: %+v", payload, failure)
		}
	}
	if _, failure := handled(t, "nope", "{}"); failure == nil || failure.Message != "unknown command; known are do, order" {
		t.Errorf("%+v", failure)
	}
}

func TestTextsAndNumbersAreExact(t *testing.T) {
	payload := `{"lines":[{"cents":9007199254740993,"tags":{"a":"ünï😀\u0000<&>"}}],"note":null,"at":null}`
	events, failure := handled(t, "order", payload)
	if failure != nil || events[0].Type != "ordered" || events[0].Payload != payload {
		t.Errorf("%+v %+v", events, failure)
	}
}

func TestAPanicOfApplySaysThatTheEventCannotBeApplied(t *testing.T) {
	definition := Define[thing]()
	failure := definition.Apply(definition.Create("a"), "endless", `{"value":1}`)
	if failure == nil || *failure != (Failure{FailedDeserializeEvent, "endless", "panic: cannot"}) {
		t.Errorf("%+v", failure)
	}
}

type unborn struct{ thing }

func (u *unborn) SetID(id string) {
	if id == "a" {
		panic("cannot")
	}
}

func TestWhatSetIDPanicsWithIsAnsweredToEveryCall(t *testing.T) {
	definition := Define[unborn]()
	entity := definition.CreateOrBroken("a")
	if _, failure := definition.Handle(entity, "do", `{"how":"x"}`, Context{}); failure == nil || failure.Kind != FailedSerializeError || !strings.Contains(failure.Message, "SetID panicked: cannot") {
		t.Errorf("%+v", failure)
	}
	failure := definition.Apply(entity, "endless", `{"value":1}`)
	if failure == nil || *failure != (Failure{FailedDeserializeEvent, "endless", "SetID panicked: cannot"}) {
		t.Errorf("%+v", failure)
	}
	if _, err := definition.Snapshot(entity); err == nil || definition.Restore(entity, "{}") == nil {
		t.Error(err)
	}
}

func TestASnapshotRestoresTheState(t *testing.T) {
	definition := Define[thing]()
	text, err := definition.Snapshot(&thing{math.MaxUint64})
	restored := &thing{}
	if err != nil || definition.Restore(restored, text) != nil || restored.Count != math.MaxUint64 {
		t.Errorf("%s %v %+v", text, err, restored)
	}
}

type wrong struct{ thing }

func (w *wrong) Kinds() Kinds { return Kinds{Commands: Types{&do{}}, Events: Types{ordered{}}} }

func TestAnAggregateThatIsNoneIsToldWhatItLacks(t *testing.T) {
	defer func() {
		if reason := recover(); reason == nil || !strings.Contains(reason.(string), "which is no struct; list them as Increment{}") {
			t.Errorf("%v", reason)
		}
	}()
	Define[wrong]()
}

func TestNilSlicesAndMapsAreWrittenAsEmptyOnes(t *testing.T) {
	type inner struct {
		Tags map[string][]string `json:"tags"`
	}
	type embedded struct {
		Deep []int `json:"deep"`
	}
	type outer struct {
		embedded
		List    []inner         `json:"list"`
		Raw     json.RawMessage `json:"raw"`
		Bytes   []byte          `json:"bytes"`
		Note    *string         `json:"note"`
		Left    []int           `json:"left,omitempty"`
		Zero    []int           `json:"zero,omitzero"`
		Pointer *inner          `json:"pointer"`
		Pair    [1][]int        `json:"pair"`
		hidden  []int
	}
	for _, one := range []struct {
		value outer
		text  string
	}{
		{outer{}, `{"deep":[],"list":[],"raw":null,"bytes":"","note":null,"pointer":null,"pair":[[]]}`},
		{
			outer{List: []inner{{}, {map[string][]string{"a": nil}}}, Pointer: &inner{}},
			`{"deep":[],"list":[{"tags":{}},{"tags":{"a":[]}}],"raw":null,"bytes":"","note":null,"pointer":{"tags":{}},"pair":[[]]}`,
		},
	} {
		if text, err := encode(one.value); err != nil || text != one.text {
			t.Errorf("expected %s\nbut got  %s %v", one.text, text, err)
		}
		if text, err := encode(&one.value); err != nil || text != one.text {
			t.Errorf("behind a pointer: expected %s\nbut got  %s %v", one.text, text, err)
		}
		if one.value.Pointer != nil && (one.value.List[0].Tags != nil || one.value.Pointer.Tags != nil || one.value.List[1].Tags["a"] != nil) {
			t.Error("what was written has been changed")
		}
	}
	if text, err := encodeRejection(struct{ List []int }{}); err != nil || !strings.Contains(text, `"List":[]`) {
		t.Error(text, err)
	}
}

type keeper struct {
	thing
	id string
}

func (k *keeper) SetID(id string) { k.id = id }

type loser struct {
	thing
	count uint64
}
type deepLoser struct {
	thing
	Lines map[string][]struct{ cents uint64 }
	At    time.Time
}

func TestASnapshotThatWouldLoseAFieldIsRefusedAtOnce(t *testing.T) {
	Define[keeper]()
	for _, one := range []struct {
		define func()
		field  string
	}{{func() { Define[loser]() }, "count of loser"}, {func() { Define[deepLoser]() }, "Lines.cents of deepLoser"}} {
		func() {
			defer func() {
				if reason, _ := recover().(string); !strings.Contains(reason, "the field "+one.field+" is not exported") {
					t.Errorf("expected a refusal of %s, but got %q", one.field, reason)
				}
			}()
			one.define()
		}()
	}
}

type lister struct {
	thing
	List []string `json:"list"`
}

func TestAStateWithANilSliceIsTheSameAfterItsSnapshot(t *testing.T) {
	definition := Define[lister]()
	empty, restored := definition.Create("a"), definition.Create("a")
	text, err := definition.Snapshot(empty)
	if err != nil || definition.Restore(restored, text) != nil || !definition.Same(empty, restored) {
		t.Error(text, err, restored)
	}
	if definition.Same(empty, &lister{List: []string{"a"}}) {
		t.Error("another state is the same")
	}
}
