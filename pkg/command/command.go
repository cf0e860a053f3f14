// Package command holds the orders that Trunkline takes: one Go type per
// order, in a file per noun. An order is plain JSON; its org and call are in
// the subject it is published to. Orders are decoded strictly: a field that
// does not exist is refused by name.
package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/strict"
)

// Command is the data of an order.
type Command interface {
	// Type is the order's name, noun.verb.
	Type() string
	// Validate returns an *Error when the order cannot be carried out as it
	// stands, whatever is configured.
	Validate() error
}

// Error says why an order is refused, in words that say what to do.
type Error struct {
	Code    string // e.g. invalid_number; stable, for programs
	Message string // for people
}

// Error joins code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Refuse returns an *Error.
func Refuse(code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// refuseID refuses a field that is not a valid id, with the code invalid_<field>.
func refuseID(field, id string) error {
	if err := call.CheckID(field, id); err != nil {
		return Refuse("invalid_"+field, "%s", err)
	}
	return nil
}

// Decode reads an order of the named type and validates it. Its error is an
// *Error.
func Decode(name string, doc []byte) (Command, error) {
	d, ok := decoders[name]
	if !ok {
		return nil, Refuse("unknown_command", "there is no command %q; there are %s", name, strings.Join(Types(), ", "))
	}
	c, err := d.decode(doc)
	if err != nil {
		return nil, Refuse("invalid_command", "%s: %s", name, err)
	}
	return c, c.Validate()
}

// Types returns the names of all orders, sorted.
func Types() []string { return slices.Sorted(maps.Keys(decoders)) }

// Zero returns an empty order of a type, nil when the type is unknown.
func Zero(name string) Command {
	if d, ok := decoders[name]; ok {
		return d.zero
	}
	return nil
}

type decoder struct {
	zero   Command
	decode func([]byte) (Command, error)
}

var decoders = map[string]decoder{}

func register[C Command]() struct{} {
	var zero C
	decoders[zero.Type()] = decoder{zero, func(doc []byte) (Command, error) {
		var c C
		err := strict.Decode(doc, &c)
		return c, err
	}}
	return struct{}{}
}
