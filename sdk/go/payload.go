package thalo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// Reads a struct strictly: encoding/json leaves a missing or null field at its zero value, which for a command would be
// a decision nobody made.
func decode(payload string, kind reflect.Type) (any, error) {
	value := reflect.New(kind)
	text := []byte(payload)
	if err := json.Unmarshal(text, value.Interface()); err != nil {
		return nil, readable(err)
	}
	if err := complete(text, kind, ""); err != nil {
		return nil, err
	}
	return value.Elem().Interface(), nil
}

func readable(err error) error {
	var mistyped *json.UnmarshalTypeError
	if !errors.As(err, &mistyped) {
		return err
	}
	if mistyped.Field == "" {
		return fmt.Errorf("the payload must be an object, but is %s", mistyped.Value)
	}
	return fmt.Errorf("field `%s` must be %s, but is %s", mistyped.Field, mistyped.Type, mistyped.Value)
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// Whether every field that must be there is, in the structs, slices and maps of `kind`. The text has been read before, so
// it is JSON and of the right types.
func complete(text []byte, kind reflect.Type, path string) error {
	if kind.Implements(unmarshaler) || reflect.PointerTo(kind).Implements(unmarshaler) {
		return nil
	}
	switch kind.Kind() {
	case reflect.Struct:
		return completeStruct(text, kind, path)
	case reflect.Slice, reflect.Array, reflect.Map:
		if !holdsStructs(kind.Elem()) {
			return nil
		}
		index := 0
		return eachMember(text, func(key, value []byte) error {
			inside := fmt.Sprintf("%s[%d]", path, index)
			if key != nil {
				inside = join(path, unquoted(key))
			}
			index++
			return complete(value, kind.Elem(), inside)
		})
	}
	return nil
}

func completeStruct(text []byte, kind reflect.Type, path string) error {
	if isNull(text) {
		if path == "" {
			return errors.New("the payload must be an object, but is null")
		}
		return fmt.Errorf("missing field `%s`", path)
	}
	for _, field := range fieldsOf(kind) {
		var value []byte
		_ = eachMember(text, func(key, given []byte) error {
			if string(key) == field.quoted || unquoted(key) == field.name {
				value = given
			}
			return nil
		})
		if value == nil || isNull(value) {
			if field.optional {
				continue
			}
			return fmt.Errorf("missing field `%s`", join(path, field.name))
		}
		if err := complete(value, field.kind, join(path, field.name)); err != nil {
			return err
		}
	}
	return nil
}

func isNull(text []byte) bool { return string(bytes.TrimSpace(text)) == "null" }

// A key as it stands in the text; most need no reading.
func unquoted(key []byte) string {
	if len(key) >= 2 && bytes.IndexByte(key, '\\') < 0 {
		return string(key[1 : len(key)-1])
	}
	var name string
	_ = json.Unmarshal(key, &name)
	return name
}

// Visits the members of an object (the key with its quotes) or the items of an array (the key is nil) in a text that is
// JSON.
func eachMember(text []byte, visit func(key, value []byte) error) error {
	at := skipSpace(text, 0)
	if at == len(text) || text[at] != '{' && text[at] != '[' {
		return nil
	}
	keyed := text[at] == '{'
	for at = skipSpace(text, at+1); at < len(text) && text[at] != '}' && text[at] != ']'; at = skipSpace(text, at) {
		var key []byte
		if keyed {
			end := skipValue(text, at)
			key = text[at:end]
			at = skipSpace(text, skipSpace(text, end)+1)
		}
		end := skipValue(text, at)
		if err := visit(key, text[at:end]); err != nil {
			return err
		}
		if at = skipSpace(text, end); at < len(text) && text[at] == ',' {
			at++
		}
	}
	return nil
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
		at++
	}
	return at
}

// The place behind a value.
func skipValue(text []byte, at int) int {
	depth := 0
	for at < len(text) {
		switch text[at] {
		case '"':
			for at++; at < len(text) && text[at] != '"'; at++ {
				if text[at] == '\\' {
					at++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth < 0 {
				return at
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return at
			}
		}
		at++
		if depth == 0 && (text[at-1] == '"' || text[at-1] == '}' || text[at-1] == ']') {
			return at
		}
	}
	return at
}

type wireField struct {
	name     string
	quoted   string
	optional bool
	kind     reflect.Type
}

// What reflection says of a struct, asked once.
var knownFields sync.Map // of reflect.Type to []wireField

func fieldsOf(kind reflect.Type) []wireField {
	if fields, ok := knownFields.Load(kind); ok {
		return fields.([]wireField)
	}
	fields := []wireField{}
	for index := range kind.NumField() {
		field := kind.Field(index)
		if name, optional, skipped := fieldName(field); !skipped {
			fields = append(fields, wireField{name, `"` + name + `"`, optional, plain(field.Type)})
		}
	}
	knownFields.Store(kind, fields)
	return fields
}

// A field may be missing when it is a pointer, an interface, or says omitempty or omitzero.
func fieldName(field reflect.StructField) (name string, optional, skipped bool) {
	tag := field.Tag.Get("json")
	name, options, _ := strings.Cut(tag, ",")
	if !field.IsExported() || tag == "-" || (field.Anonymous && name == "") {
		return "", false, true
	}
	if name == "" {
		name = field.Name
	}
	kind := field.Type.Kind()
	optional = kind == reflect.Pointer || kind == reflect.Interface || strings.Contains(options, "omit")
	return name, optional, false
}

func plain(kind reflect.Type) reflect.Type {
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return kind
}

func holdsStructs(kind reflect.Type) bool {
	switch kind.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Array, reflect.Map:
		return true
	}
	return false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func encode(value any) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	// Few texts have a null, and of those only some one that must not be.
	if bytes.Contains(text.Bytes(), []byte("null")) {
		text.Reset()
		if err := encoder.Encode(filled(value)); err != nil {
			return "", err
		}
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

// The type of a refusal is its first field.
func encodeRejection(reason any) (string, error) {
	fields, err := encode(reason)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(fields, "{") {
		return "", fmt.Errorf("%s is no struct", typeName(reason))
	}
	kind, err := encode(typeName(reason))
	if err != nil {
		return "", err
	}
	if fields == "{}" {
		return `{"type":` + kind + `}`, nil
	}
	return `{"type":` + kind + "," + fields[1:], nil
}
