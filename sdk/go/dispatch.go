package thalo

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
)

// FailureKind is a case of the contract's `error`, in its order.
type FailureKind uint32

const (
	FailedCommand FailureKind = iota
	FailedDeserializeCommand
	FailedDeserializeContext
	FailedDeserializeEvent
	FailedSerializeError
	FailedSerializeEvent
)

// A Failure is what becomes of a command or an event that could not be handled. Subject is the name of the command,
// event or error.
type Failure struct {
	Kind    FailureKind
	Subject string
	Message string
}

func (f *Failure) Error() string { return f.Message }

// EventText is an event as it is stored.
type EventText struct{ Type, Payload string }

// A Definition makes entities of one aggregate and speaks to them in texts. It is what the runtime's side and the test
// kit share; an aggregate has no use for it.
type Definition struct {
	create    func(id string) Aggregate
	commands  map[string]reflect.Type
	events    map[string]reflect.Type
	Snapshots string
}

// Define describes the aggregate T. It panics when Kinds is no good: that is a mistake in the code.
func Define[T any, P interface {
	*T
	Aggregate
}]() *Definition {
	kinds := P(new(T)).Kinds()
	name := reflect.TypeFor[T]().Name()
	definition := &Definition{
		create: func(id string) Aggregate {
			made := P(new(T))
			if wants, ok := any(made).(interface{ SetID(id string) }); ok {
				wants.SetID(id)
			}
			return made
		},
		commands:  named(name, "Commands", kinds.Commands),
		events:    named(name, "Events", kinds.Events),
		Snapshots: kinds.Snapshots,
	}
	if definition.Snapshots != "" {
		mustKeepItsFields(definition.create("an id"))
	}
	return definition
}

func named(aggregate, list string, types Types) map[string]reflect.Type {
	if len(types) == 0 {
		panic(fmt.Sprintf("thalo: %s.Kinds() has no %s", aggregate, list))
	}
	byName := map[string]reflect.Type{}
	for _, value := range types {
		kind := reflect.TypeOf(value)
		if kind == nil || kind.Kind() != reflect.Struct {
			panic(fmt.Sprintf("thalo: %s.Kinds().%s has %T, which is no struct; list them as Increment{}", aggregate, list, value))
		}
		byName[typeName(value)] = kind
	}
	return byName
}

func typeName(value any) string {
	if named, ok := value.(interface{ TypeName() string }); ok {
		return named.TypeName()
	}
	kind := reflect.TypeOf(value)
	if kind == nil {
		return "nil"
	}
	return plain(kind).Name()
}

func known(types map[string]reflect.Type) string {
	names := make([]string, 0, len(types))
	for name := range types {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Create makes an entity without events.
func (d *Definition) Create(id string) Aggregate { return d.create(id) }

// CreateOrBroken makes one as well; where SetID panics, one that answers everything with that mistake: the contract has
// no answer that a constructor could give.
func (d *Definition) CreateOrBroken(id string) (made Aggregate) {
	defer func() {
		if reason := recover(); reason != nil {
			write(levelError, fmt.Sprintf("SetID panicked: %v\n%s", reason, debug.Stack()))
			made = &broken{fmt.Sprintf("SetID panicked: %v", reason)}
		}
	}()
	return d.create(id)
}

type broken struct{ message string }

func (*broken) Kinds() Kinds                             { return Kinds{} }
func (*broken) Handle(Command, Context) ([]Event, error) { return Nothing() }
func (*broken) Apply(Event)                              {}

// Handle asks an entity what a command would do.
func (d *Definition) Handle(entity Aggregate, name, payload string, context Context) ([]EventText, *Failure) {
	kind, ok := d.commands[name]
	if !ok {
		return nil, &Failure{FailedDeserializeCommand, name, "unknown command; known are " + known(d.commands)}
	}
	command, err := decode(payload, kind)
	if err != nil {
		return nil, &Failure{FailedDeserializeCommand, name, err.Error()}
	}
	events, mistake, err := handle(entity, name, command, context)
	if mistake != "" {
		message := "it is no refusal but a mistake in the code, its stack is in the log; " + mistake
		return nil, &Failure{FailedSerializeError, "panic", message}
	}
	if err != nil {
		return nil, refusal(err)
	}
	texts := make([]EventText, len(events))
	for index, event := range events {
		text, failure := d.Encode(event)
		if failure != nil {
			return nil, failure
		}
		texts[index] = text
	}
	return texts, nil
}

// A panic is a mistake in the code, and no answer of the rules; it costs the command, not the other entities of the
// instance.
func handle(entity Aggregate, name string, command any, context Context) (events []Event, mistake string, err error) {
	if broken, ok := entity.(*broken); ok {
		return nil, broken.message, nil
	}
	defer func() {
		if reason := recover(); reason != nil {
			write(levelError, fmt.Sprintf("handle of %s panicked: %v\n%s", name, reason, debug.Stack()))
			events, mistake, err = nil, fmt.Sprintf("handle panicked: %v", reason), nil
		}
	}()
	events, err = entity.Handle(command, context)
	return events, "", err
}

func refusal(err error) *Failure {
	var reason any = Rejected{Message: err.Error()}
	var rejection *Rejection
	if errors.As(err, &rejection) {
		reason = rejection.Reason
	}
	text, err := encodeRejection(reason)
	if err != nil {
		return &Failure{FailedSerializeError, typeName(reason), err.Error()}
	}
	return &Failure{FailedCommand, typeName(reason), text}
}

// Encode writes an event as it is stored.
func (d *Definition) Encode(event Event) (EventText, *Failure) {
	name := typeName(event)
	if kind, ok := d.events[name]; !ok || kind != reflect.TypeOf(event) {
		message := fmt.Sprintf("%T is no event of the aggregate; known are %s", event, known(d.events))
		return EventText{}, &Failure{FailedSerializeEvent, name, message}
	}
	payload, err := encode(event)
	if err != nil {
		return EventText{}, &Failure{FailedSerializeEvent, name, name + ": " + err.Error()}
	}
	return EventText{name, payload}, nil
}

// EncodeCommand writes a command as a client would.
func (d *Definition) EncodeCommand(command Command) (name, payload string, err error) {
	name = typeName(command)
	if kind, ok := d.commands[name]; !ok || kind != reflect.TypeOf(command) {
		return name, "", fmt.Errorf("%T is no command of the aggregate; known are %s", command, known(d.commands))
	}
	payload, err = encode(command)
	return name, payload, err
}

// Apply lets an entity follow a stored event.
func (d *Definition) Apply(entity Aggregate, name, payload string) (failure *Failure) {
	kind, ok := d.events[name]
	if !ok {
		return &Failure{FailedDeserializeEvent, name, "unknown event; known are " + known(d.events)}
	}
	event, err := decode(payload, kind)
	if err != nil {
		return &Failure{FailedDeserializeEvent, name, err.Error()}
	}
	if broken, ok := entity.(*broken); ok {
		return &Failure{FailedDeserializeEvent, name, broken.message}
	}
	defer func() {
		if reason := recover(); reason != nil {
			write(levelError, fmt.Sprintf("apply of %s panicked: %v\n%s", name, reason, debug.Stack()))
			failure = &Failure{FailedDeserializeEvent, name, fmt.Sprintf("panic: %v", reason)}
		}
	}()
	entity.Apply(event)
	return nil
}

// Snapshot is the entity's state as JSON.
func (d *Definition) Snapshot(entity Aggregate) (string, error) {
	if broken, ok := entity.(*broken); ok {
		return "", errors.New(broken.message)
	}
	return encode(entity)
}

// Restore puts a fresh entity into that state.
func (d *Definition) Restore(entity Aggregate, snapshot string) error {
	if broken, ok := entity.(*broken); ok {
		return errors.New(broken.message)
	}
	return json.Unmarshal([]byte(snapshot), entity)
}

// Same says whether two entities have the same state; nil and empty slices and maps are.
func (d *Definition) Same(one, other Aggregate) bool {
	return reflect.DeepEqual(filled(one), filled(other))
}

// RejectionText is a refusal as the client gets it: of a struct, or of an error that is none.
func RejectionText(reason any) (string, error) {
	if err, ok := reason.(error); ok {
		return encodeRejection(Rejected{Message: err.Error()})
	}
	return encodeRejection(reason)
}
