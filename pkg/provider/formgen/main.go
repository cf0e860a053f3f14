// Command formgen writes the form schema of every built-in provider into a
// folder, <provider>.json each, and removes those of providers that are gone.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/trunkline-io/trunkline/pkg/provider"
	_ "github.com/trunkline-io/trunkline/pkg/provider/all"
)

//go:generate go run . ../../../schemas/provider

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "formgen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: formgen FOLDER")
	}
	folder := args[0]
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
