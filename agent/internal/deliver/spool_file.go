package deliver

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// A file of the spool, integers little-endian:
//
//	magic "BZSPOOL1" · header length u32 · header JSON · pprof bytes · CRC-32C of everything before u32

const spoolMagic = "BZSPOOL1"

var (
	crcTable     = crc32.MakeTable(crc32.Castagnoli)
	errTruncated = errors.New("the file is cut off")
	errChecksum  = errors.New("the checksum does not match")
	errMagic     = errors.New("it does not begin as a spooled profile does")
)

type spoolHeader struct {
	Labels  map[string]string `json:"labels"`
	Samples int64             `json:"samples"`
	From    int64             `json:"from_ns"`
	To      int64             `json:"to_ns"`
	Kind    string            `json:"kind"`
	ID      string            `json:"id"`
}

func encodeSpooled(upload *Upload) ([]byte, error) {
	header, err := json.Marshal(spoolHeader{
		Labels: upload.Labels, Samples: upload.Samples, From: upload.From.UnixNano(), To: upload.To.UnixNano(), Kind: upload.Kind, ID: upload.ID,
	})
	if err != nil {
		return nil, err
	}
	bytes := make([]byte, 0, len(spoolMagic)+4+len(header)+len(upload.Pprof)+4)
	bytes = append(bytes, spoolMagic...)
	bytes = binary.LittleEndian.AppendUint32(bytes, uint32(len(header)))
	bytes = append(bytes, header...)
	bytes = append(bytes, upload.Pprof...)
	return binary.LittleEndian.AppendUint32(bytes, crc32.Checksum(bytes, crcTable)), nil
}

func decodeSpooled(bytes []byte) (*Upload, error) {
	prefix := len(spoolMagic) + 4
	if len(bytes) < prefix+4 {
		return nil, errTruncated
	}
	if string(bytes[:len(spoolMagic)]) != spoolMagic {
		return nil, errMagic
	}
	body, sum := bytes[:len(bytes)-4], binary.LittleEndian.Uint32(bytes[len(bytes)-4:])
	if crc32.Checksum(body, crcTable) != sum {
		return nil, errChecksum
	}
	headerSize := uint64(binary.LittleEndian.Uint32(bytes[len(spoolMagic):]))
	if headerSize > uint64(len(body)-prefix) {
		return nil, errTruncated
	}
	var header spoolHeader
	if err := json.Unmarshal(body[prefix:prefix+int(headerSize)], &header); err != nil {
		return nil, fmt.Errorf("its header is not what it should be: %w", err)
	}
	return &Upload{
		Labels: header.Labels, Pprof: body[prefix+int(headerSize):], Samples: header.Samples,
		From: time.Unix(0, header.From), To: time.Unix(0, header.To), Kind: header.Kind, ID: header.ID,
	}, nil
}
