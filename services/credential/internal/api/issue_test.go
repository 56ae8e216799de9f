package api_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
)

const keyOfMine = "my-own-key-0123456789"

func TestACredentialIsShownAsItWasIssued(t *testing.T) {
	s := start(t)
	created := s.Developer("payments").Post(t, "/v1/consumers/acme/credentials",
		`{"name":"production","type":"api_key","expires_at":"2099-01-01T01:00:00+01:00"}`).Want(t, 201)
	shown := read(t, created)
	if created.ETag() != `"1"` || created.Header.Get("Location") != shown.path() {
		t.Fatalf("headers %v", created.Header)
	}
	if !regexp.MustCompile(`^cred_[0-9a-hjkmnp-tv-z]{26}$`).MatchString(shown.text("id")) {
		t.Fatalf("the id is %s", shown.text("id"))
	}
	key := shown.secret("api_key")
	if err := secret.Check(key); err != nil || !strings.HasPrefix(key, "tg_k_") {
		t.Fatalf("the key is %q: %v", key, err)
	}
	at := shown["created_at"]
	delete(shown, "secret")
	want := document{
		"id": shown["id"], "consumer_id": "acme", "name": "production", "type": "api_key", "config": map[string]any{},
		"placement": map[string]any{"in": "header", "name": "X-API-Key"}, "expires_at": "2099-01-01T00:00:00Z",
		"hide_credentials": false, "status": "active", "last_used_at": nil, "use_count": 0.0, "version": 1.0, "created_at": at, "updated_at": at,
		"secrets": []any{map[string]any{"version": 1.0, "hint": secret.Hint(key), "status": "live", "not_after": nil, "created_at": at}},
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Fatalf("shown (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, read(t, s.Developer("payments").Get(t, shown.path()).Want(t, 200))); diff != "" {
		t.Fatalf("got again (-want +got):\n%s", diff)
	}
}

func TestWhatEachTypeTakesAndShows(t *testing.T) {
	s := start(t)
	for name, c := range map[string]struct {
		body      string
		config    document
		placement string
		check     func(t *testing.T, d document)
	}{
		"api_key with a key of one's own": {
			`{"name":"1","type":"api_key","config":{"key":"` + keyOfMine + `"}}`, document{}, "header X-API-Key",
			func(t *testing.T, d document) {
				if d.secret("api_key") != keyOfMine {
					t.Fatalf("the key is %v", d["secret"])
				}
			},
		},
		"api_key in a query": {
			`{"name":"2","type":"api_key","placement":{"in":"query","name":"api_key"},"hide_credentials":true}`, document{}, "query api_key",
			func(t *testing.T, d document) {
				if d["hide_credentials"] != true {
					t.Fatal("it is not hidden")
				}
			},
		},
		"api_key in the header Authorization": {
			`{"name":"3","type":"api_key","placement":{"in":"header","name":"Authorization"},"expires_at":null}`, document{}, "header Authorization",
			func(*testing.T, document) {},
		},
		"basic": {
			`{"name":"4","type":"basic"}`, nil, "header Authorization",
			func(t *testing.T, d document) {
				if d.secret("username") != d.text("id") || !strings.HasPrefix(d.secret("password"), "tg_p_") || secret.Check(d.secret("password")) != nil {
					t.Fatalf("it is %v", d["secret"])
				}
			},
		},
		"basic with both chosen": {
			`{"name":"5","type":"basic","config":{"username":"wile e","password":"correct horse : ✓"},"placement":{"in":"header","name":"authorization"}}`,
			document{"username": "wile e"}, "header Authorization",
			func(t *testing.T, d document) {
				if d.secret("username") != "wile e" || d.secret("password") != "correct horse : ✓" {
					t.Fatalf("it is %v", d["secret"])
				}
				if hint := d["secrets"].([]any)[0].(map[string]any)["hint"]; hint != "" {
					t.Fatalf("a chosen password has the hint %v", hint)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := s.issue(t, c.body)
			config := c.config
			if config == nil {
				config = document{"username": d.text("id")}
			}
			if diff := cmp.Diff(map[string]any(config), d["config"]); diff != "" {
				t.Fatalf("config (-want +got):\n%s", diff)
			}
			in, at, _ := strings.Cut(c.placement, " ")
			if !cmp.Equal(d["placement"], map[string]any{"in": in, "name": at}) {
				t.Fatalf("the placement is %v, want %s", d["placement"], c.placement)
			}
			c.check(t, d)
		})
	}
}

func TestBadInputIsRefusedWithItsPlaceAndNoValue(t *testing.T) {
	s := start(t)
	d := s.issue(t, `{"name":"n","type":"api_key"}`)
	basic := s.issue(t, `{"name":"b","type":"basic"}`)
	jwt := s.issue(t, `{"name":"j","type":"jwt","config":{"key":"taken"}}`)
	const hush = "hush-hush"
	issue := func(rest string) string { return `{"name":"x","type":"api_key",` + rest + `}` }
	issueBasic := func(config string) string { return `{"name":"x","type":"basic","config":` + config + `}` }
	post, patch, rotate := "POST /v1/consumers/acme/credentials", "PATCH "+d.path(), "POST "+d.path()+"/rotate"
	for name, c := range map[string]struct {
		call, body string
		status     int
		code, at   string
	}{
		"no body":                        {post, ``, 400, "malformed_json", "body"},
		"no type":                        {post, `{"name":"x"}`, 422, "validation_failed", "body.type"},
		"no name":                        {post, `{"type":"api_key"}`, 422, "validation_failed", "body.name"},
		"a blank name":                   {post, `{"name":" ","type":"api_key"}`, 422, "validation_failed", "body.name"},
		"a long name":                    {post, `{"name":"` + strings.Repeat("n", 257) + `","type":"api_key"}`, 422, "validation_failed", "body.name"},
		"an unknown type":                {post, `{"name":"x","type":"saml"}`, 422, "validation_failed", "body.type"},
		"an unknown member":              {post, issue(`"secret":"` + hush + `"`), 422, "validation_failed", "body.secret"},
		"an unknown setting":             {post, issue(`"config":{"colour":"` + hush + `"}`), 422, "validation_failed", "body.config.colour"},
		"a setting that may be a secret": {post, issue(`"config":{"Hush-Hush":"` + hush + `"}`), 422, "validation_failed", "body.config"},
		"a config that is a list":        {post, issue(`"config":["` + hush + `"]`), 422, "validation_failed", "body.config"},
		"a key that is a number":         {post, issue(`"config":{"key":1234567890123456}`), 422, "validation_failed", "body.config.key"},
		"a short key":                    {post, issue(`"config":{"key":"` + hush + `"}`), 422, "validation_failed", "body.config.key"},
		"a long key":                     {post, issue(`"config":{"key":"` + strings.Repeat(hush, 60) + `"}`), 422, "validation_failed", "body.config.key"},
		"a key that is not ASCII":        {post, issue(`"config":{"key":"` + hush + `-ünïcödé"}`), 422, "validation_failed", "body.config.key"},
		"a key of two lines":             {post, issue(`"config":{"key":"` + hush + `\n` + hush + `"}`), 422, "validation_failed", "body.config.key"},
		"a key with a blank end":         {post, issue(`"config":{"key":"` + hush + hush + ` "}`), 422, "validation_failed", "body.config.key"},
		"a key with a wrong sum":         {post, issue(`"config":{"key":"tg_k_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2XqAxm"}`), 422, "validation_failed", "body.config.key"},
		"a key no cookie can hold":       {post, issue(`"placement":{"in":"cookie","name":"k"},"config":{"key":"` + hush + `;` + hush + `"}`), 422, "validation_failed", "body.config.key"},
		"a placement in the path":        {post, issue(`"placement":{"in":"path","name":"k"}`), 422, "validation_failed", "body.placement.in"},
		"a placement without name":       {post, issue(`"placement":{"in":"query"}`), 422, "validation_failed", "body.placement.name"},
		"a header with a space":          {post, issue(`"placement":{"in":"header","name":"X Key"}`), 422, "validation_failed", "body.placement.name"},
		"the header Host":                {post, issue(`"placement":{"in":"header","name":"hOST"}`), 422, "validation_failed", "body.placement.name"},
		"the header Content-Length":      {post, issue(`"placement":{"in":"header","name":"Content_Length"}`), 422, "validation_failed", "body.placement.name"},
		"the header Connection":          {post, issue(`"placement":{"in":"header","name":"connection"}`), 422, "validation_failed", "body.placement.name"},
		"the gateway's own header":       {post, issue(`"placement":{"in":"header","name":"X-Consumer-Id"}`), 422, "validation_failed", "body.placement.name"},
		"a parameter to be encoded":      {post, issue(`"placement":{"in":"query","name":"a&b"}`), 422, "validation_failed", "body.placement.name"},
		"a cookie with a semicolon":      {post, issue(`"placement":{"in":"cookie","name":"a;b"}`), 422, "validation_failed", "body.placement.name"},
		"an expiry in the past":          {post, issue(`"expires_at":"2020-01-01T00:00:00Z"`), 422, "expiry_in_past", "body.expires_at"},
		"an expiry that is a day":        {post, issue(`"expires_at":"2099-01-01"`), 422, "validation_failed", "body.expires_at"},
		"basic elsewhere":                {post, `{"name":"x","type":"basic","placement":{"in":"query","name":"a"}}`, 422, "validation_failed", "body.placement"},
		"a user name with a colon":       {post, issueBasic(`{"username":"a:b"}`), 422, "validation_failed", "body.config.username"},
		"an empty user name":             {post, issueBasic(`{"username":""}`), 422, "validation_failed", "body.config.username"},
		"a long user name":               {post, issueBasic(`{"username":"` + strings.Repeat("u", 256) + `"}`), 422, "validation_failed", "body.config.username"},
		"an empty password":              {post, issueBasic(`{"password":""}`), 422, "validation_failed", "body.config.password"},
		"a password with a bell":         {post, issueBasic(`{"password":"` + hush + `\u0007"}`), 422, "validation_failed", "body.config.password"},
		"a key for basic":                {post, issueBasic(`{"key":"` + hush + `"}`), 422, "validation_failed", "body.config.key"},
		"jwt without a key":              {post, `{"name":"x","type":"jwt"}`, 422, "validation_failed", "body.config.key"},
		"jwt in the body":                {post, `{"name":"x","type":"jwt","config":{"key":"k"},"placement":{"in":"body","name":"t"}}`, 422, "validation_failed", "body.placement.in"},
		"hmac in a query":                {post, `{"name":"x","type":"hmac","placement":{"in":"query","name":"t"}}`, 422, "validation_failed", "body.placement"},
		"oauth2 in a header of its own":  {post, `{"name":"x","type":"oauth2","placement":{"in":"header","name":"X-Token"}}`, 422, "validation_failed", "body.placement"},
		"a private key":                  {post, `{"name":"x","type":"jwt","config":{"key":"k","algorithm":"EdDSA","public_key":"-----BEGIN PRIVATE KEY-----\nhush-hush\n-----END PRIVATE KEY-----"}}`, 422, "validation_failed", "body.config.public_key"},
		"a secret that is no base64":     {post, `{"name":"x","type":"jwt","config":{"key":"k","secret":"` + hush + `!","secret_base64":true}}`, 422, "validation_failed", "body.config.secret"},
		"a hash that is none":            {post, issueBasic(`{"password_hash":"` + hush + `"}`), 422, "validation_failed", "body.config.password_hash"},
		"a rotation of a setting":        {"POST " + jwt.path() + "/rotate", `{"config":{"leeway_seconds":5}}`, 422, "validation_failed", "body.config.leeway_seconds"},
		"a patch to another algorithm":   {"PATCH " + jwt.path(), `{"config":{"algorithm":"RS256"}}`, 422, "validation_failed", "body.config.algorithm"},
		"a patch to a body":              {"PATCH " + jwt.path(), `{"placement":{"in":"body","name":"t"}}`, 422, "validation_failed", "body.placement.in"},
		"a patch to no name":             {patch, `{"name":null}`, 422, "validation_failed", "body.name"},
		"a patch of the status":          {patch, `{"status":"active"}`, 422, "validation_failed", "body.status"},
		"a patch to the past":            {patch, `{"expires_at":"2020-01-01T00:00:00Z"}`, 422, "expiry_in_past", "body.expires_at"},
		"a patch to a bad header":        {patch, `{"placement":{"name":"Host"}}`, 422, "validation_failed", "body.placement.name"},
		"a patch of the key":             {patch, `{"config":{"key":"` + hush + `"}}`, 409, "identifier_immutable", "body.config.key"},
		"a patch of no setting":          {patch, `{"config":{"colour":"` + hush + `"}}`, 422, "validation_failed", "body.config.colour"},
		"a patch of the type":            {patch, `{"type":"basic"}`, 409, "type_immutable", "body.type"},
		"a patch of the consumer":        {patch, `{"consumer_id":"other"}`, 409, "identifier_immutable", "body.consumer_id"},
		"a patch of the id":              {patch, `{"id":"other"}`, 409, "identifier_immutable", "body.id"},
		"a patch of the user name":       {"PATCH " + basic.path(), `{"config":{"username":"u"}}`, 409, "identifier_immutable", "body.config.username"},
		"a patch of the password":        {"PATCH " + basic.path(), `{"config":{"password":"` + hush + `"}}`, 409, "identifier_immutable", "body.config.password"},
		"a rotated user name":            {"POST " + basic.path() + "/rotate", `{"config":{"username":"u"}}`, 409, "identifier_immutable", "body.config.username"},
		"a rotation to a short key":      {rotate, `{"config":{"key":"` + hush + `"}}`, 422, "validation_failed", "body.config.key"},
		"an overlap before now":          {rotate, `{"overlap_seconds":-1}`, 422, "validation_failed", "body.overlap_seconds"},
		"an overlap over 30 days":        {rotate, `{"overlap_seconds":2592001}`, 422, "validation_failed", "body.overlap_seconds"},
		"an overlap of half a one":       {rotate, `{"overlap_seconds":0.5}`, 422, "validation_failed", "body.overlap_seconds"},
		"a long reason":                  {"POST " + d.path() + "/revoke", `{"reason":"` + strings.Repeat("r", 1025) + `"}`, 422, "validation_failed", "body.reason"},
		"an unknown status":              {"GET /v1/credentials?status=gone", ``, 422, "validation_failed", "query.status"},
		"no days":                        {"GET /v1/credentials?expiring_within_days=0", ``, 422, "validation_failed", "query.expiring_within_days"},
		"days that are none":             {"GET /v1/credentials?expiring_within_days=soon", ``, 422, "validation_failed", "query.expiring_within_days"},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(c.call, " ")
			var body any
			if c.body != "" {
				body = c.body
			}
			answer := s.Developer("payments").Do(t, method, path, body)
			problem := answer.Refused(t, c.status, c.code)
			if !slices.ContainsFunc(problem.Errors, func(f httpapi.Fault) bool { return f.Location == c.at }) {
				t.Fatalf("the faults are %v, none at %s", problem.Errors, c.at)
			}
			if strings.Contains(strings.ToLower(string(answer.Body)), hush) {
				t.Fatalf("the refusal shows the value: %s", answer.Body)
			}
		})
	}
	for _, untouched := range []document{d, basic, jwt} {
		if shown := read(t, s.Developer("payments").Get(t, untouched.path()).Want(t, 200)); shown["version"] != 1.0 {
			t.Fatalf("a refused request changed something: %v", shown)
		}
	}
	if found := names(t, s.Admin().Get(t, "/v1/credentials?status=all")); len(found) != 3 {
		t.Fatalf("a refused request made something: %v", found)
	}
}

func TestNamesKeysAndUserNamesAreUnique(t *testing.T) {
	s := start(t)
	s.register(t, "rival", "other")
	dev, rival := s.Developer("payments"), s.Developer("other")
	mine := s.issue(t, `{"name":"one","type":"api_key","config":{"key":"`+keyOfMine+`"}}`)
	s.issue(t, `{"name":"two","type":"basic","config":{"username":"wile"}}`)

	t.Run("a name among the consumer's unrevoked credentials", func(t *testing.T) {
		problem := dev.Post(t, "/v1/consumers/acme/credentials", `{"name":"one","type":"basic"}`).Refused(t, 409, "credential_name_taken")
		if problem.Errors[0].Location != "body.name" {
			t.Fatalf("faults %v", problem.Errors)
		}
		rival.Post(t, "/v1/consumers/rival/credentials", `{"name":"one","type":"api_key"}`).Want(t, 201)
		dev.Patch(t, mine.path(), `{"name":"two"}`).Refused(t, 409, "credential_name_taken")
	})
	t.Run("a key anywhere, not saying whose", func(t *testing.T) {
		answer := rival.Post(t, "/v1/consumers/rival/credentials", `{"name":"k","type":"api_key","config":{"key":"`+keyOfMine+`"}}`)
		answer.Refused(t, 409, "credential_taken")
		for _, told := range []string{"acme", mine.text("id"), keyOfMine, "payments"} {
			if strings.Contains(string(answer.Body), told) {
				t.Fatalf("the refusal tells %s: %s", told, answer.Body)
			}
		}
		dev.Post(t, mine.path()+"/rotate", `{"config":{"key":"`+keyOfMine+`"}}`).Refused(t, 409, "credential_taken")
	})
	t.Run("a user name anywhere", func(t *testing.T) {
		rival.Post(t, "/v1/consumers/rival/credentials", `{"name":"u","type":"basic","config":{"username":"wile"}}`).Refused(t, 409, "credential_taken")
		rival.Post(t, "/v1/consumers/rival/credentials", `{"name":"u","type":"basic","config":{"username":"Wile"}}`).Want(t, 201)
	})
	t.Run("till the credential is renamed or revoked", func(t *testing.T) {
		dev.Patch(t, mine.path(), `{"name":"renamed"}`).Want(t, 200)
		again := s.issue(t, `{"name":"one","type":"api_key"}`)
		dev.Post(t, again.path()+"/revoke", nil).Want(t, 200)
		s.issue(t, `{"name":"one","type":"basic"}`)
		dev.Delete(t, mine.path()).Want(t, 204)
		rival.Post(t, "/v1/consumers/rival/credentials", `{"name":"k","type":"api_key","config":{"key":"`+keyOfMine+`"}}`).Want(t, 201)
	})
}

func TestTheConsumerMustExistAndBeLive(t *testing.T) {
	s := start(t)
	s.register(t, "rival", "other")
	dev := s.Developer("payments")
	body := `{"name":"x","type":"api_key"}`
	t.Run("unknown or foreign is not found", func(t *testing.T) {
		dev.Post(t, "/v1/consumers/nobody/credentials", body).Refused(t, 404, "not_found")
		dev.Post(t, "/v1/consumers/rival/credentials", body).Refused(t, 404, "not_found")
		dev.Get(t, "/v1/consumers/nobody/credentials").Refused(t, 404, "not_found")
		dev.Get(t, "/v1/consumers/rival/credentials").Refused(t, 404, "not_found")
		s.Admin().Post(t, "/v1/consumers/nobody/credentials", body).Refused(t, 404, "not_found")
	})
	t.Run("what its owner had acknowledged counts", func(t *testing.T) {
		arrives := func() { s.register(t, "late", "payments"); s.catchUp = func() {} }
		s.catchUp = arrives
		dev.Post(t, "/v1/consumers/late/credentials", body).Want(t, 201)
		s.catchUp = func() { s.register(t, "later", "payments"); s.catchUp = func() {} }
		dev.Get(t, "/v1/consumers/later/credentials").Want(t, 200)
		s.catchUp = func() { s.remove(t, "later"); s.catchUp = func() {} }
		dev.Post(t, "/v1/consumers/later/credentials", body).Refused(t, 422, "unknown_reference")
	})
	t.Run("when its owner cannot be asked, what is known is relied on", func(t *testing.T) {
		s.silent.Store(true)
		defer s.silent.Store(false)
		dev.Post(t, "/v1/consumers/acme/credentials", body).Want(t, 201)
		dev.Post(t, "/v1/consumers/newborn/credentials", body).Refused(t, 503, "reference_unavailable")
		dev.Get(t, "/v1/consumers/newborn/credentials").Refused(t, 503, "reference_unavailable")
	})
	t.Run("also when it is deleted just before the append", func(t *testing.T) {
		s.register(t, "fleeting", "payments")
		s.between = func() { s.remove(t, "fleeting"); s.between = func() {} }
		problem := dev.Post(t, "/v1/consumers/fleeting/credentials", body).Refused(t, 422, "unknown_reference")
		if len(problem.Errors) != 1 || problem.Errors[0].Location != "path.id" {
			t.Fatalf("faults %v", problem.Errors)
		}
		if found := names(t, s.Admin().Get(t, "/v1/credentials?status=all&consumer_id=fleeting")); len(found) != 0 {
			t.Fatalf("it has %v", found)
		}
	})
	t.Run("a deleted one gets none", func(t *testing.T) {
		s.remove(t, "acme")
		problem := dev.Post(t, "/v1/consumers/acme/credentials", `{"name":"y","type":"api_key"}`).Refused(t, 422, "unknown_reference")
		if len(problem.Errors) != 1 || problem.Errors[0].Location != "path.id" {
			t.Fatalf("faults %v", problem.Errors)
		}
		dev.Get(t, "/v1/consumers/acme/credentials").Want(t, 200)
	})
}
