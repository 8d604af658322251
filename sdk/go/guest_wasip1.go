//go:build wasip1

package thalo

// The canonical ABI of `thalo:aggregate/aggregate@1.0.0` (wit/aggregate.wit): what the component's exports receive and
// return as numbers and memory. One call runs at a time.

import "unsafe"

//go:wasmimport thalo:aggregate/log@1.0.0 write
func hostLog(level int32, data unsafe.Pointer, size uint32)

//go:wasmimport [export]thalo:aggregate/aggregate@1.0.0 [resource-new]entity
func newResource(representation uint32) uint32

func write(level level, message string) {
	hostLog(int32(level), unsafe.Pointer(unsafe.StringData(message)), uint32(len(message)))
}

// What the host has been given or gives during a call must stay where it is until the call is over.
var (
	held     []unsafe.Pointer
	listed   []eventRecord
	answer   result
	entities = map[uint32]*entity{}
	lastMade uint32
)

type entity struct {
	id    string
	state Aggregate
}

// A string as the canonical ABI has it. Go's own pointers have 64 bits, the memory's addresses 32.
type text struct{ data, size uint32 }

func textOf(content string) text {
	data := unsafe.Pointer(unsafe.StringData(content))
	held = append(held, data)
	return text{uint32(uintptr(data)), uint32(len(content))}
}

func (t text) String() string { return stringAt(unsafe.Pointer(uintptr(t.data)), t.size) }

type eventRecord struct{ kind, payload text }

// The largest of the results, result<_, error>: its case, then the list's data and size, or the error's case and its one
// or two texts.
type result struct {
	failed uint32
	words  [5]uint32
}

func succeeded(data unsafe.Pointer, size int) *result {
	answer = result{0, [5]uint32{uint32(uintptr(data)), uint32(size)}}
	return &answer
}

func failedWith(failure *Failure) *result {
	subject := failure.Subject
	if failure.Kind == FailedSerializeEvent || failure.Kind == FailedDeserializeContext {
		subject = failure.Message
	}
	first, second := textOf(subject), textOf(failure.Message)
	answer = result{1, [5]uint32{uint32(failure.Kind), first.data, first.size, second.data, second.size}}
	return &answer
}

// Text as result<string, string> and option<string> have it: the case, data, size.
type textResult struct {
	kind uint32
	text text
}

var textAnswer textResult

//go:wasmexport cabi_realloc
func reallocate(old unsafe.Pointer, oldSize, alignment, size uint32) unsafe.Pointer {
	if size == 0 {
		return unsafe.Pointer(uintptr(alignment))
	}
	// Of words, so that everything is aligned.
	block := make([]uint64, (size+7)/8)
	data := unsafe.Pointer(unsafe.SliceData(block))
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(data), size), unsafe.Slice((*byte)(old), oldSize))
	}
	held = append(held, data)
	return data
}

func release() {
	clear(held)
	held = held[:0]
	if cap(held) > 1024 {
		held = nil
	}
	listed = nil
}

func stringAt(data unsafe.Pointer, size uint32) string {
	if size == 0 {
		return ""
	}
	return string(unsafe.Slice((*byte)(data), size))
}

//go:wasmexport thalo:aggregate/aggregate@1.0.0#snapshot-format
func snapshotFormat() unsafe.Pointer {
	textAnswer = textResult{}
	if exported.Snapshots != "" {
		textAnswer = textResult{1, textOf(exported.Snapshots)}
	}
	return unsafe.Pointer(&textAnswer)
}

//go:wasmexport thalo:aggregate/aggregate@1.0.0#[constructor]entity
func construct(id unsafe.Pointer, size uint32) uint32 {
	name := stringAt(id, size)
	lastMade++
	entities[lastMade] = &entity{name, exported.CreateOrBroken(name)}
	release()
	return newResource(lastMade)
}

//go:wasmexport thalo:aggregate/aggregate@1.0.0#[dtor]entity
func destroy(representation uint32) { delete(entities, representation) }

//go:wasmexport thalo:aggregate/aggregate@1.0.0#[method]entity.apply
func apply(self uint32, events unsafe.Pointer, count uint32) unsafe.Pointer {
	for _, event := range unsafe.Slice((*eventRecord)(events), count) {
		if failure := exported.Apply(entities[self].state, event.kind.String(), event.payload.String()); failure != nil {
			return unsafe.Pointer(failedWith(failure))
		}
	}
	return unsafe.Pointer(succeeded(nil, 0))
}

//go:wasmexport thalo:aggregate/aggregate@1.0.0#[method]entity.handle
func handleCommand(self uint32, name unsafe.Pointer, nameSize uint32, payload unsafe.Pointer, payloadSize uint32,
	commandID unsafe.Pointer, commandIDSize uint32, timeMs, version uint64,
	correlationID unsafe.Pointer, correlationIDSize uint32, causationID unsafe.Pointer, causationIDSize uint32,
	metadata unsafe.Pointer, metadataSize uint32) unsafe.Pointer {
	context := Context{
		ID:            entities[self].id,
		CommandID:     stringAt(commandID, commandIDSize),
		TimeMs:        timeMs,
		Version:       version,
		CorrelationID: stringAt(correlationID, correlationIDSize),
		CausationID:   stringAt(causationID, causationIDSize),
		Metadata:      stringAt(metadata, metadataSize),
	}
	events, failure := exported.Handle(entities[self].state, stringAt(name, nameSize), stringAt(payload, payloadSize), context)
	if failure != nil {
		return unsafe.Pointer(failedWith(failure))
	}
	listed = make([]eventRecord, len(events))
	for index, event := range events {
		listed[index] = eventRecord{textOf(event.Type), textOf(event.Payload)}
	}
	return unsafe.Pointer(succeeded(unsafe.Pointer(unsafe.SliceData(listed)), len(listed)))
}

//go:wasmexport thalo:aggregate/aggregate@1.0.0#[method]entity.snapshot
func snapshot(self uint32) unsafe.Pointer {
	content, err := exported.Snapshot(entities[self].state)
	if err != nil {
		textAnswer = textResult{1, textOf(err.Error())}
	} else {
		textAnswer = textResult{0, textOf(content)}
	}
	return unsafe.Pointer(&textAnswer)
}

//go:wasmexport thalo:aggregate/aggregate@1.0.0#[method]entity.restore
func restore(self uint32, data unsafe.Pointer, size uint32) unsafe.Pointer {
	textAnswer = textResult{}
	if err := exported.Restore(entities[self].state, stringAt(data, size)); err != nil {
		textAnswer = textResult{1, textOf(err.Error())}
	}
	return unsafe.Pointer(&textAnswer)
}

//go:wasmexport cabi_post_thalo:aggregate/aggregate@1.0.0#snapshot-format
func snapshotFormatDone(unsafe.Pointer) { release() }

//go:wasmexport cabi_post_thalo:aggregate/aggregate@1.0.0#[method]entity.apply
func applyDone(unsafe.Pointer) { release() }

//go:wasmexport cabi_post_thalo:aggregate/aggregate@1.0.0#[method]entity.handle
func handleDone(unsafe.Pointer) { release() }

//go:wasmexport cabi_post_thalo:aggregate/aggregate@1.0.0#[method]entity.snapshot
func snapshotDone(unsafe.Pointer) { release() }

//go:wasmexport cabi_post_thalo:aggregate/aggregate@1.0.0#[method]entity.restore
func restoreDone(unsafe.Pointer) { release() }
