// Package thalo is for writing aggregates: the rules of an event-sourced entity, which Thalo runs as WebAssembly.
//
// An aggregate is a struct with three methods:
//
//	func (c *Counter) Kinds() thalo.Kinds { … }  // which commands and events there are
//	func (c *Counter) Handle(command thalo.Command, context thalo.Context) ([]thalo.Event, error) { … }
//	func (c *Counter) Apply(event thalo.Event) { … }
//
// and one line makes it the module's:
//
//	func init() { thalo.Export[Counter]() }
package thalo

// A Command is one of the structs named in Kinds.Commands, by value.
type Command any

// An Event is one of the structs named in Kinds.Events, by value.
type Event any

// Types lists structs by their zero values. The name of a type is its name on the wire, unless it has a method
// TypeName() string.
type Types []any

// Kinds says which commands an aggregate takes and which events it emits.
type Kinds struct {
	Commands Types
	Events   Types
	// Snapshots lets the runtime skip the replay of long streams: the aggregate's exported fields, as JSON, are its
	// snapshot. It is a name for their shape, another one whenever they change. "": there are none.
	Snapshots string
}

// Aggregate is implemented by a pointer to the struct.
type Aggregate interface {
	Kinds() Kinds
	// Handle decides: it looks at the state, changes nothing, and returns what happens (Emit, Nothing) or refuses
	// (Reject, or any error).
	Handle(command Command, context Context) ([]Event, error)
	// Apply follows: it changes the state and decides nothing. It also runs for every stored event.
	Apply(event Event)
}

// Context is what a handler may know about a command besides its content. Whatever of it matters later belongs into an
// event.
type Context struct {
	// ID is the entity's.
	ID string
	// CommandID is the client's, or "".
	CommandID string
	// TimeMs is when the runtime received the command, in milliseconds since the Unix epoch.
	TimeMs uint64
	// Version is how many events the entity has.
	Version       uint64
	CorrelationID string
	CausationID   string
	// Metadata is the client's own: a JSON object, or "".
	Metadata string
}

// Emit accepts a command with these events, in this order.
func Emit(events ...Event) ([]Event, error) { return events, nil }

// Nothing accepts a command that has nothing to do.
func Nothing() ([]Event, error) { return nil, nil }

// Reject refuses a command. `reason` is a struct: the client gets {"type":"ItsName",…its fields…}.
func Reject(reason any) ([]Event, error) { return nil, &Rejection{Reason: reason} }

// A Rejection is what Reject returns as the error.
type Rejection struct{ Reason any }

func (r *Rejection) Error() string { return "rejected: " + typeName(r.Reason) }

// Rejected is how any other error reaches the client: {"type":"Rejected","message":"…"}.
type Rejected struct {
	Message string `json:"message"`
}
