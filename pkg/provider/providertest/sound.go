package providertest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/media"
)

// linear expands audio of a format to signed 16-bit little-endian samples.
func linear(data []byte, f media.Format) []byte {
	samples := make([]int16, len(data))
	switch f.Encoding {
	case media.ULaw:
		g711.DecodeULaw(samples, data)
	case media.ALaw:
		g711.DecodeALaw(samples, data)
	default:
		return data
	}
	pcm := make([]byte, len(samples)*audio.BytesPerSample)
	audio.EncodeLE(pcm, samples)
	return pcm
}

// companded is the way back.
func companded(pcm []byte, f media.Format) []byte {
	samples := make([]int16, len(pcm)/audio.BytesPerSample)
	audio.DecodeLE(samples, pcm)
	data := make([]byte, len(samples))
	switch f.Encoding {
	case media.ULaw:
		g711.EncodeULaw(data, samples)
	case media.ALaw:
		g711.EncodeALaw(data, samples)
	default:
		return pcm
	}
	return data
}

// swapped turns the byte order of 16-bit samples.
func swapped(data []byte) []byte {
	data = bytes.Clone(data)
	audio.SwapBytes(data)
	return data
}

// input returns the samples that a case hands to the encoder, in the format of
// the wire; nil when it has none. A rate that the case names is the format's.
func (c Case) input(format media.Format) ([]byte, media.Format) {
	for _, key := range sortedKeys(c.fields) {
		if !strings.HasPrefix(key, "input_pcm_s16le") {
			continue
		}
		pcm, err := base64.StdEncoding.DecodeString(c.String(key))
		if err != nil {
			continue
		}
		if n, ok := c.Value("sample_rate").(json.Number); ok && format.Encoding == media.L16 {
			rate, _ := n.Int64() // no rate at all is no valid format
			format.Rate = int(rate)
		}
		return companded(pcm, format), format
	}
	return nil, format
}

// samples are the first n samples of a frame.
func samples(frame []byte, f media.Format, n int) []int {
	pcm := linear(frame, f)
	list := make([]int, 0, n)
	for i := 0; i+1 < len(pcm) && len(list) < n; i += audio.BytesPerSample {
		list = append(list, int(int16(pcm[i])&0xFF|int16(pcm[i+1])<<8))
	}
	return list
}
