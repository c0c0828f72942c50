package bridge

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// notWritten are the fields of a mail that hold nothing which anybody wrote in a message: marks and addresses of ours, the recipient's own name, moments.
var notWritten = []string{
	"Delivery", "Form", "ReversePath", "Recipient", "ReplyTo", "MessageID", "Date", "Locale", "Organization", "BaseURL", "Why", "Need", "Link", "ToStaff",
	"Code", "CodeLife", "Reason", "InReplyTo", "References", "Sample", "Letterhead", "Phrase", "Template", "Unsubscribe",
}

// Whoever adds something to what a copy carries has it looked through as well.
func TestAllThatACopyCarriesIsLookedThrough(t *testing.T) {
	typ := reflect.TypeFor[Outgoing]()
	for i := range typ.NumField() {
		f := typ.Field(i)
		if slices.Contains(notWritten, f.Name) {
			continue
		}
		var o Outgoing
		n := dress(reflect.ValueOf(&o).Elem().Field(i))
		if n == 0 {
			continue
		}
		j := judgedCopy(&o)
		all := strings.Join(append(append(j.texts, j.html...), j.subject), " ")
		for _, one := range j.files {
			all += " " + one.Filename
		}
		if !strings.Contains(all, "canary") {
			t.Errorf("Outgoing.%s is not looked through: add it to judgedCopy, or to notWritten if nobody writes it in a message", f.Name)
		}
	}
}

// dress puts a word into each text of a value, and returns how many there are.
func dress(v reflect.Value) int {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		return 0
	case v.Kind() == reflect.String:
		v.SetString("canary")
		return 1
	case v.Kind() == reflect.Struct:
		n := 0
		for i := range v.NumField() {
			n += dress(v.Field(i))
		}
		return n
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return dress(v.Elem())
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return dress(v.Index(0))
	}
	return 0
}
