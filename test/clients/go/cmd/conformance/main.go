// Command conformance speaks to the server with Pyroscope's generated clients: every RPC of the querier, and Push, over Connect with protobuf,
// Connect with JSON, gRPC over cleartext HTTP/2, and gRPC-Web. It prints one line of JSON per call; the test that runs it knows the values.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"
	"github.com/google/pprof/profile"
	pushv1 "github.com/grafana/pyroscope/api/gen/proto/go/push/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/push/v1/pushv1connect"
	querierv1 "github.com/grafana/pyroscope/api/gen/proto/go/querier/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/querier/v1/querierv1connect"
	settingsv1 "github.com/grafana/pyroscope/api/gen/proto/go/settings/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/settings/v1/settingsv1connect"
	typesv1 "github.com/grafana/pyroscope/api/gen/proto/go/types/v1"
	versionv1 "github.com/grafana/pyroscope/api/gen/proto/go/version/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/version/v1/versionv1connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	cpuType     = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
	samplesType = "process_cpu:samples:count:cpu:nanoseconds"
	spanID      = "0102030405060708"
)

type protocol struct {
	name    string
	client  *http.Client
	options []connect.ClientOption
}

func protocols() []protocol {
	one := &http.Client{Timeout: 30 * time.Second}
	var cleartext http.Protocols
	cleartext.SetUnencryptedHTTP2(true)
	two := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{Protocols: &cleartext}}
	return []protocol{
		{"connect-proto", one, nil},
		{"connect-proto-gzip", one, []connect.ClientOption{connect.WithSendGzip()}},
		{"connect-proto-h2c", two, nil},
		{"connect-json", one, []connect.ClientOption{connect.WithProtoJSON()}},
		{"grpc", two, []connect.ClientOption{connect.WithGRPC()}},
		{"grpc-gzip", two, []connect.ClientOption{connect.WithGRPC(), connect.WithSendGzip()}},
		{"grpc-web", one, []connect.ClientOption{connect.WithGRPCWeb()}},
	}
}

type line struct {
	Protocol string          `json:"protocol"`
	Call     string          `json:"call"`
	Code     string          `json:"code"`
	Message  string          `json:"message,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
}

var out = json.NewEncoder(os.Stdout)

func report(of protocol, call string, result proto.Message, err error) {
	entry := line{Protocol: of.name, Call: call, Code: "ok"}
	if err != nil {
		entry.Code = connect.CodeOf(err).String()
		entry.Message = err.Error()
		var coded *connect.Error
		if errors.As(err, &coded) {
			entry.Message = coded.Message()
		}
	} else {
		text, err := protojson.Marshal(result)
		if err != nil {
			panic(err)
		}
		entry.Result = text
	}
	if err := out.Encode(entry); err != nil {
		panic(err)
	}
}

// call is one RPC with its request: the clients' methods differ only in the types.
func call[Q any, R any, RP interface {
	*R
	proto.Message
}](of protocol, name string, method func(context.Context, *connect.Request[Q]) (*connect.Response[R], error), request *Q) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	response, err := method(ctx, connect.NewRequest(request))
	if err != nil {
		report(of, name, nil, err)
		return
	}
	report(of, name, RP(response.Msg), nil)
}

func main() {
	url := flag.String("url", "http://127.0.0.1:4040", "the server")
	flag.Parse()
	now := time.Now().Add(-30 * time.Second)
	all := protocols()
	for _, of := range all {
		push(of, *url, now)
	}
	for _, of := range all {
		query(of, *url, now)
	}
}

func service(of protocol) string { return "conformance-" + of.name }

func push(of protocol, url string, at time.Time) {
	client := pushv1connect.NewPusherServiceClient(of.client, url, of.options...)
	labels := []*typesv1.LabelPair{
		{Name: "__name__", Value: "process_cpu"},
		{Name: "service_name", Value: service(of)},
		{Name: "pod", Value: "pod-" + of.name},
	}
	call(of, "Push", client.Push, &pushv1.PushRequest{Series: []*pushv1.RawProfileSeries{
		{Labels: labels, Samples: []*pushv1.RawSample{{RawProfile: cpuProfile(at), ID: "00000000-0000-4000-8000-000000000001"}}},
	}})
	call(of, "Push/empty", client.Push, &pushv1.PushRequest{})
	call(of, "Push/garbage", client.Push, &pushv1.PushRequest{Series: []*pushv1.RawProfileSeries{
		{Labels: labels, Samples: []*pushv1.RawSample{{RawProfile: []byte("not a profile"), ID: "x"}}},
	}})
}

// leaf ← mid ← main: 10 samples, 100 ms, of a span; other ← main: 5 samples, 50 ms.
func cpuProfile(at time.Time) []byte {
	functions := map[string]*profile.Function{}
	made := &profile.Profile{
		SampleType:    []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType:    &profile.ValueType{Type: "cpu", Unit: "nanoseconds"},
		Period:        10_000_000,
		TimeNanos:     at.UnixNano(),
		DurationNanos: int64(10 * time.Second),
		Mapping:       []*profile.Mapping{{ID: 1, File: "/bin/app", HasFunctions: true}},
	}
	location := func(name string) *profile.Location {
		if functions[name] == nil {
			functions[name] = &profile.Function{ID: uint64(len(made.Function) + 1), Name: name, Filename: name + ".go"}
			made.Function = append(made.Function, functions[name])
			made.Location = append(made.Location, &profile.Location{
				ID: functions[name].ID, Mapping: made.Mapping[0], Line: []profile.Line{{Function: functions[name], Line: 1}},
			})
		}
		return made.Location[functions[name].ID-1]
	}
	made.Sample = []*profile.Sample{
		{
			Location: []*profile.Location{location("leaf"), location("mid"), location("main")},
			Value:    []int64{10, 100_000_000},
			Label:    map[string][]string{"span_id": {spanID}},
		},
		{Location: []*profile.Location{location("other"), location("main")}, Value: []int64{5, 50_000_000}},
	}
	var packed bytes.Buffer
	if err := made.Write(&packed); err != nil {
		panic(err)
	}
	return packed.Bytes()
}

func query(of protocol, url string, at time.Time) {
	client := querierv1connect.NewQuerierServiceClient(of.client, url, of.options...)
	start, end := at.Add(-10*time.Minute).UnixMilli(), at.Add(10*time.Minute).UnixMilli()
	selector := fmt.Sprintf(`{service_name=%q}`, service(of))
	matchers := []string{selector}
	merge := func(change func(*querierv1.SelectMergeStacktracesRequest)) *querierv1.SelectMergeStacktracesRequest {
		request := &querierv1.SelectMergeStacktracesRequest{ProfileTypeID: cpuType, LabelSelector: selector, Start: start, End: end}
		if change != nil {
			change(request)
		}
		return request
	}
	format := func(format querierv1.ProfileFormat) func(*querierv1.SelectMergeStacktracesRequest) {
		return func(request *querierv1.SelectMergeStacktracesRequest) { request.Format = format }
	}

	call(of, "ProfileTypes", client.ProfileTypes, &querierv1.ProfileTypesRequest{Start: start, End: end})
	call(of, "ProfileTypes/health", client.ProfileTypes, &querierv1.ProfileTypesRequest{Start: 1000, End: 4000})
	call(of, "LabelNames", client.LabelNames, &typesv1.LabelNamesRequest{Matchers: matchers, Start: start, End: end})
	call(of, "LabelValues", client.LabelValues, &typesv1.LabelValuesRequest{Name: "pod", Matchers: matchers, Start: start, End: end})
	call(of, "LabelValues/noName", client.LabelValues, &typesv1.LabelValuesRequest{Start: start, End: end})
	call(of, "Series", client.Series, &querierv1.SeriesRequest{Matchers: matchers, LabelNames: []string{"service_name", "__profile_type__"}, Start: start, End: end})
	call(of, "SelectMergeStacktraces", client.SelectMergeStacktraces, merge(nil))
	call(of, "SelectMergeStacktraces/tree", client.SelectMergeStacktraces, merge(format(querierv1.ProfileFormat_PROFILE_FORMAT_TREE)))
	call(of, "SelectMergeStacktraces/dot", client.SelectMergeStacktraces, merge(format(querierv1.ProfileFormat_PROFILE_FORMAT_DOT)))
	call(of, "SelectMergeStacktraces/pprof", client.SelectMergeStacktraces, merge(format(querierv1.ProfileFormat_PROFILE_FORMAT_PPROF)))
	call(of, "SelectMergeStacktraces/callSite", client.SelectMergeStacktraces, merge(func(request *querierv1.SelectMergeStacktracesRequest) {
		request.StackTraceSelector = &typesv1.StackTraceSelector{CallSite: []*typesv1.Location{{Name: "main"}, {Name: "mid"}}}
	}))
	call(of, "SelectMergeStacktraces/span", client.SelectMergeStacktraces, merge(func(request *querierv1.SelectMergeStacktracesRequest) {
		request.SpanSelector = []string{spanID}
	}))
	call(of, "SelectMergeStacktraces/noRange", client.SelectMergeStacktraces, merge(func(request *querierv1.SelectMergeStacktracesRequest) {
		request.Start, request.End = 0, 0
	}))
	call(of, "SelectMergeStacktraces/badSelector", client.SelectMergeStacktraces, merge(func(request *querierv1.SelectMergeStacktracesRequest) {
		request.LabelSelector = `{service_name=`
	}))
	call(of, "SelectMergeStacktraces/none", client.SelectMergeStacktraces, merge(func(request *querierv1.SelectMergeStacktracesRequest) {
		request.LabelSelector = `{service_name="nobody"}`
	}))
	call(of, "SelectMergeSpanProfile", client.SelectMergeSpanProfile, &querierv1.SelectMergeSpanProfileRequest{
		ProfileTypeID: cpuType, LabelSelector: selector, SpanSelector: []string{spanID}, Start: start, End: end,
	})
	call(of, "SelectMergeProfile", client.SelectMergeProfile, &querierv1.SelectMergeProfileRequest{
		ProfileTypeID: samplesType, LabelSelector: selector, Start: start, End: end,
	})
	call(of, "SelectSeries", client.SelectSeries, &querierv1.SelectSeriesRequest{
		ProfileTypeID: cpuType, LabelSelector: selector, Start: start, End: end, GroupBy: []string{"pod"}, Step: 60,
	})
	call(of, "SelectSeries/noStep", client.SelectSeries, &querierv1.SelectSeriesRequest{
		ProfileTypeID: cpuType, LabelSelector: selector, Start: start, End: end,
	})
	call(of, "SelectHeatmap", client.SelectHeatmap, &querierv1.SelectHeatmapRequest{
		ProfileTypeID: cpuType, LabelSelector: selector, Start: start, End: end, Step: 60,
		QueryType: querierv1.HeatmapQueryType_HEATMAP_QUERY_TYPE_INDIVIDUAL,
	})
	call(of, "Diff", client.Diff, &querierv1.DiffRequest{
		Left: merge(func(request *querierv1.SelectMergeStacktracesRequest) {
			request.LabelSelector = `{service_name="nobody"}`
		}), Right: merge(nil),
	})
	call(of, "GetProfileStats", client.GetProfileStats, &typesv1.GetProfileStatsRequest{})
	call(of, "AnalyzeQuery", client.AnalyzeQuery, &querierv1.AnalyzeQueryRequest{Start: start, End: end, Query: cpuType + selector})

	call(of, "Version", versionv1connect.NewVersionClient(of.client, url, of.options...).Version, &versionv1.VersionRequest{})
	call(of, "Settings/unbuilt", settingsv1connect.NewSettingsServiceClient(of.client, url, of.options...).Get, &settingsv1.GetSettingsRequest{})
}
