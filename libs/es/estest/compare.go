package estest

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// exported has cmp look into unexported fields of states as well.
func exported(reflect.Type) bool { return true }

// emptyIsNil makes no difference between no events and a nil slice of them; in
// payloads nil and empty lists differ, since there they mean different things.
var emptyIsNil = cmp.FilterPath(func(p cmp.Path) bool { return len(p) == 1 },
	cmp.FilterValues(func(a, b any) bool { return isEmptySlice(a) && isEmptySlice(b) }, cmp.Comparer(func(_, _ any) bool { return true })))

func isEmptySlice(v any) bool {
	value := reflect.ValueOf(v)
	return value.Kind() == reflect.Slice && value.Len() == 0
}

// describe names a command and shows its fields: "Approve{By:pat}".
func describe(command any) string {
	text := fmt.Sprintf("%+v", command)
	name := fmt.Sprintf("%T", command)
	if _, bare, ok := strings.Cut(name, "."); ok {
		name = bare
	}
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "&{") {
		return name + strings.TrimPrefix(text, "&")
	}
	return fmt.Sprintf("%s(%s)", name, text)
}
