package webhook

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// hooks are the hooks there are, by their name in a path.
var hooks = func() map[string]provider.Hook {
	m := map[string]provider.Hook{}
	for _, h := range provider.Hooks() {
		m[string(h)] = h
	}
	return m
}()

// byPath finds the trunk that a URL of ours names, and proves that the URL is
// ours.
func (r *Receiver) byPath(c *fiber.Ctx, w *webhook) error {
	hook, ok := hooks[c.Params("hook")]
	w.path = trunk.HookPath{Provider: c.Params("provider"), Org: c.Params("org"), Trunk: c.Params("trunk"), Hook: hook, Call: c.Params("call")}
	line, err := r.cache.Trunk(w.path.Org, w.path.Trunk)
	switch {
	case err != nil:
		return &refusal{fiber.StatusNotFound, "unknown_trunk", err}
	case line.Provider != w.path.Provider:
		return &refusal{fiber.StatusNotFound, "unknown_trunk", nil}
	case !ok:
		return &refusal{fiber.StatusNotFound, "unknown_hook", nil}
	}
	w.line = line
	if err := r.readable(c, w); err != nil {
		return err
	}
	if !r.links.VerifyHook(&w.path, c.Params("mac")) {
		return &refusal{fiber.StatusForbidden, "path", nil}
	}
	w.call = strings.Clone(w.path.Call)
	w.req.Hook, w.req.CallID, w.req.PathVerified = hook, w.call, true
	return nil
}

// byAccount finds the trunk of a request to the shared inbound URL by what the
// request says of its account. That only routes: the signature decides.
func (r *Receiver) byAccount(c *fiber.Ctx, w *webhook) error {
	w.path.Hook, w.req.Hook = provider.HookInbound, provider.HookInbound
	if err := r.readable(c, w); err != nil {
		return err
	}
	var found []*trunk.Line
	for _, spec := range provider.Specs() {
		if spec.Identify == nil {
			continue
		}
		if account, ok := spec.Identify(&w.req); ok && account != "" {
			found = append(found, r.cache.ByAccount(spec.Name, account)...)
		}
	}
	switch len(found) {
	case 0:
		return &refusal{fiber.StatusNotFound, "unknown_account", w.fieldNames()}
	case 1:
		w.line = found[0]
		return nil
	}
	return &refusal{fiber.StatusNotFound, "ambiguous_account", w.fieldNames()}
}

// readable fixes the public URL of a request and refuses what cannot be read.
func (r *Receiver) readable(c *fiber.Ctx, w *webhook) error {
	base, err := r.public.of(c)
	if err != nil {
		return &refusal{fiber.StatusForbidden, "public_url", err}
	}
	w.setURL(base, c.Request().Header.RequestURI())
	return w.check()
}
