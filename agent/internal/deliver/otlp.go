package deliver

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	otlpPath        = "/v1development/profiles"
	otlpContentType = "application/x-protobuf"
)

// otlpNames are OpenTelemetry's names of our labels; others keep theirs.
var otlpNames = map[string]string{
	"service_name": "service.name", "version": "service.version",
	"namespace": "k8s.namespace.name", "pod": "k8s.pod.name", "container": "k8s.container.name", "node": "k8s.node.name",
}

// otlpBody writes one upload as a gzipped ExportProfilesServiceRequest, which has the fields of ProfilesData.
//
// A pprof has several values at each sample, a profile of OTLP one: it becomes a profile for each sample type.
func otlpBody(uploads []*Upload) ([]byte, error) {
	if len(uploads) != 1 {
		return nil, fmt.Errorf("otlp: %d profiles for one request", len(uploads))
	}
	upload := uploads[0]
	parsed, err := profile.ParseData(upload.Pprof)
	if err != nil {
		return nil, fmt.Errorf("otlp: the profile cannot be read: %w", err)
	}
	data := pprofile.NewProfiles()
	resource := data.ResourceProfiles().AppendEmpty()
	for _, name := range slices.Sorted(maps.Keys(upload.Labels)) {
		key := name
		if known, ok := otlpNames[name]; ok {
			key = known
		}
		resource.Resource().Attributes().PutStr(key, upload.Labels[name])
	}
	scope := resource.ScopeProfiles().AppendEmpty()
	scope.Scope().SetName("brazier-agent")
	w := newOtlpWriter(data.Dictionary())
	for column := range parsed.SampleType {
		w.profile(scope.Profiles().AppendEmpty(), upload, parsed, column)
	}
	plain, err := new(pprofile.ProtoMarshaler).MarshalProfiles(data)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	if _, err := packer.Write(plain); err != nil {
		return nil, err
	}
	if err := packer.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// otlpWriter fills the tables that all profiles of a request share. Index 0 of each means nothing.
type otlpWriter struct {
	tables     pprofile.ProfilesDictionary
	strings    map[string]int32
	functions  map[*profile.Function]int32
	mappings   map[*profile.Mapping]int32
	locations  map[*profile.Location]int32
	stacks     map[string]int32
	attributes map[[2]string]int32
}

func newOtlpWriter(tables pprofile.ProfilesDictionary) *otlpWriter {
	tables.StringTable().Append("")
	tables.FunctionTable().AppendEmpty()
	tables.MappingTable().AppendEmpty()
	tables.LocationTable().AppendEmpty()
	tables.StackTable().AppendEmpty()
	tables.AttributeTable().AppendEmpty()
	tables.LinkTable().AppendEmpty()
	return &otlpWriter{
		tables: tables, strings: map[string]int32{"": 0}, functions: map[*profile.Function]int32{}, mappings: map[*profile.Mapping]int32{},
		locations: map[*profile.Location]int32{}, stacks: map[string]int32{}, attributes: map[[2]string]int32{},
	}
}

func (w *otlpWriter) profile(to pprofile.Profile, upload *Upload, from *profile.Profile, column int) {
	sampleType, divisor := *from.SampleType[column], int64(1)
	period := profile.ValueType{}
	switch {
	case upload.Kind == "process_cpu" && sampleType.Type == "cpu" && from.Period > 0:
		// The form that receivers know as CPU time: how often, and how much each stands for.
		sampleType, divisor = profile.ValueType{Type: "samples", Unit: "count"}, from.Period
		period = profile.ValueType{Type: "cpu", Unit: "nanoseconds"}
	case upload.Kind != "off_cpu" && from.PeriodType != nil:
		// Receivers take the profile's name from here.
		period = profile.ValueType{Type: upload.Kind, Unit: from.PeriodType.Unit}
	}
	to.SampleType().SetTypeStrindex(w.text(sampleType.Type))
	to.SampleType().SetUnitStrindex(w.text(sampleType.Unit))
	if period.Type != "" {
		to.PeriodType().SetTypeStrindex(w.text(period.Type))
		to.PeriodType().SetUnitStrindex(w.text(period.Unit))
		to.SetPeriod(from.Period)
	}
	at := upload.From
	if from.TimeNanos != 0 {
		to.SetTime(pcommon.Timestamp(from.TimeNanos))
	} else {
		to.SetTime(pcommon.NewTimestampFromTime(at))
	}
	to.SetDurationNano(uint64(max(0, upload.To.Sub(at))))
	if id, err := hex.DecodeString(strings.ReplaceAll(upload.ID, "-", "")); err == nil && len(id) == 16 {
		id[15] ^= byte(column) // one upload, several profiles
		to.SetProfileID(pprofile.ProfileID(id))
	}
	for _, sample := range from.Sample {
		value := (sample.Value[column] + divisor/2) / divisor
		if value == 0 {
			continue
		}
		row := to.Samples().AppendEmpty()
		row.SetStackIndex(w.stack(sample.Location))
		row.Values().Append(value)
		for _, name := range slices.Sorted(maps.Keys(sample.Label)) {
			if values := sample.Label[name]; len(values) > 0 {
				row.AttributeIndices().Append(w.attribute(name, values[0]))
			}
		}
	}
}

func (w *otlpWriter) text(text string) int32 {
	index, known := w.strings[text]
	if !known {
		index = int32(w.tables.StringTable().Len())
		w.tables.StringTable().Append(text)
		w.strings[text] = index
	}
	return index
}

func (w *otlpWriter) attribute(name, value string) int32 {
	key := [2]string{name, value}
	index, known := w.attributes[key]
	if !known {
		index = int32(w.tables.AttributeTable().Len())
		attribute := w.tables.AttributeTable().AppendEmpty()
		attribute.SetKeyStrindex(w.text(name))
		attribute.Value().SetStr(value)
		w.attributes[key] = index
	}
	return index
}

func (w *otlpWriter) stack(locations []*profile.Location) int32 {
	key := make([]byte, 0, len(locations)*4)
	indices := make([]int32, 0, len(locations))
	for _, location := range locations {
		index := w.location(location)
		indices = append(indices, index)
		key = append(key, byte(index), byte(index>>8), byte(index>>16), byte(index>>24))
	}
	index, known := w.stacks[string(key)]
	if !known {
		index = int32(w.tables.StackTable().Len())
		w.tables.StackTable().AppendEmpty().LocationIndices().FromRaw(indices)
		w.stacks[string(key)] = index
	}
	return index
}

func (w *otlpWriter) location(from *profile.Location) int32 {
	if index, known := w.locations[from]; known {
		return index
	}
	index := int32(w.tables.LocationTable().Len())
	to := w.tables.LocationTable().AppendEmpty()
	to.SetAddress(from.Address)
	if from.Mapping != nil {
		to.SetMappingIndex(w.mapping(from.Mapping))
	}
	for _, line := range from.Line {
		row := to.Lines().AppendEmpty()
		row.SetLine(line.Line)
		if line.Function != nil {
			row.SetFunctionIndex(w.function(line.Function))
		}
	}
	w.locations[from] = index
	return index
}

func (w *otlpWriter) function(from *profile.Function) int32 {
	if index, known := w.functions[from]; known {
		return index
	}
	index := int32(w.tables.FunctionTable().Len())
	to := w.tables.FunctionTable().AppendEmpty()
	to.SetNameStrindex(w.text(from.Name))
	to.SetSystemNameStrindex(w.text(from.SystemName))
	to.SetFilenameStrindex(w.text(from.Filename))
	to.SetStartLine(from.StartLine)
	w.functions[from] = index
	return index
}

func (w *otlpWriter) mapping(from *profile.Mapping) int32 {
	if index, known := w.mappings[from]; known {
		return index
	}
	index := int32(w.tables.MappingTable().Len())
	to := w.tables.MappingTable().AppendEmpty()
	to.SetMemoryStart(from.Start)
	to.SetMemoryLimit(from.Limit)
	to.SetFileOffset(from.Offset)
	to.SetFilenameStrindex(w.text(from.File))
	if from.BuildID != "" {
		to.AttributeIndices().Append(w.attribute("process.executable.build_id.gnu", from.BuildID))
	}
	w.mappings[from] = index
	return index
}

// otlpAccepted reads an ExportProfilesServiceResponse: a 200 may still say that profiles were rejected, and those are not sent again.
func otlpAccepted(body []byte) answer {
	rejected, message, err := partialSuccess(body)
	switch {
	case err != nil:
		return answer{verdict: verdictRetry, outcome: "garbage", problem: "the answer is no answer of OTLP: " + err.Error()}
	case rejected > 0:
		return answer{verdict: verdictRefused, outcome: "rejected", problem: "the server rejected it: " + message}
	}
	return answer{verdict: verdictDelivered, outcome: "delivered"}
}

var errResponse = errors.New("its protobuf is damaged")

// partialSuccess finds partial_success = 1 { rejected_profiles = 1, error_message = 2 }.
func partialSuccess(body []byte) (rejected uint64, message string, err error) {
	inner, err := fieldsOf(body, func(number protowire.Number, bytes []byte, _ uint64) []byte {
		if number == 1 {
			return bytes
		}
		return nil
	})
	if err != nil {
		return 0, "", err
	}
	_, err = fieldsOf(inner, func(number protowire.Number, bytes []byte, value uint64) []byte {
		switch number {
		case 1:
			rejected = value
		case 2:
			message = string(bytes)
		}
		return nil
	})
	return rejected, message, err
}

// fieldsOf visits the fields of a message, and gives the last bytes that the visitor kept.
func fieldsOf(body []byte, visit func(number protowire.Number, bytes []byte, value uint64) []byte) (kept []byte, err error) {
	for len(body) > 0 {
		number, kind, size := protowire.ConsumeTag(body)
		if size < 0 {
			return nil, errResponse
		}
		body = body[size:]
		var bytes []byte
		var value uint64
		switch kind {
		case protowire.VarintType:
			value, size = protowire.ConsumeVarint(body)
		case protowire.BytesType:
			bytes, size = protowire.ConsumeBytes(body)
		default:
			size = protowire.ConsumeFieldValue(number, kind, body)
		}
		if size < 0 {
			return nil, errResponse
		}
		body = body[size:]
		if found := visit(number, bytes, value); found != nil {
			kept = found
		}
	}
	return kept, nil
}
