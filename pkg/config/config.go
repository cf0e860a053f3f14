// Package config reads a service's settings from the environment, and from
// nothing else, into a struct; and prints the reference from the same struct.
package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/caarlos0/env/v11"
)

// Prefix of every setting.
const Prefix = "TRUNKLINE_"

// services are the prefixes of settings that belong to one service. One
// environment may be shared by all: a service passes over the others' settings.
var services = []string{"INGRESS_", "CALLCTL_", "MEDIA_", "REGISTRY_"}

// Load fills structs, given as pointers, from lines NAME=value. A variable that
// starts with Prefix and that nobody knows is an error, as it is a misspelt
// one. NAME_FILE gives a value through a file, for secrets.
func Load(environ []string, into ...any) error {
	vars, err := collect(environ)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	opts := env.Options{Prefix: Prefix, Environment: vars, OnSet: func(tag string, _ any, _ bool) { known[tag] = true }}
	for _, settings := range into {
		if err := env.ParseWithOptions(settings, opts); err != nil {
			return fmt.Errorf("settings: %w", err)
		}
	}
	for _, name := range sorted(vars) {
		foreign := slices.ContainsFunc(services, func(s string) bool {
			return strings.HasPrefix(name, Prefix+s) && !hasPrefix(known, Prefix+s)
		})
		if !known[name] && !foreign {
			return fmt.Errorf("settings: %s is not a setting of this program; --help prints those there are", name)
		}
	}
	return nil
}

func hasPrefix(names map[string]bool, prefix string) bool {
	for name := range names {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// collect takes Trunkline's own variables and reads those given by file.
func collect(environ []string) (map[string]string, error) {
	vars := map[string]string{}
	for _, line := range environ {
		name, value, ok := strings.Cut(line, "=")
		if !ok || !strings.HasPrefix(name, Prefix) {
			continue
		}
		if base, byFile := strings.CutSuffix(name, "_FILE"); byFile {
			text, err := os.ReadFile(value)
			if err != nil {
				return nil, fmt.Errorf("settings: %s: %w", name, err)
			}
			name, value = base, strings.TrimSpace(string(text))
		}
		if _, twice := vars[name]; twice {
			return nil, fmt.Errorf("settings: both %s and %s_FILE are set", name, name)
		}
		vars[name] = value
	}
	return vars, nil
}

// Reference prints the table of settings of structs.
func Reference(of ...any) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SETTING\tDEFAULT\tMEANING")
	for _, settings := range of {
		rows(w, reflect.TypeOf(settings))
	}
	_ = w.Flush()
	return b.String()
}

func rows(w *tabwriter.Writer, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("env")
		switch {
		case name == "-":
		case name != "":
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", Prefix+strings.Split(name, ",")[0], f.Tag.Get("envDefault"), f.Tag.Get("help"))
		case f.Type.Kind() == reflect.Struct:
			rows(w, f.Type)
		}
	}
}

func sorted(vars map[string]string) []string {
	names := make([]string, 0, len(vars))
	for name := range vars {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
