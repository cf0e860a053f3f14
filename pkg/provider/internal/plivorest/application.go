package plivorest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Application is where calls to numbers go. One serves many numbers, so its
// addresses name none.
type Application struct {
	Name         string `json:"app_name,omitempty"`
	AnswerURL    string `json:"answer_url"`
	AnswerMethod string `json:"answer_method"`
	HangupURL    string `json:"hangup_url"` // the answer URL is used where there is none
	HangupMethod string `json:"hangup_method"`
}

// wanted is an application that sends calls to Trunkline.
func wanted(in provider.Inbound) Application {
	a := Application{AnswerURL: in.AnswerURL, AnswerMethod: http.MethodPost, HangupURL: in.StatusURL, HangupMethod: http.MethodPost}
	if a.HangupURL == "" {
		a.HangupURL = in.AnswerURL
	}
	return a
}

func applicationPath(id string) string { return "/Application/" + url.PathEscape(id) + "/" }

// Application reads an application.
func (a *API) Application(ctx context.Context, id string) (app Application, err error) {
	err = a.Get(ctx, applicationPath(id), nil, &app)
	return app, err
}

// Destinations returns what tells where the calls go that an application takes:
// the answer URL of the trunk's own, of others which one it is.
func (a *API) Destinations(ctx context.Context, own string) (func(application string) string, error) {
	var app Application
	if own != "" {
		var err error
		if app, err = a.Application(ctx, own); err != nil && provider.KindOf(err) != provider.KindNotFound {
			return nil, err
		}
	}
	return func(id string) string {
		switch {
		case id == "":
			return ""
		case id == own && app.AnswerURL != "":
			return app.AnswerURL
		}
		return "application:" + id
	}, nil
}

// Point makes an application send calls to Trunkline, changing nothing else
// of it, and nothing at all where it does already.
func (a *API) Point(ctx context.Context, id string, in provider.Inbound) error {
	now, err := a.Application(ctx, id)
	if err != nil {
		return err
	}
	want := wanted(in)
	if now.AnswerURL == want.AnswerURL && now.AnswerMethod == want.AnswerMethod &&
		now.HangupURL == want.HangupURL && now.HangupMethod == want.HangupMethod {
		return nil
	}
	return a.Post(ctx, applicationPath(id), want, true, nil)
}

// Provision makes sure that a trunk has an application, and returns its id. One
// that was made before is found by its name.
func (a *API) Provision(ctx context.Context, id, trunk string, in provider.Inbound) (string, error) {
	name := applicationName(trunk, in)
	if id == "" {
		var err error
		if id, err = a.findApplication(ctx, name); err != nil {
			return "", err
		}
	}
	if id != "" {
		err := a.Point(ctx, id, in)
		if provider.KindOf(err) != provider.KindNotFound {
			return id, err
		}
	}
	want := wanted(in)
	want.Name = name
	var made struct {
		ID ID `json:"app_id"`
	}
	if err := a.Post(ctx, "/Application/", want, false, &made); err != nil {
		return "", err
	}
	if made.ID == "" {
		return "", provider.Errorf(provider.KindUncertain, "reply names no application")
	}
	return string(made.ID), nil
}

// applicationName tells the applications of different trunks apart, also those
// of other installations that use the account and have a trunk of that name.
func applicationName(trunk string, in provider.Inbound) string {
	sum := sha256.Sum256([]byte(in.AnswerURL))
	return "trunkline-" + trunk + "-" + hex.EncodeToString(sum[:4])
}

// ID is the id of an application: digits, which the APIs write as a text or as
// a number, or nothing.
type ID string

// UnmarshalJSON implements json.Unmarshaler.
func (id *ID) UnmarshalJSON(doc []byte) error {
	*id = ID(strings.Trim(string(doc), `"`))
	if *id == "null" {
		*id = ""
	}
	return nil
}

const (
	pageSize = 20 // the most that a page may have
	maxPages = 50
)

func (a *API) findApplication(ctx context.Context, name string) (id string, err error) {
	type application struct {
		ID   ID     `json:"app_id"`
		Name string `json:"app_name"`
	}
	err = List(ctx, a, "/Application/", nil, func(app application) bool {
		if app.Name == name {
			id = string(app.ID)
		}
		return id == ""
	})
	return id, err
}

// List hands each object of a list to take until that returns false.
func List[T any](ctx context.Context, a *API, path string, query url.Values, take func(T) bool) error {
	if query == nil {
		query = url.Values{}
	}
	query.Set("limit", strconv.Itoa(pageSize))
	for offset := 0; offset < maxPages*pageSize; {
		query.Set("offset", strconv.Itoa(offset))
		var page struct {
			Meta struct {
				Total int `json:"total_count"`
			} `json:"meta"`
			Objects []T `json:"objects"`
		}
		if err := a.Get(ctx, path, query, &page); err != nil {
			return err
		}
		for _, object := range page.Objects {
			if !take(object) {
				return nil
			}
		}
		offset += len(page.Objects)
		if len(page.Objects) == 0 || offset >= page.Meta.Total {
			return nil
		}
	}
	return provider.Errorf(provider.KindUnavailable, "list has more than %d entries", maxPages*pageSize)
}
