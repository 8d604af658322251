package thalo

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// A nil slice or map is an empty one to Go, but null to encoding/json, which a reader takes for a missing field. So in
// what is written they are [] and {}.

// A copy of a value in which every nil slice and map that JSON would show is an empty one; the value itself when
// its type has none.
func filled(value any) any {
	original := reflect.ValueOf(value)
	if !original.IsValid() || !hasContainers(original.Type()) {
		return value
	}
	place := reflect.New(original.Type()).Elem()
	place.Set(original)
	fill(place)
	return place.Interface()
}

var (
	marshaler     = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// Whether a type writes itself, so that its fields say nothing about its JSON.
func writesItself(kind reflect.Type) bool {
	pointer := reflect.PointerTo(kind)
	return pointer.Implements(marshaler) || pointer.Implements(textMarshaler) ||
		kind.Implements(marshaler) || kind.Implements(textMarshaler)
}

// Whether a field is in its struct's JSON, directly or, embedded, by the fields in it.
func isWritten(field reflect.StructField) bool {
	return field.Tag.Get("json") != "-" && (field.IsExported() || field.Anonymous)
}

func omitsZero(field reflect.StructField) bool {
	return strings.Contains(field.Tag.Get("json"), ",omitzero")
}

// What reflection says of a type, asked once.
var knownContainers sync.Map // of reflect.Type to bool

func hasContainers(kind reflect.Type) bool {
	if has, ok := knownContainers.Load(kind); ok {
		return has.(bool)
	}
	has := findContainer(kind, map[reflect.Type]bool{})
	knownContainers.Store(kind, has)
	return has
}

func findContainer(kind reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[kind] || writesItself(plain(kind)) {
		return false
	}
	seen[kind] = true
	switch kind.Kind() {
	case reflect.Slice, reflect.Map:
		return true
	case reflect.Pointer, reflect.Array:
		return findContainer(kind.Elem(), seen)
	case reflect.Struct:
		for index := range kind.NumField() {
			if field := kind.Field(index); isWritten(field) && findContainer(field.Type, seen) {
				return true
			}
		}
	}
	return false
}

// What is behind a pointer, in a slice or in a map is copied before it is changed.
func fill(place reflect.Value) {
	kind := place.Type()
	if writesItself(plain(kind)) {
		return
	}
	switch kind.Kind() {
	case reflect.Pointer:
		if !place.IsNil() && place.CanSet() {
			inside := reflect.New(kind.Elem())
			inside.Elem().Set(place.Elem())
			fill(inside.Elem())
			place.Set(inside)
		}
	case reflect.Slice:
		if place.CanSet() {
			items := reflect.MakeSlice(kind, place.Len(), place.Len())
			reflect.Copy(items, place)
			fillItems(items)
			place.Set(items)
		}
	case reflect.Array:
		fillItems(place)
	case reflect.Map:
		if place.CanSet() {
			place.Set(filledMap(place))
		}
	case reflect.Struct:
		for index := range kind.NumField() {
			field := kind.Field(index)
			if isWritten(field) && !(omitsZero(field) && place.Field(index).IsZero()) {
				fill(place.Field(index))
			}
		}
	}
}

func fillItems(items reflect.Value) {
	if !hasContainers(items.Type().Elem()) {
		return
	}
	for index := range items.Len() {
		fill(items.Index(index))
	}
}

func filledMap(original reflect.Value) reflect.Value {
	kind := original.Type()
	entries := reflect.MakeMapWithSize(kind, original.Len())
	for entry := original.MapRange(); entry.Next(); {
		item := reflect.New(kind.Elem()).Elem()
		item.Set(entry.Value())
		fill(item)
		entries.SetMapIndex(entry.Key(), item)
	}
	return entries
}

// Panics when a snapshot would lose a field: only exported ones are written. One that the entity's making sets (SetID) is
// there again after a restore.
func mustKeepItsFields(made any) {
	state := reflect.ValueOf(made).Elem()
	if writesItself(state.Type()) {
		return
	}
	for index := range state.NumField() {
		if field := state.Type().Field(index); !field.IsExported() && !field.Anonymous && !state.Field(index).IsZero() {
			continue
		}
		if lost := lostField(state.Type().Field(index), "", map[reflect.Type]bool{}); lost != "" {
			panic(fmt.Sprintf("thalo: the field %s of %s is not exported, so a snapshot would lose it; export it, remove Snapshots, or "+
				"give the type MarshalJSON and UnmarshalJSON", lost, state.Type().Name()))
		}
	}
}

// The path of a field that is in no JSON, in a field or what it holds; "": there is none.
func lostField(field reflect.StructField, path string, seen map[reflect.Type]bool) string {
	inside := join(path, field.Name)
	if field.Tag.Get("json") == "-" || field.Name == "_" {
		return ""
	}
	if !field.IsExported() && !field.Anonymous {
		return inside
	}
	kind := field.Type
	for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice || kind.Kind() == reflect.Array || kind.Kind() == reflect.Map {
		if writesItself(kind) {
			return ""
		}
		kind = kind.Elem()
	}
	if kind.Kind() != reflect.Struct || writesItself(kind) || seen[kind] {
		return ""
	}
	seen[kind] = true
	for index := range kind.NumField() {
		if lost := lostField(kind.Field(index), inside, seen); lost != "" {
			return lost
		}
	}
	return ""
}
