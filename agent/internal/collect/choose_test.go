package collect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

type fake struct {
	Collector
	name   string
	err    error
	closed *int
}

func (f fake) Name() string                { return f.name }
func (f fake) Start(context.Context) error { return f.err }
func (f fake) Close()                      { *f.closed++ }

func TestChoose(t *testing.T) {
	closed := 0
	makeOne := func(name string, err error) Maker {
		return func(Options) Collector { return fake{name: name, err: err, closed: &closed} }
	}
	refused := &MissingError{Reason: "capability", What: "missing CAP_BPF"}

	got, refusals, err := Choose(t.Context(), Options{}, makeOne("first", refused), makeOne("second", nil), makeOne("third", nil))
	if err != nil || got.Name() != "second" || closed != 1 {
		t.Errorf("got %v, %v, %d closed", got, err, closed)
	}
	if len(refusals) != 1 || refusals[0].Reason != "capability" || refusals[0].Collector != "first" {
		t.Errorf("refusals: %+v", refusals)
	}

	_, refusals, err = Choose(t.Context(), Options{}, makeOne("first", refused), makeOne("second", syscall.EPERM))
	if err == nil || !strings.Contains(err.Error(), "CAP_BPF") || !errors.Is(err, syscall.EPERM) || len(refusals) != 2 {
		t.Errorf("all refused: %v %+v", err, refusals)
	}
}

func TestReason(t *testing.T) {
	cases := map[string]error{
		"memlock":     explainLoad(errors.New("failed to adjust rlimit: operation not permitted")),
		"memory":      explainLoad(errors.New("inner map: map create: cannot allocate memory")),
		"kallsyms":    explainLoad(errors.New("failed to read kernel symbols: all zero")),
		"permission":  explainLoad(errors.New("map create: operation not permitted")),
		"unsupported": fmt.Errorf("x: %w", syscall.ENOSYS),
		"other":       errors.New("something else"),
	}
	for want, err := range cases {
		if got := Reason(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestMissing(t *testing.T) {
	all := uint64(0)
	for _, c := range Needed {
		all |= 1 << c.Bit
	}
	if got := Missing(all); len(got) != 0 {
		t.Errorf("with all: %v missing", Names(got))
	}
	for _, c := range Needed {
		if got := Missing(all &^ (1 << c.Bit)); Names(got) != c.Name {
			t.Errorf("without %s: %v", c.Name, Names(got))
		}
	}
	admin := uint64(1<<bitSysAdmin | 1<<bitDACOverride | 1<<bitSyslog | 1<<bitSysPtrace)
	if got := Missing(admin); len(got) != 0 {
		t.Errorf("an older set of root: %v missing", Names(got))
	}
}
