package jsonform

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A generator writes random documents that are as nasty as JSON allows. Equal
// seed and number give the equal document.
type generator struct {
	*rand.Rand
	buf []byte

	lossy bool // write numbers and keys that JavaScript loses, too
	nodes int  // how many more values the document may get
}

func generate(seed, number uint64) []byte {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, number))}
	g.nodes = 1 << g.IntN(7)
	g.lossy = g.one(4)
	g.space()
	if g.one(200) {
		g.deep()
	} else {
		g.value(0)
	}
	g.space()
	if g.one(6) {
		g.damage()
	}
	return g.buf
}

var (
	usualRunes   = []rune("abcdefghijklmnopqrstuvwxyzABC0123456789 _-.:/\"\\\n<>&'")
	unusualRunes = []rune("\u2028\u2029\u007f\u0080\u009f\u00a0\ufeff\ufffd\uffff\ufffe\ue000\ud7ff\u07ff\u0800😀é\U00010000\U0010ffff")
)

// one is true once in n times.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

func (g *generator) put(s string) { g.buf = append(g.buf, s...) }

func (g *generator) pick(s ...string) string { return s[g.IntN(len(s))] }

func (g *generator) among(runes []rune) rune { return runes[g.IntN(len(runes))] }

func (g *generator) space() {
	for g.one(8) {
		g.put(g.pick(" ", "\n", "\t", "\r", "\r\n  "))
	}
}

func (g *generator) value(depth int) {
	g.nodes--
	n := g.IntN(10)
	if depth == 0 && !g.one(5) {
		n %= 5
	}
	switch {
	case n < 4 && g.nodes > 0:
		g.object(depth)
	case n < 5 && g.nodes > 0:
		g.array(depth)
	case n < 7:
		g.string(g.one(4))
	case n < 9:
		g.number()
	default:
		g.put(g.pick("true", "false", "null"))
	}
}

func (g *generator) array(depth int) {
	g.put("[")
	g.space()
	for i := g.IntN(7); i > 0; i-- {
		g.value(depth + 1)
		g.space()
		if i > 1 {
			g.put(",")
			g.space()
		}
	}
	g.put("]")
}

func (g *generator) object(depth int) {
	size := g.IntN(7)
	if g.one(10) {
		size = g.IntN(50) // more than are compared in pairs
	}
	unique := map[string]bool{}
	g.put("{")
	g.space()
	for first := true; size > 0; size-- {
		before := len(g.buf)
		if !first {
			g.put(",")
			g.space()
		}
		start := len(g.buf)
		g.key()
		// json.Unmarshal makes one of all lone surrogates: at worst, too few
		// members are left.
		if k := unquote(g.buf[start:]); unique[k] && !(g.lossy && g.one(2)) {
			g.buf = g.buf[:before]
			continue
		} else {
			unique[k] = true
		}
		first = false
		g.space()
		g.put(":")
		g.space()
		g.value(depth + 1)
		g.space()
	}
	g.put("}")
}

func (g *generator) key() {
	switch g.IntN(12) {
	case 0, 1, 2:
		g.spell(strconv.Itoa(g.IntN(40)), 10)
	case 3:
		g.spell(g.pick("4294967293", "4294967294", "4294967295", "4294967296", "4294967306", "9007199254740991",
			"18446744073709551615", "00", "01", "-0", "-1", "1.0", "1e1", " 1", "1 ", "+1", "1234567890", "10000000000", "٣"), 10)
	case 4:
		g.spell(strconv.FormatUint(uint64(g.Uint32()), 10), 10)
	case 5:
		g.spell(g.pick("__proto__", "constructor", "toJSON", "hasOwnProperty", "length", "prototype", ""), 6)
	case 6:
		g.string(true)
	case 7, 8:
		g.spell(g.pick("a", "b", "c", "d"), 2)
	default:
		g.string(false)
	}
}

// string writes a short or, if nasty, an unusual string.
func (g *generator) string(nasty bool) {
	if !nasty {
		b := make([]rune, g.IntN(12))
		for i := range b {
			b[i] = g.among(usualRunes)
		}
		g.spell(string(b), 30)
		return
	}
	g.put(`"`)
	for n := g.IntN(9); n > 0; n-- {
		switch g.IntN(9) {
		case 0: // a surrogate, alone or not as chance wants it
			g.escape(0xD800 + g.Uint32N(0x800))
		case 1:
			g.escape(0xD800 + g.Uint32N(0x400))
			g.escape(0xDC00 + g.Uint32N(0x400))
		case 2:
			g.char(rune(0x10000+g.IntN(0x100000)), 4)
		case 3:
			g.char(g.among(unusualRunes), 4)
		case 4:
			g.char(rune(g.IntN(0x20)), 4)
		case 5:
			g.put(g.pick(`\/`, `/`, `\"`, `\\`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u002f`, `\u002F`, `\\u2028`, `\\ud800`))
		case 6:
			if r := rune(g.IntN(0x10000)); utf8.ValidRune(r) {
				g.char(r, 4)
			}
		default:
			g.char(rune(g.IntN(0x80)), 4)
		}
	}
	g.put(`"`)
}

// spell writes a string with one in n characters escaped without need.
func (g *generator) spell(s string, n int) {
	g.put(`"`)
	for _, r := range s {
		g.char(r, n)
	}
	g.put(`"`)
}

func (g *generator) char(r rune, n int) {
	switch {
	case g.one(n) || r < ' ':
		if short := strings.IndexRune("\b\f\n\r\t", r); short >= 0 && g.one(2) {
			g.put(`\` + "bfnrt"[short:short+1])
		} else {
			g.buf = appendEscapedRune(g.buf, r)
			g.raise(6)
		}
	case r == '"' || r == '\\':
		g.put(`\` + string(r))
	default:
		g.buf = utf8.AppendRune(g.buf, r)
	}
}

func (g *generator) escape(unit uint32) {
	g.buf = appendHex(g.buf, rune(unit))
	g.raise(6)
}

// raise turns hex digits among the last n bytes to upper case, at random.
func (g *generator) raise(n int) {
	for i := len(g.buf) - n + 2; i < len(g.buf); i++ {
		if c := g.buf[i]; 'a' <= c && c <= 'f' && g.one(2) {
			g.buf[i] -= 'a' - 'A'
		}
	}
}

func (g *generator) digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + g.IntN(10))
	}
	return string(b)
}

// number writes a number. Unless g is lossy, JavaScript can hold most of them.
func (g *generator) number() {
	if g.one(3) {
		g.put("-")
	}
	if g.lossy && g.one(3) {
		switch g.IntN(5) {
		case 0: // too many digits
			g.put(strconv.Itoa(1+g.IntN(9)) + g.digits(14+g.IntN(12)))
		case 1:
			g.put("0." + g.digits(14+g.IntN(12)))
		case 2: // too large or small, or nearly
			g.put(strconv.Itoa(1+g.IntN(9)) + "." + g.digits(1+g.IntN(17)) + "e" + g.pick("", "-", "+") + strconv.Itoa(300+g.IntN(30)))
		case 3:
			g.put(g.pick("9007199254740993", "1e309", "1e400", "1e-400", "2.5e-324", "1.7976931348623159e308", "4.9e-324",
				"1e99999999999999999999", "1e-99999999999999999999", "0.1000000000000000055511151231257827",
				"123456789012345678", "5e-325", "1"+strings.Repeat("0", 309), "0."+strings.Repeat("0", 330)+"1"))
		default:
			g.put(strconv.FormatFloat(math.Abs(g.float()), 'e', 17+g.IntN(8), 64))
		}
		return
	}
	switch g.IntN(8) {
	case 0, 1:
		g.put(strconv.Itoa(g.IntN(100000)))
	case 2:
		g.put(strconv.FormatInt(g.Int64N(1<<53), 10))
	case 3: // money
		g.put(strconv.Itoa(g.IntN(100000)) + "." + g.digits(2))
	case 4:
		g.put(g.pick("0", "0.0", "0e0", "0E+5", "0.000e-99999999999999999999", "0e999999999999999999999", "1.0", "1e2", "0.10",
			"1E21", "1e+20", "100000000000000000000", "1000000000000000000000", "999999999999999900000", "1e-6", "1e-7",
			"0.000001", "0.0000001", "0.00000012300", "123e-20", "5e-324", "0.5e-323", "2.2250738585072014e-308",
			"1.7976931348623157e308", "17.976931348623157e+307", "9007199254740992", "9007199254740991", "4.35", "0.3",
			"1e23", "8.41e21", "2e-1", "0.1e1", "1"+strings.Repeat("0", 308), "0."+strings.Repeat("0", 322)+"1e1",
			"1"+strings.Repeat("0", 500)+"e-500", "0."+strings.Repeat("0", 500)+"1e+500"))
	case 5: // any float64 in its shortest form, in one layout or another
		g.put(strconv.FormatFloat(math.Abs(g.float()), "eEg"[g.IntN(3)], -1, 64))
	case 6: // the same around the places where the layout changes
		f := g.Float64() * math.Pow10(g.IntN(36)-12)
		g.put(strconv.FormatFloat(f, "ef"[g.IntN(2)], -1, 64))
	default: // up to 15 digits, anywhere
		g.put(strconv.Itoa(1+g.IntN(9)) + "." + g.digits(1+g.IntN(14)) + g.pick("e", "E") + g.pick("", "+", "-") +
			g.pick("", "", "0") + strconv.Itoa(g.IntN(290)))
	}
}

// float returns any finite float64: of random bits, or near a power of two.
func (g *generator) float() float64 {
	f := math.Float64frombits(g.Uint64())
	if g.one(3) {
		f = math.Ldexp(1, g.IntN(2098)-1074)
		if g.one(2) {
			f = math.Nextafter(f, f*float64(g.IntN(3)))
		}
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return math.MaxFloat64
	}
	return f
}

// deep writes arrays and objects nested up to MaxDepth, in rare cases deeper.
func (g *generator) deep() {
	depth := g.IntN(MaxDepth + 1)
	switch g.IntN(8) {
	case 0:
		depth = MaxDepth
	case 1:
		depth = MaxDepth + 1 + g.IntN(300)
	}
	var ends []string
	for range depth {
		if g.one(3) {
			g.put("[")
			ends = append(ends, "]")
			continue
		}
		g.put(`{"` + g.pick("a", "1", "") + `":`)
		ends = append(ends, g.pick("}", `, "0":1}`))
	}
	g.number()
	for i := len(ends) - 1; i >= 0; i-- {
		g.put(ends[i])
	}
}

// damage changes some bytes, which often leaves no JSON.
func (g *generator) damage() {
	for n := 1 + g.IntN(2); n > 0 && len(g.buf) > 0; n-- {
		i := g.IntN(len(g.buf))
		junk := g.pick("\"", "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "\x00", "\x1f", "\x7f", "\xff", "\xc3",
			"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "\u00a0", "\ufeff", "\u2028", "NaN", "Infinity", "//", "'", "+1",
			`\u12`, `\x41`, "tru", "\v", "1 2", `"a"`)
		switch g.IntN(4) {
		case 0:
			g.buf = g.buf[:i]
		case 1:
			g.buf = append(g.buf[:i], g.buf[i+1:]...)
		case 2:
			g.buf = append(append(g.buf[:i:i], junk...), g.buf[i:]...)
		default:
			g.buf = append(append(g.buf[:i:i], junk...), g.buf[i+1:]...)
		}
	}
}
