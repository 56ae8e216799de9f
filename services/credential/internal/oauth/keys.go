package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/signing"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// Keys are the keys that sign access tokens, as one replica works with them. Its
// store says which they are, at each signature, so that all replicas agree; the
// private halves are read from it once and kept in memory.
//
//  1. NewKeys; 2. Run makes the first ones, rotates them and takes away those
//     whose time is over; 3. Sign and Set while it runs.
type Keys struct {
	store   es.Store
	handler *es.Handler[signing.State, signing.Command]
	ring    *secret.Ring
	clock   func() time.Time
	log     *slog.Logger

	mu      sync.Mutex
	private map[string]*ecdsa.PrivateKey // by kid
}

// NewKeys makes the keeper of the keys in a store.
func NewKeys(store es.Store, registry *events.Registry, ring *secret.Ring, clock func() time.Time, log *slog.Logger) *Keys {
	return &Keys{
		store: store, handler: es.NewHandler(store, registry, signing.Decider, signing.Effects),
		ring: ring, clock: clock, log: log, private: map[string]*ecdsa.PrivateKey{},
	}
}

// keysEvery is how often it is looked whether time has brought something about.
const keysEvery = time.Second

// Run keeps the keys until ctx ends. Any number of replicas may run it: whoever
// comes second finds that it is done.
func (k *Keys) Run(ctx context.Context) {
	ctx = es.WithMeta(ctx, es.Meta{Actor: "policy:signing_keys"})
	tick := time.NewTicker(keysEvery)
	defer tick.Stop()
	for {
		if err := k.Tend(ctx); err != nil && ctx.Err() == nil {
			k.log.WarnContext(ctx, "tend the signing keys", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Tend does what is due: the first keys, new ones for those that were lost with
// a database, a rotation, the end of previous ones.
func (k *Keys) Tend(ctx context.Context) error {
	set, err := k.Set(ctx)
	if errors.Is(err, signing.ErrNone) {
		return k.begin(ctx)
	}
	if err != nil {
		return err
	}
	now, state := k.clock(), signing.State{Keys: set.Keys}
	current := state.At(credential.KeyCurrent)
	whole, err := k.whole(ctx, state)
	switch {
	case err != nil:
		return err
	case !whole:
		k.log.WarnContext(ctx, "a private signing key is not in the database, as after a restore: it is replaced")
		return k.replace(ctx, current.KID)
	case !now.Before(current.Since.Add(signing.Period)):
		return k.Rotate(ctx, current.KID, signing.MaxOverlap)
	}
	for _, key := range set.Keys {
		if signing.Over(key, now) {
			_, err := k.handler.Handle(ctx, signing.ID, signing.Elapse{Now: now})
			return err
		}
	}
	return nil
}

// Set answers the keys. signing.ErrNone while there are none.
func (k *Keys) Set(ctx context.Context) (views.SigningKeySet, error) {
	set, err := es.Get[views.SigningKeySet](ctx, k.store, views.SigningKeys.Name, signing.ID)
	if errors.Is(err, es.ErrNotFound) {
		return set, signing.ErrNone
	}
	return set, err
}

// Ready answers nil once there are keys.
func (k *Keys) Ready(ctx context.Context) error {
	_, err := k.Set(ctx)
	return err
}

// Rotate has the next key sign, when the current one is as the caller saw it.
// Errors: those of signing, and of Handle. opts go to the append.
func (k *Keys) Rotate(ctx context.Context, replacing string, overlap time.Duration, opts ...es.Option) error {
	next, kept, err := k.make()
	if err != nil {
		return err
	}
	_, err = k.handler.Handle(ctx, signing.ID, signing.Rotate{
		Replacing: replacing, Next: next, Overlap: overlap, Now: k.clock(),
	}, append(opts, kept)...)
	return err
}

func (k *Keys) begin(ctx context.Context) error {
	return k.two(ctx, func(current, next signing.Key) signing.Command {
		return signing.Begin{Current: current, Next: next, Now: k.clock()}
	})
}

func (k *Keys) replace(ctx context.Context, kid string) error {
	return k.two(ctx, func(current, next signing.Key) signing.Command {
		return signing.Replace{Replacing: kid, Current: current, Next: next, Now: k.clock()}
	})
}

// two runs a command with two new keys. Another replica may be faster.
func (k *Keys) two(ctx context.Context, command func(current, next signing.Key) signing.Command) error {
	current, keptCurrent, err := k.make()
	if err != nil {
		return err
	}
	next, keptNext, err := k.make()
	if err != nil {
		return err
	}
	_, err = k.handler.Handle(ctx, signing.ID, command(current, next), keptCurrent, keptNext)
	if errors.Is(err, signing.ErrBegun) || errors.Is(err, signing.ErrRotated) {
		return nil
	}
	return err
}

// whole says whether the private halves of the keys that sign, and will, are
// there.
func (k *Keys) whole(ctx context.Context, state signing.State) (bool, error) {
	keys := []string{
		signing.MaterialKey(state.At(credential.KeyCurrent).KID), signing.MaterialKey(state.At(credential.KeyNext).KID),
	}
	material, err := k.store.Material(ctx, keys...)
	if err != nil {
		return false, err
	}
	for _, key := range keys {
		if len(material[key].Kept) == 0 {
			return false, nil
		}
	}
	return true, nil
}

// PrivateAAD precedes the material key in the aad of a kept private key.
const PrivateAAD = "signing_key/"

// make makes a key: its public half, and what keeps its private one. It is named
// by its thumbprint (RFC 7638).
func (k *Keys) make() (signing.Key, es.Option, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return signing.Key{}, nil, fmt.Errorf("make a signing key: %w", err)
	}
	point, err := private.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return signing.Key{}, nil, fmt.Errorf("make a signing key: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	jwk := credential.JWK{Kty: "EC", Crv: "P-256", X: encode(point[1:33]), Y: encode(point[33:])}
	thumbprint := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, jwk.Crv, jwk.Kty, jwk.X, jwk.Y))
	made := signing.Key{KID: encode(thumbprint[:]), JWK: jwk}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return signing.Key{}, nil, fmt.Errorf("make a signing key: %w", err)
	}
	key := signing.MaterialKey(made.KID)
	sealed, err := k.ring.Seal(PrivateAAD+key, der)
	if err != nil {
		return signing.Key{}, nil, fmt.Errorf("seal a signing key: %w", err)
	}
	return made, es.WithMaterial(es.Material{Key: key, Kept: sealed}), nil
}

// Current answers the key that signs.
func (k *Keys) Current(ctx context.Context) (kid string, private *ecdsa.PrivateKey, err error) {
	kid, private, err = k.current(ctx)
	if errors.Is(err, signing.ErrNone) { // it may have been rotated in between
		kid, private, err = k.current(ctx)
	}
	return kid, private, err
}

func (k *Keys) current(ctx context.Context) (kid string, private *ecdsa.PrivateKey, err error) {
	set, err := k.Set(ctx)
	if err != nil {
		return "", nil, err
	}
	kid = signing.State{Keys: set.Keys}.At(credential.KeyCurrent).KID
	k.mu.Lock()
	defer k.mu.Unlock()
	if private = k.private[kid]; private != nil {
		return kid, private, nil
	}
	if private, err = k.open(ctx, kid); err != nil {
		return "", nil, err
	}
	clear(k.private) // what signed before signs no more
	k.private[kid] = private
	return kid, private, nil
}

func (k *Keys) open(ctx context.Context, kid string) (*ecdsa.PrivateKey, error) {
	key := signing.MaterialKey(kid)
	material, err := k.store.Material(ctx, key)
	if err != nil {
		return nil, err
	}
	if len(material[key].Kept) == 0 {
		return nil, signing.ErrNone // it was rotated this moment, or is lost and about to be replaced
	}
	der, err := k.ring.Open(PrivateAAD+key, material[key].Kept)
	if err != nil {
		return nil, fmt.Errorf("open the signing key %s: %w", kid, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("read the signing key %s: %w", kid, err)
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the signing key %s is of another kind", kid)
	}
	return private, nil
}
