package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// hint is a command line that a text tells its reader to type.
var hint = regexp.MustCompile("`trunkline ([a-z]+)(?: ([a-z]+))?")

// TestHintsNameCommandsThatExist holds every `trunkline ...` in messages and
// documents to the command line.
func TestHintsNameCommandsThatExist(t *testing.T) {
	parser, err := kong.New(&cli{})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && (entry.Name() == "node_modules" || entry.Name() == ".git") {
				return fs.SkipDir
			}
			return err
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range hint.FindAllStringSubmatch(string(text), -1) {
			seen++
			if !knows(parser.Model.Node, m[1:]) {
				t.Errorf("%s: there is no `trunkline %s`", path, strings.Join(m[1:], " "))
			}
		}
		return nil
	})
	if err != nil || seen == 0 {
		t.Errorf("%d hints found, %v", seen, err)
	}
}

// knows reports whether a command line begins with commands that exist; what
// follows a command without commands of its own is an argument.
func knows(node *kong.Node, words []string) bool {
	if len(words) == 0 || words[0] == "" || len(node.Children) == 0 {
		return true
	}
	for _, child := range node.Children {
		if child.Name == words[0] {
			return knows(child, words[1:])
		}
	}
	return false
}
