package fn

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// encode is the one way to JSON: nil slices are [], maps are sorted.
func encode(v any) ([]byte, error) {
	body, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil, fmt.Errorf("encoding a %T: %w", v, err)
	}
	return body, nil
}
