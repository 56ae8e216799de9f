package httpapi

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
)

const (
	bearer    = "bearer"
	challenge = `Bearer realm="tidegate"`

	maxSubject = 256
	maxTeams   = 256
	maxToken   = 12 << 10
)

// methods are the algorithms of a token: asymmetric ones, and nothing else.
var methods = []string{"ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"}

var errUnknownKey = errors.New("the key is not one of the issuer's")

// publicKey is a key with the algorithm that it is for; empty: any that fits.
type publicKey struct {
	key       crypto.PublicKey
	algorithm string
}

// tokenRules are what a token must satisfy besides its signature.
type tokenRules struct {
	issuer   string
	audience string // empty: not looked at
	leeway   time.Duration
	now      func() time.Time
}

// judge answers who holds a token whose signature one of the keys made. All
// that is wrong with a token is ErrUnauthenticated; an unreachable key set is
// es.ErrUnavailable.
func (r tokenRules) judge(token string, keyFor func(kid string) (publicKey, error)) (Caller, error) {
	caller, err := r.parse(token, keyFor)
	if err == nil || errors.Is(err, es.ErrUnavailable) {
		return caller, err
	}
	return Caller{}, fmt.Errorf("%w: %w", ErrUnauthenticated, err)
}

func (r tokenRules) parse(token string, keyFor func(kid string) (publicKey, error)) (Caller, error) {
	if err := wellFormed(token); err != nil {
		return Caller{}, err
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(methods), jwt.WithIssuer(r.issuer), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(r.leeway), jwt.WithTimeFunc(r.now), jwt.WithStrictDecoding(),
	}
	if r.audience != "" {
		options = append(options, jwt.WithAudience(r.audience))
	}
	claims := &managementClaims{}
	_, err := jwt.NewParser(options...).ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if _, extended := t.Header["crit"]; extended {
			return nil, errors.New("the token has critical extensions")
		}
		if forGateways(t) {
			return nil, errors.New("it is an access token of a consumer")
		}
		kid, _ := t.Header["kid"].(string)
		found, err := keyFor(kid)
		if err != nil {
			return nil, err
		}
		if found.algorithm != "" && found.algorithm != t.Method.Alg() {
			return nil, errors.New("the key is for another algorithm")
		}
		return found.key, nil
	})
	if err != nil {
		return Caller{}, err
	}
	return claims.caller()
}

// forGateways says whether a token is one that consumers show to gateways: it is
// never good here, whoever signed it.
func forGateways(t *jwt.Token) bool {
	kind, _ := t.Header["typ"].(string)
	audience, _ := t.Claims.GetAudience()
	kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
	return kind == credential.TokenType || slices.Contains(audience, credential.TokenAudience)
}

// wellFormed refuses what parsers read differently: members that are there
// twice.
func wellFormed(token string) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > maxToken {
		return errors.New("the token is not a signed JWT")
	}
	for _, part := range parts[:2] {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || !json.Valid(raw) {
			return errors.New("the token is not a signed JWT")
		}
		w := walker{decoder: newDecoder(raw)}
		if err := w.document(nil); err != nil || len(w.faults) > 0 {
			return errors.New("the token has a member twice, or text that none should hold")
		}
	}
	return nil
}

type managementClaims struct {
	jwt.RegisteredClaims

	Roles []string `json:"roles"`
	Teams []string `json:"teams"`
}

func (c *managementClaims) caller() (Caller, error) {
	caller := Caller{Subject: c.Subject}
	for _, name := range c.Roles {
		role := Role(name)
		if slices.Contains(Roles, role) && !slices.Contains(caller.Roles, role) {
			caller.Roles = append(caller.Roles, role)
		}
	}
	for _, team := range c.Teams {
		if !slices.Contains(caller.Teams, team) {
			caller.Teams = append(caller.Teams, team)
		}
	}
	return caller, caller.check()
}

func (c Caller) check() error {
	if c.Subject == "" || len(c.Subject) > maxSubject || !printable(c.Subject) {
		return fmt.Errorf("the subject must have 1 to %d printable characters", maxSubject)
	}
	if len(c.Teams) > maxTeams {
		return fmt.Errorf("more than %d teams", maxTeams)
	}
	for _, team := range c.Teams {
		if team == "" || len(team) > maxSubject || !printable(team) {
			return fmt.Errorf("a team must have 1 to %d printable characters", maxSubject)
		}
	}
	for _, role := range c.Roles {
		if !slices.Contains(Roles, role) {
			return fmt.Errorf("unknown role %q: there are %v", role, Roles)
		}
	}
	return nil
}

func printable(s string) bool {
	return plain(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// authenticate judges the Authorization headers of a request.
func (s *Server) authenticate(ctx context.Context, headers []string) (Caller, error) {
	if s.cfg.Auth == nil || len(headers) != 1 {
		return Caller{}, ErrUnauthenticated
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, bearer) || token == "" {
		return Caller{}, ErrUnauthenticated
	}
	caller, err := s.cfg.Auth.Authenticate(ctx, strings.TrimLeft(token, " "))
	if errors.Is(err, ErrUnauthenticated) {
		s.log.DebugContext(ctx, "token refused", "request_id", RequestID(ctx), "reason", err)
		refusal := s.problem(ctx, err)
		refusal.set("WWW-Authenticate", challenge+`, error="invalid_token"`)
		return Caller{}, refusal
	}
	return caller, err
}
