package dispatcher

import (
	"fmt"

	"github.com/postrider/postrider/internal/schemadiff"
)

// Impact says what a [CatalogChange] means to receivers that were written
// against the older catalog.
type Impact string

const (
	// ImpactCompatible: receivers need do nothing.
	ImpactCompatible Impact = "compatible"
	// ImpactUnclear: the change is of a kind that cannot be judged, such as
	// another "pattern" or another "if". Somebody has to look at it.
	ImpactUnclear Impact = "unclear"
	// ImpactBreaking: receivers may get what they do not expect, or miss what
	// they do.
	ImpactBreaking Impact = "breaking"
)

// CatalogChange is a difference between two catalogs.
type CatalogChange struct {
	// Type is the event type.
	Type string `json:"type"`
	// Pointer is the JSON pointer (RFC 6901) of the place in payloads, "" for the
	// payload as a whole or the type itself. A "*" in it stands for every item of
	// an array, or every property that has no name in the schema.
	Pointer string `json:"pointer,omitempty"`
	// Impact says what it means.
	Impact Impact `json:"impact"`
	// Reason is a clause about the place, such as "was removed".
	Reason string `json:"reason"`
}

// String returns, for example, "breaking: invoice.paid /total was removed".
func (c CatalogChange) String() string {
	if c.Pointer == "" {
		return fmt.Sprintf("%s: %s %s", c.Impact, c.Type, c.Reason)
	}
	return fmt.Sprintf("%s: %s %s %s", c.Impact, c.Type, c.Pointer, c.Reason)
}

// ChangesSince lists what changed from an older catalog to this one, from the
// side of receivers that know the older one. A program that compares the
// catalog with the one of the last release, which [ParseCatalog] reads from a
// file, keeps a change that breaks receivers from being released unseen.
//
// Breaking are: a type or its schema removed; a property removed or no longer
// required; a type of value, a value of an enum or a form of payload that the
// older schema does not admit; a bound, pattern or format dropped or wider. So
// is a new property where the older schema forbids additional properties.
// Compatible are: a type added; a deprecation; a new property otherwise; a
// property that is always there now; and whatever else only narrows what is
// sent, most of which is not listed. Nor are descriptions and examples.
//
// The judgement is conservative: what may break is not called compatible. A nil
// or empty older catalog has no types.
func (c *Catalog) ChangesSince(older *Catalog) []CatalogChange {
	var changes []CatalogChange
	for i, was := range older.Types() {
		j, ok := c.find(was.Name)
		if !ok {
			changes = append(changes, CatalogChange{Type: was.Name, Impact: ImpactBreaking, Reason: "was removed"})
			continue
		}
		changes = append(changes, deprecation(was, c.types[j])...)
		changes = append(changes, schemaChanges(was.Name, older.documents[i], c.documents[j])...)
	}
	for _, is := range c.Types() {
		if _, ok := older.find(is.Name); !ok {
			changes = append(changes, CatalogChange{Type: is.Name, Impact: ImpactCompatible, Reason: "is new"})
		}
	}
	return changes
}

func deprecation(was, is EventTypeInfo) []CatalogChange {
	change := CatalogChange{Type: is.Name, Impact: ImpactCompatible}
	switch {
	case is.Deprecated && !was.Deprecated && is.Replacement != "":
		change.Reason = "is now deprecated in favour of " + is.Replacement
	case is.Deprecated && !was.Deprecated:
		change.Reason = "is now deprecated"
	case was.Deprecated && !is.Deprecated:
		change.Reason = "is no longer deprecated"
	default:
		return nil
	}
	return []CatalogChange{change}
}

var impacts = map[schemadiff.Verdict]Impact{
	schemadiff.Compatible: ImpactCompatible,
	schemadiff.Unclear:    ImpactUnclear,
	schemadiff.Breaking:   ImpactBreaking,
}

func schemaChanges(eventType string, was, is []byte) []CatalogChange {
	switch {
	case was == nil && is == nil:
		return nil
	case was == nil:
		return []CatalogChange{{Type: eventType, Impact: ImpactCompatible, Reason: "has a schema now"}}
	case is == nil:
		return []CatalogChange{{Type: eventType, Impact: ImpactBreaking, Reason: "has no schema any more"}}
	}
	differences, err := schemadiff.Compare(was, is)
	if err != nil {
		return []CatalogChange{{Type: eventType, Impact: ImpactUnclear, Reason: "cannot be judged: " + err.Error()}}
	}
	changes := make([]CatalogChange, len(differences))
	for i, d := range differences {
		changes[i] = CatalogChange{
			Type: eventType, Pointer: d.Path, Impact: impacts[d.Verdict], Reason: legible(d.Reason, maxReason),
		}
	}
	return changes
}
