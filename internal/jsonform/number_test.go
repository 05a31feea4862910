package jsonform

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// ECMA-262, section 6.1.6.1.20, Number::toString.
func TestJavaScriptNumbers(t *testing.T) {
	zeros := strings.Repeat
	for literal, want := range map[string]string{
		"0": "0", "-0": "0", "0.0": "0", "-0.00": "0", "0e7": "0", "-0E-99999999999999999999": "0",
		"1": "1", "-1": "-1", "1.0": "1", "1e2": "100", "0.10": "0.1", "-0.50": "-0.5", "10": "10", "1E+2": "100",
		"100e-2": "1", "0.1e1": "1", "123.456": "123.456", "-5.25": "-5.25",
		"123456789012345": "123456789012345", "1234567890123456": "1234567890123456",
		"9007199254740991": "9007199254740991", "9007199254740992": "9007199254740992",
		"9007199254740994":                "9007199254740994",
		"100000000000000000000":           "100000000000000000000",
		"1e20":                            "100000000000000000000",
		"123456789012345680000":           "123456789012345680000",
		"1000000000000000000000":          "1e+21",
		"1e21":                            "1e+21",
		"1E21":                            "1e+21",
		"1.5e+21":                         "1.5e+21",
		"0.000001":                        "0.000001",
		"0.00000123":                      "0.00000123",
		"1e-6":                            "0.000001",
		"1.25e-6":                         "0.00000125",
		"0.0000001":                       "1e-7",
		"0.00000012":                      "1.2e-7",
		"-1e-7":                           "-1e-7",
		"12e-8":                           "1.2e-7",
		"0.1234567890123456":              "0.1234567890123456",
		"5e-324":                          "5e-324",
		"2.2250738585072014e-308":         "2.2250738585072014e-308",
		"1.7976931348623157e308":          "1.7976931348623157e+308",
		"179769313486231570e291":          "1.7976931348623157e+308",
		"1" + zeros("0", 308):             "1e+308",
		"1" + zeros("0", 5000) + "e-5000": "1",
		// Beyond the exponents that strconv takes to the digit.
		"1" + zeros("0", 200000) + "e-200000":  "1",
		"0." + zeros("0", 200000) + "1e200001": "1",
	} {
		check(t, literal, JavaScript, want)
		// In the other forms a number stays as it is.
		check(t, literal, Verbatim, literal)
		check(t, literal, ASCII, literal)
	}
}

func TestNumbersLostInJavaScript(t *testing.T) {
	for literal, reason := range map[string]string{
		"12345678901234567890":                  "number 12345678901234567890 cannot be held by JavaScript exactly: it becomes 12345678901234567000",
		"9007199254740993":                      "number 9007199254740993 cannot be held by JavaScript exactly: it becomes 9007199254740992",
		"-0.1000000000000000055511151231257827": "number -0.1000000000000000055511151231257827 cannot be held by JavaScript exactly: it becomes -0.1",
		// Exactly the float64, but not what JavaScript prints for it.
		"9223372036854775808":     "number 9223372036854775808 cannot be held by JavaScript exactly: it becomes 9223372036854776000",
		"4.9e-324":                "number 4.9e-324 cannot be held by JavaScript exactly: it becomes 5e-324",
		"1e309":                   "number 1e309 cannot be held by JavaScript: it overflows to Infinity",
		"-1e99999999999999999999": "number -1e99999999999999999999 cannot be held by JavaScript: it overflows to Infinity",
		"1e-324":                  "number 1e-324 cannot be held by JavaScript: it underflows to 0",
		"1e-99999999999999999999": "number 1e-99999999999999999999 cannot be held by JavaScript: it underflows to 0",
		strings.Repeat("9", 200): "number " + strings.Repeat("9", 60) + "…" + strings.Repeat("9", 40) +
			" (200 bytes) cannot be held by JavaScript exactly: it becomes 1e+200",
	} {
		got, err := Append([]byte("x"), []byte("[1, "+literal+"]"), JavaScript)
		fault := new(Error)
		if !errors.As(err, &fault) || fault.Reason != reason || fault.Path != "/1" || fault.Offset != 4 || string(got) != "x" {
			t.Errorf("%s: got %q, %#v\nwant reason %q", literal, got, err, reason)
		}
		check(t, literal, Verbatim, literal)
	}
}

// What plainDecimal passes must be what the computation gives.
func TestPlainDecimals(t *testing.T) {
	r := rand.New(rand.NewPCG(*seedFlag, 0))
	g := generator{Rand: r}
	for range 50_000 {
		literal := g.digits(r.IntN(16))
		literal = strings.TrimLeft(literal, "0")
		if literal == "" {
			literal = "0"
		}
		if r.IntN(3) > 0 {
			literal += "." + strings.Repeat("0", r.IntN(9)) + g.digits(1+r.IntN(10))
		}
		if r.IntN(2) == 0 {
			literal = "-" + literal
		}
		fast, fastErr := Append(nil, []byte(literal), JavaScript)
		slow, reason := appendNumber(nil, []byte(literal))
		if (fastErr != nil) != (reason != "") || fastErr == nil && string(fast) != string(slow) {
			t.Fatalf("%s: got %s, %v, but by computing %s, %s", literal, fast, fastErr, slow, reason)
		}
	}
}
