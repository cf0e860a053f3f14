package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printJSON prints one value for programs.
func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table prints rows under a header, or a line that says that there are none.
func table(out io.Writer, none string, header []string, rows [][]string) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(out, none)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// show prints a list: as JSON, or as a table.
func show[R any](out io.Writer, asJSON bool, list []R, none string, header []string, row func(R) []string) error {
	if asJSON {
		return printJSON(out, list)
	}
	rows := make([][]string, len(list))
	for i, r := range list {
		rows[i] = row(r)
	}
	return table(out, none, header, rows)
}

// orDash prints something where there is nothing.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
