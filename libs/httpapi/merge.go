package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Merge makes one OpenAPI document of several services' ones.
func Merge(docs ...[]byte) ([]byte, error) {
	return nil, fmt.Errorf("merge %d documents", len(docs))
}

func indent(raw []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
