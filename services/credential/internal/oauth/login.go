package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
)

// Login is what /login takes: one of an API key, a client's id and secret, a
// refresh token.
type Login struct {
	APIKey       string `json:"api_key,omitempty"`
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

// LoggedIn is the answer to an API key: a token that stays the same until the key
// is rotated or revoked.
type LoggedIn struct {
	Token     string `json:"token"`
	TokenType string `json:"token_type" example:"api_key"`
}

// login is POST /login.
func (o *Server) login(ctx context.Context, in *httpapi.RawRequest) (*httpapi.RawResponse, error) {
	if err := checkBody(in, "application/json"); err != nil {
		return nil, err
	}
	given, err := readLogin(in.Body)
	if err != nil {
		return nil, err
	}
	var body any
	switch names := slices.Sorted(maps.Keys(given)); {
	case slices.Equal(names, []string{"api_key"}):
		body, err = o.key(ctx, given["api_key"])
	case slices.Equal(names, []string{"client_id", "client_secret"}):
		var c *client
		if c, err = o.verify(ctx, pair{given["client_id"], given["client_secret"]}); err == nil {
			body, err = o.begin(as(ctx, c), o.issuer(in), "", c)
		}
	case slices.Equal(names, []string{"refresh_token"}):
		body, err = o.exchange(ctx, o.issuer(in), given["refresh_token"], "", nil)
	default:
		return nil, invalidRequest(`One of {"api_key"}, {"client_id","client_secret"}, {"refresh_token"} is needed.`)
	}
	if _, refused := errors.AsType[*Error](err); refused {
		return nil, errClient // here every wrong answer is this one
	}
	if err != nil {
		return nil, err
	}
	return private(body), nil
}

// key answers the owner of an API key.
func (o *Server) key(ctx context.Context, key string) (*LoggedIn, error) {
	found, err := o.owner(ctx, key)
	if err != nil {
		return nil, err
	}
	if found == nil {
		_, err := secret.VerifyPasswordContext(ctx, o.dummy, key)
		return nil, errors.Join(err, errClient)
	}
	return &LoggedIn{Token: key, TokenType: "api_key"}, nil
}

// readLogin answers the members of the body: texts, none twice, none empty.
func readLogin(body []byte) (map[string]string, error) {
	wrong := invalidRequest("The body must be a JSON object of texts, none twice and none empty.")
	decoder := json.NewDecoder(bytes.NewReader(body))
	if opened, err := decoder.Token(); err != nil || opened != json.Delim('{') || !utf8.Valid(body) {
		return nil, wrong
	}
	given := map[string]string{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, wrong
		}
		value, err := decoder.Token()
		text, isText := value.(string)
		_, twice := given[name.(string)] // a member's name is a text
		if err != nil || !isText || twice || text == "" {
			return nil, wrong
		}
		given[name.(string)] = text
	}
	if _, err := decoder.Token(); err != nil {
		return nil, wrong
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, wrong
	}
	return given, nil
}
