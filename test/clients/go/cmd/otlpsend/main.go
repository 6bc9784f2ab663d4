// Command otlpsend exports profiles with the collector's own code: CPU samples with timestamps, off-CPU time with values and timestamps, probe
// events without a period, and allocations with values. It prints the answer as a line of JSON.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/pdata/pprofile/pprofileotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

type answer struct {
	// gRPC code or HTTP status.
	Code             string `json:"code"`
	Message          string `json:"message,omitempty"`
	ContentType      string `json:"contentType,omitempty"`
	RetryAfter       string `json:"retryAfter,omitempty"`
	RejectedProfiles int64  `json:"rejectedProfiles"`
	ErrorMessage     string `json:"errorMessage,omitempty"`
}

func main() {
	endpoint := flag.String("endpoint", "127.0.0.1:4317", "host:port")
	protocol := flag.String("protocol", "grpc", "grpc, http or json")
	service := flag.String("service", "otlp", "service.name of the resource")
	tenant := flag.String("tenant", "", "X-Scope-OrgID")
	compress := flag.Bool("gzip", false, "compress the request")
	bad := flag.Bool("bad", false, "add a profile whose stack does not exist")
	empty := flag.Bool("empty", false, "send a request without resource profiles")
	flag.Parse()

	profiles := build(*service, time.Now().Add(-5*time.Second), *bad)
	if *empty {
		profiles = pprofile.NewProfiles()
	}
	request := pprofileotlp.NewExportRequestFromProfiles(profiles)
	send := sendHTTP
	if *protocol == "grpc" {
		send = sendGRPC
	}
	result, err := send(request, *endpoint, *protocol, *tenant, *compress)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(result)
}

func sendGRPC(request pprofileotlp.ExportRequest, endpoint, _, tenant string, compress bool) (*answer, error) {
	connection, err := grpc.NewClient("passthrough:///"+endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if tenant != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-scope-orgid", tenant)
	}
	var options []grpc.CallOption
	if compress {
		options = append(options, grpc.UseCompressor("gzip"))
	}
	response, err := pprofileotlp.NewGRPCClient(connection).Export(ctx, request, options...)
	if err != nil {
		state, _ := status.FromError(err)
		refused := &answer{Code: state.Code().String(), Message: state.Message()}
		for _, detail := range state.Details() {
			if retry, ok := detail.(*errdetails.RetryInfo); ok {
				refused.RetryAfter = retry.RetryDelay.AsDuration().String()
			}
		}
		return refused, nil
	}
	return accepted("OK", response), nil
}

func sendHTTP(request pprofileotlp.ExportRequest, endpoint, protocol, tenant string, compress bool) (*answer, error) {
	marshal, contentType := request.MarshalProto, "application/x-protobuf"
	if protocol == "json" {
		marshal, contentType = request.MarshalJSON, "application/json"
	}
	body, err := marshal()
	if err != nil {
		return nil, err
	}
	if compress {
		var packed bytes.Buffer
		writer := gzip.NewWriter(&packed)
		_, _ = writer.Write(body)
		_ = writer.Close()
		body = packed.Bytes()
	}
	call, err := http.NewRequest(http.MethodPost, "http://"+endpoint+"/v1development/profiles", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	call.Header.Set("Content-Type", contentType)
	call.Header.Set(pprofileotlp.DevelopmentVersionHeader, pprofileotlp.DevelopmentVersion)
	if compress {
		call.Header.Set("Content-Encoding", "gzip")
	}
	if tenant != "" {
		call.Header.Set("X-Scope-OrgID", tenant)
	}
	reply, err := (&http.Client{Timeout: 20 * time.Second}).Do(call)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	content, err := io.ReadAll(reply.Body)
	if err != nil {
		return nil, err
	}
	code := fmt.Sprint(reply.StatusCode)
	if reply.StatusCode != http.StatusOK {
		refused := &answer{
			Code: code, Message: string(content),
			ContentType: reply.Header.Get("Content-Type"), RetryAfter: reply.Header.Get("Retry-After"),
		}
		if refused.ContentType == "application/x-protobuf" {
			var told spb.Status
			if err := proto.Unmarshal(content, &told); err != nil {
				return nil, fmt.Errorf("the refusal is no Status: %w", err)
			}
			refused.Message = told.Message
		}
		return refused, nil
	}
	response := pprofileotlp.NewExportResponse()
	unmarshal := response.UnmarshalProto
	if protocol == "json" {
		unmarshal = response.UnmarshalJSON
	}
	if err := unmarshal(content); err != nil {
		return nil, fmt.Errorf("the answer is no ExportProfilesServiceResponse: %w", err)
	}
	result := accepted(code, response)
	result.ContentType = reply.Header.Get("Content-Type")
	return result, nil
}

func accepted(code string, response pprofileotlp.ExportResponse) *answer {
	partial := response.PartialSuccess()
	return &answer{Code: code, RejectedProfiles: partial.RejectedProfiles(), ErrorMessage: partial.ErrorMessage()}
}

func build(service string, at time.Time, bad bool) pprofile.Profiles {
	profiles := pprofile.NewProfiles()
	book := newBook(profiles.Dictionary())
	resource := profiles.ResourceProfiles().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", service)
	resource.Resource().Attributes().PutStr("host.name", "node-1")
	resource.Resource().Attributes().PutInt("process.pid", 4711)
	scope := resource.ScopeProfiles().AppendEmpty()
	scope.Scope().SetName("otlpsend")
	scope.Scope().Attributes().PutStr("scope.attribute", "yes")

	add := func(sampleType, sampleUnit, periodType, periodUnit string, period int64) pprofile.Profile {
		added := scope.Profiles().AppendEmpty()
		added.SetTime(pcommon.NewTimestampFromTime(at))
		added.SetDurationNano(uint64(5 * time.Second))
		added.SampleType().SetTypeStrindex(book.text(sampleType))
		added.SampleType().SetUnitStrindex(book.text(sampleUnit))
		if periodType != "" {
			added.PeriodType().SetTypeStrindex(book.text(periodType))
			added.PeriodType().SetUnitStrindex(book.text(periodUnit))
			added.SetPeriod(period)
		}
		return added
	}
	sample := func(of pprofile.Profile, stack int32, values []int64, timestamps int) pprofile.Sample {
		added := of.Samples().AppendEmpty()
		added.SetStackIndex(stack)
		added.Values().Append(values...)
		for i := 0; i < timestamps; i++ {
			added.TimestampsUnixNano().Append(uint64(at.Add(time.Duration(i) * time.Millisecond).UnixNano()))
		}
		return added
	}

	hot := book.stack("hotLoop", "main")
	park := book.stack("park", "main")
	native := book.native(0x7f00deadbeef, "main")

	// 20 Hz: 50 ms a sample. Threads and processors differ, series must not.
	cpu := add("samples", "count", "cpu", "nanoseconds", int64(50*time.Millisecond))
	for thread := int64(0); thread < 4; thread++ {
		added := sample(cpu, hot, nil, 5)
		added.AttributeIndices().Append(book.attribute("thread.id", 100+thread), book.attribute("cpu.logical_number", thread))
	}
	sample(cpu, native, nil, 3)
	linked := sample(cpu, park, nil, 2)
	linked.SetLinkIndex(book.link())

	off := add("off_cpu", "nanoseconds", "", "", 0)
	sample(off, park, []int64{1_000_000, 2_000_000, 4_000_000}, 3)

	events := add("events", "count", "", "", 0)
	sample(events, hot, nil, 6)

	allocations := add("alloc_space", "bytes", "space", "bytes", 524288)
	sample(allocations, hot, []int64{12345}, 0)

	if bad {
		broken := add("events", "count", "", "", 0)
		sample(broken, 9999, nil, 1)
	}
	return profiles
}

// book fills the tables of a dictionary, each entry once.
type book struct{ dictionary pprofile.ProfilesDictionary }

func newBook(dictionary pprofile.ProfilesDictionary) book {
	dictionary.StringTable().Append("")
	dictionary.MappingTable().AppendEmpty()
	dictionary.LocationTable().AppendEmpty()
	dictionary.FunctionTable().AppendEmpty()
	dictionary.LinkTable().AppendEmpty()
	dictionary.AttributeTable().AppendEmpty()
	dictionary.StackTable().AppendEmpty()
	return book{dictionary}
}

func must(index int32, err error) int32 {
	if err != nil {
		panic(err)
	}
	return index
}

func (b book) text(value string) int32 {
	return must(pprofile.SetString(b.dictionary.StringTable(), value))
}

func (b book) attribute(key string, value int64) int32 {
	attribute := pprofile.NewKeyValueAndUnit()
	attribute.SetKeyStrindex(b.text(key))
	attribute.Value().SetInt(value)
	return must(pprofile.SetAttribute(b.dictionary.AttributeTable(), attribute))
}

func (b book) link() int32 {
	link := pprofile.NewLink()
	link.SetTraceID([16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	link.SetSpanID([8]byte{0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8})
	return must(pprofile.SetLink(b.dictionary.LinkTable(), link))
}

func (b book) function(name string) pprofile.Location {
	function := pprofile.NewFunction()
	function.SetNameStrindex(b.text(name))
	function.SetFilenameStrindex(b.text(name + ".go"))
	location := pprofile.NewLocation()
	line := location.Lines().AppendEmpty()
	line.SetFunctionIndex(must(pprofile.SetFunction(b.dictionary.FunctionTable(), function)))
	line.SetLine(10)
	return location
}

func (b book) put(locations ...pprofile.Location) int32 {
	stack := pprofile.NewStack()
	for _, location := range locations {
		stack.LocationIndices().Append(must(pprofile.SetLocation(b.dictionary.LocationTable(), location)))
	}
	return must(pprofile.SetStack(b.dictionary.StackTable(), stack))
}

// Leaf first.
func (b book) stack(names ...string) int32 {
	locations := make([]pprofile.Location, 0, len(names))
	for _, name := range names {
		locations = append(locations, b.function(name))
	}
	return b.put(locations...)
}

// A leaf that only has an address, as the eBPF profiler sends native code.
func (b book) native(address uint64, callers ...string) int32 {
	mapping := pprofile.NewMapping()
	mapping.SetMemoryStart(0x7f0000000000)
	mapping.SetMemoryLimit(0x7f0100000000)
	mapping.SetFilenameStrindex(b.text("libnative.so"))
	build := pprofile.NewKeyValueAndUnit()
	build.SetKeyStrindex(b.text("process.executable.build_id.gnu"))
	build.Value().SetStr("c0ffee")
	mapping.AttributeIndices().Append(must(pprofile.SetAttribute(b.dictionary.AttributeTable(), build)))
	leaf := pprofile.NewLocation()
	leaf.SetMappingIndex(must(pprofile.SetMapping(b.dictionary.MappingTable(), mapping)))
	leaf.SetAddress(address)
	locations := []pprofile.Location{leaf}
	for _, name := range callers {
		locations = append(locations, b.function(name))
	}
	return b.put(locations...)
}
