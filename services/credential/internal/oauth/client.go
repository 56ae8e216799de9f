package oauth

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// client is a credential of whose owner a version of the secret was shown.
type client struct {
	views.Credential
	settings authtype.OAuth2Config
	version  int // of the secret that was shown
}

// pair is what a client proves itself with.
type pair struct{ id, secret string }

// authenticate answers the client of a call: by Basic, or in the form, and never
// by both.
func (o *Server) authenticate(ctx context.Context, in *httpapi.RawRequest, f form) (*client, error) {
	given := in.Header("Authorization")
	switch {
	case len(given) > 1:
		return nil, invalidRequest("There is more than one Authorization header.")
	case len(given) == 1:
		pairs := basic(given[0])
		if _, both := f["client_secret"]; both {
			return nil, invalidRequest("The client proves itself in two ways: use one.")
		}
		if id, named := f["client_id"]; named && (len(pairs) == 0 || id != pairs[0].id && id != pairs[len(pairs)-1].id) {
			return nil, invalidRequest("The client has two names.")
		}
		return o.verify(ctx, pairs...)
	}
	return o.verify(ctx, pair{f["client_id"], f["client_secret"]})
}

// basic reads an Authorization header. Both halves are form-urlencoded (RFC 6749,
// section 2.3.1), which many clients do not know: they may be plain, too.
func basic(header string) []pair {
	scheme, encoded, _ := strings.Cut(header, " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimLeft(encoded, " "))
	id, password, ok := strings.Cut(string(raw), ":")
	if err != nil || !ok || !strings.EqualFold(scheme, "basic") {
		return nil
	}
	plain := pair{id, password}
	decodedID, err1 := url.QueryUnescape(id)
	decodedSecret, err2 := url.QueryUnescape(password)
	if decoded := (pair{decodedID, decodedSecret}); err1 == nil && err2 == nil && decoded != plain {
		return []pair{decoded, plain}
	}
	return []pair{plain}
}

// verify answers the client that one of the pairs proves, when its tokens may be
// given out. errClient for every reason, after the same time.
func (o *Server) verify(ctx context.Context, pairs ...pair) (*client, error) {
	slow := false
	for _, p := range pairs {
		c, hashed, err := o.prove(ctx, p)
		slow = slow || hashed
		if err != nil || c != nil {
			return c, err
		}
	}
	if !slow {
		guess := ""
		if len(pairs) > 0 {
			guess = pairs[0].secret
		}
		if _, err := secret.VerifyPasswordContext(ctx, o.dummy, guess); err != nil {
			return nil, err
		}
	}
	return nil, errClient
}

// prove answers the client that a pair proves, nil when it proves none, and
// whether a slow hash was computed.
func (o *Server) prove(ctx context.Context, p pair) (found *client, slow bool, err error) {
	if p.id == "" || p.secret == "" {
		return nil, false, nil
	}
	claim := domain.Identifier(credential.TypeOAuth2, p.id)
	holder, err := o.Store.Holder(ctx, claim.Scope, claim.Value)
	if errors.Is(err, es.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	c, err := o.load(ctx, strings.TrimPrefix(holder, domain.Decider.Stream("")))
	if c == nil || err != nil {
		return nil, false, err
	}
	now, keys := o.Clock(), []string{}
	for _, s := range c.Secrets {
		if s.AcceptedAt(now) {
			keys = append(keys, domain.MaterialKey(c.Concerns.CredentialID, s.Version))
		}
	}
	material, err := o.Store.Material(ctx, keys...)
	if err != nil {
		return nil, false, err
	}
	for _, key := range slices.Backward(keys) { // the newest first
		held, there := material[key]
		if !there || len(held.Sealed) == 0 {
			continue
		}
		proof, err := o.Ring.OpenProof(key, held.Sealed)
		if err != nil {
			return nil, slow, err
		}
		right, hashed, err := o.proves(ctx, proof, p.secret)
		slow = slow || hashed
		if err != nil {
			return nil, slow, err
		}
		if right {
			c.version = versionOf(key)
			return o.admitted(ctx, c, slow)
		}
	}
	return nil, slow, nil
}

// admitted answers the client when it and its consumer are active.
func (o *Server) admitted(ctx context.Context, c *client, slow bool) (*client, bool, error) {
	active, err := o.active(ctx, c.Credential, true)
	if err != nil || !active {
		return nil, slow, err
	}
	return c, slow, nil
}

// proves says whether a secret is the one that a proof is of.
func (o *Server) proves(ctx context.Context, p secret.Proof, given string) (right, slow bool, err error) {
	switch p.Kind {
	case secret.ProofDigest:
		for _, digest := range o.Ring.Digests([]byte(given)) {
			if digest.Pepper == p.Pepper && string(digest.Sum[:]) == string(p.Digest) { // of a keyed digest nothing is learnt by timing
				return true, false, nil
			}
		}
		return false, false, nil
	case secret.ProofArgon2id, secret.ProofBcrypt:
		right, err = secret.VerifyPasswordContext(ctx, p.PHC, given)
		return right, true, err
	}
	return false, false, nil
}

// read reads the credential's settings.
func (c *client) read() error {
	if err := json.Unmarshal(c.Settings.Config, &c.settings); err != nil {
		return fmt.Errorf("read the settings of %s: %w", c.Concerns.CredentialID, err)
	}
	return nil
}

// load answers an OAuth 2 credential; nil when there is none.
func (o *Server) load(ctx context.Context, id string) (*client, error) {
	found, err := es.Get[views.Credential](ctx, o.Store, views.Credentials.Name, id)
	if errors.Is(err, es.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if found.Type != credential.TypeOAuth2 {
		return nil, nil
	}
	c := &client{Credential: found}
	return c, c.read()
}

// active says whether a credential and its consumer are. With asking, the
// consumer is judged as its service has it, as far as that can be asked.
func (o *Server) active(ctx context.Context, c views.Credential, asking bool) (bool, error) {
	if c.StatusAt(o.Clock()) != domain.Active {
		return false, nil
	}
	if asking {
		if err := o.CatchUp(ctx, "consumer"); err != nil {
			o.Log.DebugContext(ctx, "the consumer is judged as it is known here", "error", err)
		}
	}
	consumer, live, err := es.Known[views.Consumer](ctx, o.Store, views.ConsumerKind, c.Concerns.ConsumerID)
	if errors.Is(err, es.ErrNotFound) {
		return false, nil
	}
	return live && !consumer.Suspended, err
}

// accepts says whether a version of a credential's secret counts, and until
// when; the zero time: for ever.
func accepts(c views.Credential, version int, now time.Time) (until time.Time, ok bool) {
	for _, s := range c.Secrets {
		if s.Version != version || !s.AcceptedAt(now) {
			continue
		}
		if s.NotAfter != nil {
			until = *s.NotAfter
		}
		if end := c.Settings.ExpiresAt; end != nil && (until.IsZero() || end.Before(until)) {
			until = *end
		}
		return until, true
	}
	return until, false
}

func versionOf(key string) int {
	version, err := strconv.Atoi(key[strings.LastIndexByte(key, '.')+1:])
	if err != nil {
		return 0 // never: MaterialKey wrote it
	}
	return version
}

// owner answers the credential whose API key was shown, when it may be used;
// nil: there is none.
func (o *Server) owner(ctx context.Context, key string) (*views.Credential, error) {
	for _, digest := range o.Ring.Digests([]byte(key)) {
		claim := domain.Unique("", 0, digest.Pepper+"/"+hex.EncodeToString(digest.Sum[:]))
		holder, err := o.Store.Holder(ctx, claim.Scope, claim.Value)
		if errors.Is(err, es.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		id, _, _ := strings.Cut(holder, ".")
		found, err := es.Get[views.Credential](ctx, o.Store, views.Credentials.Name, id)
		if err != nil {
			return nil, err
		}
		_, accepted := accepts(found, versionOf(holder), o.Clock())
		if found.Type != credential.TypeAPIKey || !accepted {
			return nil, nil
		}
		active, err := o.active(ctx, found, true)
		if err != nil || !active {
			return nil, err
		}
		return &found, nil
	}
	return nil, nil
}
