// Package plivorest drives the parts of Plivo's REST API that other carriers
// have taken over: calls and applications. Sources:
// https://www.plivo.com/docs/voice/api and https://docs.vobiz.ai.
package plivorest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// API is the API of one account. It is safe for concurrent use.
type API struct {
	*rest.Client
	Account string // path of the account, without a slash at the end
	Carrier string // as errors name it
}

// Get reads a resource of the account. Its path begins with a slash; most of
// them end with one, too, and are not found without it.
func (a *API) Get(ctx context.Context, path string, query url.Values, out any) error {
	return a.Do(ctx, rest.Request{Method: http.MethodGet, Path: a.Account + path, Query: query}, out)
}

// Post changes a resource; repeatable says that doing it twice does no harm.
func (a *API) Post(ctx context.Context, path string, body any, repeatable bool, out any) error {
	return a.Do(ctx, rest.Request{Method: http.MethodPost, Path: a.Account + path, JSON: body, Repeatable: repeatable}, out)
}

// Delete takes a resource away. One that is not there is no error.
func (a *API) Delete(ctx context.Context, path string) (found bool, err error) {
	err = a.Do(ctx, rest.Request{Method: http.MethodDelete, Path: a.Account + path}, nil)
	if provider.KindOf(err) == provider.KindNotFound {
		return false, nil
	}
	return err == nil, err
}

// Fault reads the error documents: {"error": "text"}, {"error": {field: [text]}}
// and {"error": {"code", "message"}}, or a "message" beside. What is neither is
// no document of the API's.
func Fault(_ int, body []byte) rest.Fault {
	var doc struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return rest.Fault{}
	}
	f := rest.Fault{Text: doc.Message}
	var detail struct {
		Code    json.RawMessage `json:"code"`
		Message string          `json:"message"`
	}
	switch {
	case len(doc.Error) == 0:
	case json.Unmarshal(doc.Error, &f.Text) == nil:
	case json.Unmarshal(doc.Error, &detail) == nil && detail.Message != "":
		f.Text = detail.Message
		if json.Unmarshal(detail.Code, &f.Code) != nil {
			f.Code = string(detail.Code)
		}
	default:
		f.Text = string(doc.Error)
	}
	return f
}
