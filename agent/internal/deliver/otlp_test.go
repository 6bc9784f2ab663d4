package deliver

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"go.opentelemetry.io/collector/pdata/pprofile"
)

func pprofOf(t *testing.T, kind string, types ...*profile.ValueType) *Upload {
	t.Helper()
	mapping := &profile.Mapping{ID: 1, Start: 0x1000, Limit: 0x2000, File: "/app/shop", BuildID: "00ff"}
	inner, outer := &profile.Function{ID: 1, Name: "inner", Filename: "a.c"}, &profile.Function{ID: 2, Name: "outer", Filename: "a.c"}
	named := &profile.Location{ID: 1, Mapping: mapping, Address: 0x1010, Line: []profile.Line{{Function: inner, Line: 3}, {Function: outer, Line: 9}}}
	bare := &profile.Location{ID: 2, Mapping: mapping, Address: 0x1020}
	values := make([]int64, len(types))
	for at := range values {
		values[at] = 4 * 10_000_000 * int64(at+1)
	}
	p := &profile.Profile{
		SampleType: types, PeriodType: types[len(types)-1], Period: 10_000_000, TimeNanos: 1_700_000_000_000_000_000,
		Mapping: []*profile.Mapping{mapping}, Function: []*profile.Function{inner, outer}, Location: []*profile.Location{named, bare},
		Sample: []*profile.Sample{{Location: []*profile.Location{named, bare}, Value: values, Label: map[string][]string{"thread": {"main"}}}},
	}
	var body bytes.Buffer
	if err := p.Write(&body); err != nil {
		t.Fatal(err)
	}
	from := time.Unix(1_700_000_000, 0)
	return &Upload{
		Labels: map[string]string{"service_name": "shop", "pod": "shop-1", "team": "a"}, Pprof: body.Bytes(), Samples: 4,
		From: from, To: from.Add(15 * time.Second), Kind: kind, ID: newID(),
	}
}

func decoded(t *testing.T, upload *Upload) pprofile.Profiles {
	t.Helper()
	body, err := otlpBody([]*Upload{upload})
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	data, err := new(pprofile.ProtoUnmarshaler).UnmarshalProfiles(plain)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCPUTimeInOTLP(t *testing.T) {
	data := decoded(t, pprofOf(t, "process_cpu", &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}))
	tables := data.Dictionary()
	text := func(index int32) string { return tables.StringTable().At(int(index)) }
	resource := data.ResourceProfiles().At(0)
	if name, _ := resource.Resource().Attributes().Get("service.name"); name.Str() != "shop" {
		t.Errorf("resource: %v", resource.Resource().Attributes().AsRaw())
	}
	if pod, _ := resource.Resource().Attributes().Get("k8s.pod.name"); pod.Str() != "shop-1" {
		t.Errorf("resource: %v", resource.Resource().Attributes().AsRaw())
	}
	p := resource.ScopeProfiles().At(0).Profiles().At(0)
	if text(p.SampleType().TypeStrindex()) != "samples" || text(p.PeriodType().TypeStrindex()) != "cpu" || p.Period() != 10_000_000 ||
		p.Samples().At(0).Values().At(0) != 4 || p.DurationNano() != uint64(15*time.Second) {
		t.Errorf("type %q of period %q × %d, values %v", text(p.SampleType().TypeStrindex()), text(p.PeriodType().TypeStrindex()), p.Period(), p.Samples().At(0).Values().AsRaw())
	}
	stack := tables.StackTable().At(int(p.Samples().At(0).StackIndex())).LocationIndices().AsRaw()
	leaf, root := tables.LocationTable().At(int(stack[0])), tables.LocationTable().At(int(stack[1]))
	if leaf.Lines().Len() != 2 || text(tables.FunctionTable().At(int(leaf.Lines().At(0).FunctionIndex())).NameStrindex()) != "inner" || root.Address() != 0x1020 {
		t.Errorf("leaf has %d lines, root is at %#x", leaf.Lines().Len(), root.Address())
	}
	mapping := tables.MappingTable().At(int(root.MappingIndex()))
	build := tables.AttributeTable().At(int(mapping.AttributeIndices().At(0)))
	if text(build.KeyStrindex()) != "process.executable.build_id.gnu" || build.Value().Str() != "00ff" {
		t.Errorf("build id: %q %q", text(build.KeyStrindex()), build.Value().Str())
	}
}

func TestEachSampleTypeIsAProfileOfOTLP(t *testing.T) {
	data := decoded(t, pprofOf(t, "memory", &profile.ValueType{Type: "alloc_objects", Unit: "count"}, &profile.ValueType{Type: "alloc_space", Unit: "bytes"}))
	profiles := data.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles()
	text := func(index int32) string { return data.Dictionary().StringTable().At(int(index)) }
	if profiles.Len() != 2 || profiles.At(0).ProfileID() == profiles.At(1).ProfileID() {
		t.Fatalf("%d profiles", profiles.Len())
	}
	second := profiles.At(1)
	if text(second.SampleType().TypeStrindex()) != "alloc_space" || text(second.PeriodType().TypeStrindex()) != "memory" || second.Samples().At(0).Values().At(0) != 80_000_000 {
		t.Errorf("type %q of period %q", text(second.SampleType().TypeStrindex()), text(second.PeriodType().TypeStrindex()))
	}
}

func TestAnswersOfOTLP(t *testing.T) {
	for name, test := range map[string]struct {
		body []byte
		want verdict
	}{
		"empty":                 {nil, verdictDelivered},
		"nothing rejected":      {[]byte{0x0a, 0x00}, verdictDelivered},
		"a warning":             {[]byte{0x0a, 0x04, 0x12, 0x02, 'h', 'm'}, verdictDelivered},
		"rejected":              {[]byte{0x0a, 0x06, 0x08, 0x01, 0x12, 0x02, 'n', 'o'}, verdictRefused},
		"cut off":               {[]byte{0x0a, 0x06, 0x08}, verdictRetry},
		"something else":        {[]byte("<html>"), verdictRetry},
		"fields that are newer": {[]byte{0x12, 0x01, 'x'}, verdictDelivered},
	} {
		if got := otlpAccepted(test.body); got.verdict != test.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
