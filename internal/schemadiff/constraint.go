package schemadiff

import "math/big"

// values compares what remains when references and alternatives are gone.
func (c *comparer) values(o, n flat, path string) {
	was, is := o.types(), n.types()
	if is == 0 {
		return
	}
	now := "is now"
	if c.alternative {
		now = "may now be"
	}
	switch extra := is &^ was; {
	case extra == 0 && is == was:
	case extra == 0:
		c.narrower(path, "is now always %v (was %v)", is, was)
	case is == allTypes:
		c.breaking(path, "may now be anything (was %v)", was)
	case is&was == 0:
		c.breaking(path, "%s %v (was %v)", now, is, was)
	case extra == typeFraction:
		c.breaking(path, "may now be a number that is no integer")
	default:
		c.breaking(path, "may now also be %v (was %v)", extra, was)
	}
	both := is & was
	if both == 0 {
		return
	}
	c.enum(o, n, path)
	if both&typeNumber != 0 {
		c.bound(o, n, path, "minimum", "exclusiveMinimum", 1)
		c.bound(o, n, path, "maximum", "exclusiveMaximum", -1)
		c.multipleOf(o, n, path)
	}
	if both&typeString != 0 {
		c.count(o, n, path, "minLength", "maxLength")
		for _, k := range []string{"pattern", "format", "contentEncoding", "contentMediaType"} {
			c.meaning(o, n, path, k)
		}
		c.whole(o, n, path, "contentSchema")
	}
	if both&typeArray != 0 {
		c.array(o, n, path)
	}
	if both&typeObject != 0 {
		c.object(o, n, path)
	}
	c.whole(o, n, path, "not")
	c.whole(o, n, path, "if", "then", "else")
}

// enum compares the values that are listed.
func (c *comparer) enum(o, n flat, path string) {
	was, wasListed := o.keywords["enum"].([]any)
	is, isListed := n.keywords["enum"].([]any)
	switch {
	case !wasListed:
		return
	case !isListed:
		c.breaking(path, "may now be other than %s", show(was))
		return
	}
	if added := minus(is, was); len(added) > 0 {
		c.breaking(path, "may now be %s", show(added))
	} else if gone := minus(was, is); len(gone) > 0 {
		c.narrower(path, "is no longer %s", show(gone))
	}
}

// limit is a minimum or maximum; strict excludes the limit itself.
type limit struct {
	at     *big.Rat
	strict bool
}

// limitOf returns the tighter of the two keywords; sign is 1 for minima.
func (f flat) limitOf(inclusive, exclusive string, sign int) limit {
	in, ex := number(f.keywords[inclusive]), number(f.keywords[exclusive])
	if ex != nil && (in == nil || ex.Cmp(in)*sign >= 0) {
		return limit{at: ex, strict: true}
	}
	return limit{at: in}
}

func (c *comparer) bound(o, n flat, path, inclusive, exclusive string, sign int) {
	was, is := o.limitOf(inclusive, exclusive, sign), n.limitOf(inclusive, exclusive, sign)
	switch {
	case was.at == nil:
	case is.at == nil:
		c.breaking(path, "has no %s any more", inclusive)
	case is.at.Cmp(was.at)*sign < 0, is.at.Cmp(was.at) == 0 && was.strict && !is.strict:
		c.breaking(path, "has a wider %s", inclusive)
	}
}

func (c *comparer) multipleOf(o, n flat, path string) {
	was, is := number(o.keywords["multipleOf"]), number(n.keywords["multipleOf"])
	if was == nil || was.Sign() == 0 {
		return
	}
	if is == nil && n.types()&typeFraction == 0 {
		is = big.NewRat(1, 1)
	}
	if is == nil || !new(big.Rat).Quo(is, was).IsInt() {
		c.breaking(path, "need no longer be a multiple of %s", was.RatString())
	}
}

// count compares bounds that are counts, of which the lower one is 0 if absent.
func (c *comparer) count(o, n flat, path, lower, upper string) {
	c.lowerCount(o, n, path, lower)
	c.bound(o, n, path, upper, "", -1)
}

func (c *comparer) lowerCount(o, n flat, path, keyword string) {
	was, is := number(o.keywords[keyword]), number(n.keywords[keyword])
	if is == nil {
		is = new(big.Rat)
	}
	if was != nil && is.Cmp(was) < 0 {
		c.breaking(path, "has a lower %s", keyword)
	}
}

// meaning is for keywords that say what a string is: another value is another
// meaning, although it might admit less.
func (c *comparer) meaning(o, n flat, path, keyword string) {
	was, okWas := o.keywords[keyword]
	is, okIs := n.keywords[keyword]
	switch {
	case !okWas, okIs && equal(was, is):
	case !okIs:
		c.breaking(path, "has no %s any more (was %s)", keyword, show([]any{was}))
	case keyword == "pattern":
		c.unclear(path, "has another pattern, and whether the old one admits as much cannot be told")
	default:
		c.breaking(path, "has another %s: %s (was %s)", keyword, show([]any{is}), show([]any{was}))
	}
}

// whole is for keywords, or groups of them, that can only be compared as a
// whole. If the old schema has none of them, the new one is no wider by them.
func (c *comparer) whole(o, n flat, path string, keywords ...string) {
	had, same := false, true
	for _, k := range keywords {
		_, was := o.keywords[k]
		_, is := n.keywords[k]
		had = had || was
		if was != is || was && !c.sameKeyword(o, n, k) {
			same = false
		}
	}
	if had && !same {
		c.unclear(path, "cannot be judged: %s has changed", keywords[0])
	}
}
