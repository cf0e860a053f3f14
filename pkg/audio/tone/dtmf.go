package tone

import (
	"fmt"
	"strings"
	"time"
)

// keys are the digits of DTMF, row by row as on the keypad of ITU-T Q.23.
const keys = "123A456B789C*0#D"

// The two groups of frequencies in hertz.
var (
	rows    = [4]float64{697, 770, 852, 941}
	columns = [4]float64{1209, 1336, 1477, 1633}
)

// DTMF returns the sound of digits being pressed: each tone for on, followed by
// silence for off, at a rate in hertz. The level in dBFS is that of each of both
// frequencies; telephones send about -10, and above -9 their sum clips. Letters
// may be of either case. A character that is no key is an error.
func DTMF(digits string, rate int, on, off time.Duration, level float64) ([]int16, error) {
	var pcm []int16
	for _, digit := range strings.ToUpper(digits) {
		key := strings.IndexRune(keys, digit)
		if key < 0 {
			return nil, fmt.Errorf("tone: %q is not a DTMF digit", digit)
		}
		press := Sine(rows[key/4], rate, on, level)
		add(press, columns[key%4], rate, amplitude(level))
		pcm = append(pcm, press...)
		pcm = append(pcm, Silence(rate, off)...)
	}
	return pcm, nil
}
