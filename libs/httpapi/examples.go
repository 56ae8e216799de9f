package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
)

// checkExamples refuses examples that the schemas refuse.
func (s *Server) checkExamples() error {
	document := s.api.OpenAPI()
	for path, item := range document.Paths {
		for _, method := range methodsOf(item) {
			op := operationOf(item, method)
			contents := []map[string]*huma.MediaType{}
			modes := []huma.ValidateMode{}
			if op.RequestBody != nil {
				contents, modes = append(contents, op.RequestBody.Content), append(modes, huma.ModeWriteToServer)
			}
			for _, response := range op.Responses {
				contents, modes = append(contents, response.Content), append(modes, huma.ModeReadFromServer)
			}
			for i, content := range contents {
				for _, media := range content {
					if err := checkExample(document.Components.Schemas, media, modes[i]); err != nil {
						return fmt.Errorf("%s %s: %w", method, path, err)
					}
				}
			}
		}
	}
	return nil
}

func checkExample(registry huma.Registry, media *huma.MediaType, mode huma.ValidateMode) error {
	if media.Example == nil || media.Schema == nil {
		return nil
	}
	raw, err := json.Marshal(media.Example)
	if err != nil {
		return fmt.Errorf("write the example: %w", err)
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return fmt.Errorf("read the example: %w", err)
	}
	result := &huma.ValidateResult{}
	huma.Validate(registry, media.Schema, huma.NewPathBuffer(nil, 0), mode, value, result)
	for _, err := range result.Errors {
		var detail *huma.ErrorDetail
		if errors.As(err, &detail) && detail.Value == nil {
			continue // null, where admitNull says that it may be
		}
		return fmt.Errorf("the example does not fit its schema: %w", err)
	}
	return nil
}
