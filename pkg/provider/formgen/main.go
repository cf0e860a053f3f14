// Command formgen writes what follows from the built-in providers' specs: the
// form schema of each into a folder, <provider>.json, and the capability matrix
// between two marks of the README.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	_ "github.com/trunkline-io/trunkline/pkg/provider/all"
)

//go:generate go run . ../../../schemas/provider ../../../README.md

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "formgen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: formgen FOLDER README")
	}
	if err := writeForms(args[0]); err != nil {
		return err
	}
	return writeMatrix(args[1])
}

// The marks between which the matrix stands.
const (
	matrixBegins = "<!-- capability matrix: make generate -->\n"
	matrixEnds   = "<!-- end of the capability matrix -->\n"
)

func writeMatrix(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), matrixBegins)
	_, after, closed := strings.Cut(rest, matrixEnds)
	if !ok || !closed {
		return fmt.Errorf("%s lacks the marks of the capability matrix", file)
	}
	return os.WriteFile(file, []byte(before+matrixBegins+provider.Matrix()+matrixEnds+after), 0o644)
}

func writeForms(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	for _, spec := range provider.Specs() {
		doc, err := provider.FormSchema(spec)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, spec.Name+".json"), doc, 0o644); err != nil {
			return err
		}
	}
	return nil
}
