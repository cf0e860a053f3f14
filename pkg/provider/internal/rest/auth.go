package rest

import (
	"encoding/base64"
	"net/http"
)

// Auth puts credentials into the header of a request.
type Auth func(http.Header) error

// Basic authenticates with a user and a password.
func Basic(user, password string) Auth {
	return fixed("Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

// Bearer authenticates with a token that does not change.
func Bearer(token string) Auth { return fixed("Bearer " + token) }

func fixed(value string) Auth {
	return func(h http.Header) error {
		h.Set("Authorization", value)
		return nil
	}
}
