// Package all registers the providers that are built in. Importing it is all a
// program needs to do; a program of one's own that adds a provider imports this
// package and the provider's.
package all

//go:generate go run ./gen
