package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// What is configured for the bench.
const (
	org         = "default"
	trunkName   = "main"
	application = "echo"
	accountSID  = "AC00000000000000000000000000000b01"
	authToken   = "bench-auth-token-0000000000000001"
	number      = "+14155550101"
)

// site is a NATS server with a Trunkline configured on it.
type site struct {
	nats *process
	bus  *bus.Bus
}

func openSite(ctx context.Context) (*site, error) {
	nats, err := role(coreRest, "nats")
	if err != nil {
		return nil, err
	}
	s := &site{nats: nats}
	if err := os.Setenv("BENCH_NATS", nats.Address); err != nil {
		return nil, err
	}
	log, err := service.NewLog(io.Discard, "error")
	if err != nil {
		return nil, err
	}
	if s.bus, err = connect(ctx, "bench", log); err != nil {
		s.close()
		return nil, err
	}
	if err := s.configure(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *site) close() {
	if s.bus != nil {
		s.bus.Close()
	}
	s.nats.stop()
}

// configure writes the records that the services watch.
func (s *site) configure(ctx context.Context) error {
	sealed, err := links().Keys.SealSecrets(trunk.Trunk{Org: org, Name: trunkName, Provider: "twilio",
		Config: map[string]any{"account_sid": accountSID, "auth_token": authToken}}, trunk.Trunk{})
	if err != nil {
		return err
	}
	for _, r := range []struct {
		bucket, key string
		record      any
	}{
		{subject.BucketTrunks, subject.TrunkKey(org, trunkName), sealed},
		{subject.BucketNumbers, subject.NumberKey(org, trunkName, number), trunk.Number{Org: org, Trunk: trunkName, Address: number, Application: application}},
		{subject.BucketApplications, subject.ApplicationKey(org, application), trunk.Application{Org: org, Name: application,
			Agent: trunk.Agent{Kind: trunk.AgentNATS}, Format: trunk.DefaultFormat}},
	} {
		k, err := s.bus.Bucket(ctx, r.bucket)
		if err != nil {
			return err
		}
		doc, err := json.Marshal(r.record)
		if err != nil {
			return err
		}
		if err := k.Put(ctx, r.key, doc); err != nil {
			return err
		}
	}
	return nil
}

// table prints aligned rows.
func table(title string, rows [][2]string) {
	fmt.Println("\n" + title)
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	for _, r := range rows {
		fmt.Printf("  %s%s  %s\n", r[0], strings.Repeat(" ", width-len(r[0])), r[1])
	}
}
