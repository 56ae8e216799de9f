package api

import (
	"context"
	"strings"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
)

// Resealer makes the consumers' data keys again under the ring's active key. The
// keys stay the same, so that no contact is sealed anew.
type Resealer struct{ Ring *secret.Ring }

var _ httpapi.Resealer = Resealer{}

// Pepper answers none: nobody is recognised by a data key.
func (Resealer) Pepper(es.Material) (string, error) { return "", nil }

// Renew seals a data key again.
func (r Resealer) Renew(_ context.Context, m es.Material) (es.Material, []es.Claim, error) {
	id := strings.TrimSuffix(m.Key, domain.ContactKey(""))
	key, err := r.Ring.OpenDataKey(id, m.Kept)
	if err != nil {
		return es.Material{}, nil, err
	}
	kept, err := r.Ring.SealDataKey(id, key)
	return es.Material{Key: m.Key, Kept: kept, Hint: m.Hint}, nil, err
}
