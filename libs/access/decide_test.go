package access_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/access"
)

func TestACallIsAllowedWhenEverythingIsThere(t *testing.T) {
	refused(t, access.Allowed, admitted())
}

func TestACallIsRefusedWhen(t *testing.T) {
	without := func(i int) []fact {
		all := admitted()
		return append(all[:i:i], all[i+1:]...)
	}
	version := func(n int) func(*access.Request) { return func(q *access.Request) { q.SecretVersion = n } }
	cases := []struct {
		name string
		code access.Code
		in   []fact
		call []func(*access.Request)
	}{
		// service
		{"the service is not known", access.RouteNotFound, []fact{registered(), issued(), requested("sub_1"), approved("sub_1", nil)}, nil},
		{"the service is a draft", access.RouteNotFound, without(3), nil},
		{"the service was unpublished", access.RouteNotFound, admitted(fact{"petstore", catalog.Unpublished{}}), nil},
		{"the service is retired", access.RouteNotFound, admitted(fact{"petstore", catalog.Retired{}}, fact{"petstore", catalog.Published{}}), nil},
		// credential
		{"the credential is not known", access.CredentialInvalid, without(1), nil},
		{"no credential is given", access.CredentialInvalid, admitted(), []func(*access.Request){func(q *access.Request) { q.Credential = "" }}},
		{"the credential is revoked", access.CredentialInvalid, admitted(fact{"cred_1", credential.Revoked{}}), nil},
		{"the credential is revoked, whatever comes after", access.CredentialInvalid, admitted(fact{"cred_1", credential.Revoked{}},
			fact{"cred_1", credential.Resumed{}}, fact{"cred_1", credential.Rotated{SecretVersion: 1}}, issued()), nil},
		{"the service does not accept its type", access.CredentialInvalid, admitted(
			fact{"petstore", catalog.Updated{Accepts: &events.Change[[]string]{After: []string{"basic", "jwt"}}}}), nil},
		{"its type is not known here", access.CredentialInvalid, []fact{registered(), issued(func(d *credential.Issued) { d.Type = "passkey" }),
			drafted(func(d *catalog.Drafted) { d.Accepts = []string{"passkey"} }), published(), requested("sub_1"), approved("sub_1", nil)}, nil},
		{"it is in another place", access.CredentialInvalid, admitted(), []func(*access.Request){func(q *access.Request) { q.In.In = "query" }}},
		{"it is under another name", access.CredentialInvalid, admitted(), []func(*access.Request){func(q *access.Request) { q.In.Name = "Authorization" }}},
		{"the place is not said", access.CredentialInvalid, admitted(), []func(*access.Request){func(q *access.Request) { q.In = access.Placement{} }}},
		{"it has moved", access.CredentialInvalid, admitted(fact{"cred_1", credential.Updated{
			Placement: &events.Change[credential.Placement]{After: credential.Placement{In: "query", Name: "key"}}}}), nil},
		{"the secret is of a version that is to come", access.CredentialInvalid, admitted(), []func(*access.Request){version(2)}},
		{"the secret's version is not said", access.CredentialInvalid, admitted(), []func(*access.Request){version(0)}},
		{"the secret was rotated without overlap", access.CredentialInvalid, admitted(fact{"cred_1", credential.Rotated{SecretVersion: 2, RetiredVersions: []int{1}}}), nil},
		{"the overlap of a rotation is over by the clock", access.CredentialInvalid, admitted(fact{"cred_1", credential.Rotated{
			SecretVersion: 2, RetiringVersion: 1, RetiringNotAfter: in(time.Hour)}}), []func(*access.Request){at(time.Hour)}},
		{"the overlap of a rotation was ended", access.CredentialInvalid, admitted(fact{"cred_1", credential.Rotated{
			SecretVersion: 2, RetiringVersion: 1, RetiringNotAfter: in(time.Hour)}}, fact{"cred_1", credential.SecretRetired{SecretVersion: 1}}), nil},
		{"the only secret is retired", access.CredentialInvalid, admitted(fact{"cred_1", credential.SecretRetired{SecretVersion: 1}}), nil},
		{"the credential has expired by the clock", access.CredentialExpired, []fact{registered(), issued(func(d *credential.Issued) { d.ExpiresAt = in(time.Minute) }),
			drafted(), published(), requested("sub_1"), approved("sub_1", nil)}, []func(*access.Request){at(time.Minute)}},
		{"nobody said at what time", access.CredentialExpired, []fact{registered(), issued(func(d *credential.Issued) { d.ExpiresAt = in(time.Minute) }),
			drafted(), published(), requested("sub_1"), approved("sub_1", nil)}, []func(*access.Request){func(q *access.Request) { q.At = time.Time{} }}},
		{"an event says that the credential has expired", access.CredentialExpired, admitted(fact{"cred_1", credential.Expired{}}), nil},
		{"the credential is suspended", access.CredentialSuspended, admitted(fact{"cred_1", credential.Suspended{}}), nil},
		{"it was suspended, has expired and was extended", access.CredentialSuspended, admitted(fact{"cred_1", credential.Suspended{}},
			fact{"cred_1", credential.Expired{}}, fact{"cred_1", credential.Updated{ExpiresAt: &events.Change[*time.Time]{After: in(time.Hour)}}}), nil},
		{"another's version is right and the credential is suspended", access.CredentialInvalid, admitted(fact{"cred_1", credential.Suspended{}}), []func(*access.Request){version(7)}},
		// consumer
		{"the consumer is not known", access.CredentialInvalid, without(0), nil},
		{"the consumer is deleted", access.CredentialInvalid, admitted(fact{"acme", consumer.Deleted{}}, fact{"acme", consumer.Resumed{}}), nil},
		{"the consumer is suspended", access.ConsumerSuspended, admitted(fact{"acme", consumer.Suspended{}}), nil},
		{"the consumer is suspended and not subscribed", access.ConsumerSuspended, append(without(4)[:4:4], fact{"acme", consumer.Suspended{}}), nil},
		// subscription
		{"nobody asked for the service", access.NotSubscribed, admitted()[:4], nil},
		{"another consumer is subscribed", access.NotSubscribed, append(admitted()[:4], requested("sub_1", func(d *subscription.Requested) { d.ConsumerID = "other" }), approved("sub_1", nil)), nil},
		{"another service is subscribed", access.NotSubscribed, append(admitted()[:4], requested("sub_1", func(d *subscription.Requested) { d.ServiceID = "other" }), approved("sub_1", nil)), nil},
		{"the subscription is pending", access.SubscriptionPending, admitted()[:5], nil},
		{"the subscription is suspended", access.SubscriptionSuspended, admitted(fact{"sub_1", subscription.Suspended{}}), nil},
		{"the subscription has expired by the clock", access.SubscriptionExpired, append(admitted()[:5], approved("sub_1", in(time.Minute))), []func(*access.Request){at(time.Minute)}},
		{"a suspended one has expired by the clock", access.SubscriptionExpired, append(admitted()[:5], approved("sub_1", in(time.Minute)), fact{"sub_1", subscription.Suspended{}}), []func(*access.Request){at(time.Hour)}},
		{"an event says that the subscription has expired", access.SubscriptionExpired, admitted(fact{"sub_1", subscription.Expired{}}), nil},
		{"it was renewed and has expired again", access.SubscriptionExpired, admitted(fact{"sub_1", subscription.Expired{}}, fact{"sub_1", subscription.Renewed{ExpiresAt: in(time.Hour)}}), []func(*access.Request){at(2 * time.Hour)}},
		{"it was rejected", access.NotSubscribed, append(admitted()[:5], fact{"sub_1", subscription.Rejected{}}), nil},
		{"it was withdrawn, and approved after that", access.NotSubscribed, append(admitted()[:5], fact{"sub_1", subscription.Withdrawn{}}, approved("sub_1", nil)), nil},
		{"it was cancelled", access.NotSubscribed, admitted(fact{"sub_1", subscription.Cancelled{}}, fact{"sub_1", subscription.Resumed{}}), nil},
		{"it was revoked", access.NotSubscribed, admitted(fact{"sub_1", subscription.Revoked{}}, fact{"sub_1", subscription.Renewed{}}), nil},
		{"an old one was active and a new one is pending", access.SubscriptionPending, admitted(fact{"sub_1", subscription.Cancelled{}}, requested("sub_2")), nil},
		{"an old one has expired and a new one is pending", access.SubscriptionPending, admitted(fact{"sub_1", subscription.Expired{}}, requested("sub_2")), nil},
		{"an old one has expired and a new one was rejected", access.SubscriptionExpired, admitted(fact{"sub_1", subscription.Expired{}}, requested("sub_2"), fact{"sub_2", subscription.Rejected{}}), nil},
		{"it is for other credentials", access.CredentialNotAssigned, admitted(fact{"sub_1", subscription.CredentialsAssigned{CredentialIDs: &[]string{"cred_0", "cred_2"}}}), nil},
		{"it is for no credential", access.CredentialNotAssigned, admitted(fact{"sub_1", subscription.CredentialsAssigned{CredentialIDs: &[]string{}}}), nil},
		{"it was asked for without this credential", access.CredentialNotAssigned, append(admitted()[:4], requested("sub_1", func(d *subscription.Requested) { d.CredentialIDs = &[]string{} }), approved("sub_1", nil)), nil},
		// address
		{"it comes from elsewhere", access.IPNotAllowed, limited("192.0.2.0/24", "2001:db8::/32"), nil},
		{"the addresses cannot be read", access.IPNotAllowed, limited("ten dot nothing"), nil},
		{"the address is not known", access.IPNotAllowed, limited("0.0.0.0/0", "::/0"), []func(*access.Request){func(q *access.Request) { q.Address = netip.Addr{} }}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { refused(t, c.code, c.in, c.call...) })
	}
}

func limited(ips ...string) []fact {
	all := admitted()
	all[0] = registered(func(d *consumer.Registered) { d.Limits = &consumer.Limits{AllowedIPs: ips} })
	return all
}

func TestACallIsAllowedAgainWhen(t *testing.T) {
	from := func(text string) func(*access.Request) {
		return func(q *access.Request) { q.Address = netip.MustParseAddr(text) }
	}
	cases := []struct {
		name string
		in   []fact
		call []func(*access.Request)
	}{
		{"the service is deprecated", admitted(fact{"petstore", catalog.Deprecated{SunsetAt: in(time.Hour)}}), nil},
		{"the service is published again", admitted(fact{"petstore", catalog.Unpublished{}}, published()), nil},
		{"the header is written otherwise", admitted(), []func(*access.Request){func(q *access.Request) { q.In.Name = "x-api-KEY" }}},
		{"the secret was rotated and the new one is used", admitted(fact{"cred_1", credential.Rotated{SecretVersion: 2, RetiredVersions: []int{1}}}),
			[]func(*access.Request){func(q *access.Request) { q.SecretVersion = 2 }}},
		{"the old secret is used during the overlap", admitted(fact{"cred_1", credential.Rotated{SecretVersion: 2, RetiringVersion: 1, RetiringNotAfter: in(time.Hour)}}),
			[]func(*access.Request){at(time.Hour - time.Microsecond)}},
		{"the new secret is used during the overlap", admitted(fact{"cred_1", credential.Rotated{SecretVersion: 2, RetiringVersion: 1, RetiringNotAfter: in(time.Hour)}}),
			[]func(*access.Request){func(q *access.Request) { q.SecretVersion = 2 }}},
		{"the credential was resumed", admitted(fact{"cred_1", credential.Suspended{}}, fact{"cred_1", credential.Resumed{}}), nil},
		{"the expired credential was given a later end", admitted(fact{"cred_1", credential.Expired{}},
			fact{"cred_1", credential.Updated{ExpiresAt: &events.Change[*time.Time]{After: in(time.Hour)}}}), nil},
		{"the expired credential was given no end", admitted(fact{"cred_1", credential.Expired{}},
			fact{"cred_1", credential.Updated{ExpiresAt: &events.Change[*time.Time]{}}}), nil},
		{"the consumer was resumed", admitted(fact{"acme", consumer.Suspended{}}, fact{"acme", consumer.Resumed{}}), nil},
		{"the subscription was resumed", admitted(fact{"sub_1", subscription.Suspended{}}, fact{"sub_1", subscription.Resumed{}}), nil},
		{"the expired subscription was renewed", admitted(fact{"sub_1", subscription.Expired{}}, fact{"sub_1", subscription.Renewed{ExpiresAt: in(time.Hour)}}), nil},
		{"there is a new subscription after a cancelled one", admitted(fact{"sub_1", subscription.Cancelled{}}, requested("sub_2"), approved("sub_2", nil)), nil},
		{"the older of two was renewed", admitted(fact{"sub_1", subscription.Expired{}}, requested("sub_2"), fact{"sub_2", subscription.Rejected{}}, fact{"sub_1", subscription.Renewed{}}), nil},
		{"the credential was assigned", admitted(fact{"sub_1", subscription.CredentialsAssigned{CredentialIDs: &[]string{"cred_2", "cred_1", "cred_0"}}}), nil},
		{"every credential was assigned", admitted(fact{"sub_1", subscription.CredentialsAssigned{CredentialIDs: &[]string{}}}, fact{"sub_1", subscription.CredentialsAssigned{}}), nil},
		{"it comes from an allowed network", limited("192.0.2.0/24", "10.0.0.0/8"), nil},
		{"it comes from an allowed address", limited("10.1.2.3"), nil},
		{"it comes from an allowed IPv4 address in IPv6", limited("10.1.2.3"), []func(*access.Request){from("::ffff:10.1.2.3")}},
		{"the allowed network is IPv4 in IPv6", limited("::ffff:10.0.0.0/104"), nil},
		{"the limits were lifted", append(limited("192.0.2.1"), fact{"acme", consumer.Updated{Limits: &events.Change[*consumer.Limits]{}}}), nil},
		{"nothing but a name has changed", admitted(fact{"acme", consumer.Updated{Name: &events.Change[string]{After: "Acme Ltd"}}}), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { refused(t, access.Allowed, c.in, c.call...) })
	}
}

func TestADecisionHoldsWhatTheGatewayNeeds(t *testing.T) {
	all := admitted()
	all[0] = registered(func(d *consumer.Registered) {
		d.Labels = map[string]string{"custom_id": "C-1"}
		d.Limits = &consumer.Limits{Rate: &consumer.Rate{Requests: 9, PerSeconds: 60}, Quota: &consumer.Quota{Requests: 7, Per: "day"}}
	})
	all[1] = issued(func(d *credential.Issued) { d.HideCredentials, d.ExpiresAt = true, in(time.Hour) })
	d := call(fold(log(all...)))
	if d.Consumer.ID != "acme" || d.Consumer.Team != "payments" || d.Consumer.CustomID != "C-1" || d.Consumer.Status() != "active" {
		t.Errorf("consumer: %+v", d.Consumer)
	}
	if d.Consumer.Limits.Rate.Requests != 9 || d.Consumer.Limits.Quota.Per != "day" || d.Consumer.Limits.AllowedIPs != nil {
		t.Errorf("limits: %+v", d.Consumer.Limits)
	}
	if c := d.Credential; c.ID != "cred_1" || c.ConsumerID() != "acme" || c.Type != "api_key" || !c.Hide || c.Placement != apiKey || !c.ExpiresAt().Equal(*in(time.Hour)) {
		t.Errorf("credential: %+v", c)
	}
	if u := d.Subscription; u.ID != "sub_1" || u.ConsumerID() != "acme" || u.ServiceID() != "petstore" || u.Status(noon) != "active" || !u.ExpiresAt().IsZero() {
		t.Errorf("subscription: %+v", u)
	}
	if p := d.Plan(); p == nil || p.ID != "default" || p.Rate.Requests != 5 {
		t.Errorf("plan: %+v", p)
	}
	if v := d.Service; v.ID != "petstore" || v.Team != "pets" || v.Timeout != 30*time.Second || len(v.Upstreams) != 1 || v.Status != access.ServicePublished {
		t.Errorf("service: %+v", v)
	}
}

func TestARefusalNeverPanicsWhateverIsMissing(t *testing.T) {
	all := log(admitted()...)
	for known := range 1 << len(all) {
		s := access.New()
		for i, e := range all {
			if known&(1<<i) != 0 {
				e.Version = 1 // whatever comes first is taken for the first
				s.Apply(e.Envelope, e.data)
			}
		}
		d := call(s)
		if d.Allowed() {
			t.Fatalf("allowed with %b", known)
		}
		_ = d.Plan()
		if d.Credential != nil {
			_ = d.Credential.ConsumerID() + d.Credential.Type
		}
		s.Explain(request(s))
	}
}

func TestSecretsDieForEver(t *testing.T) {
	s := fold(log(admitted(
		fact{"cred_1", credential.Rotated{SecretVersion: 2, RetiringVersion: 1, RetiringNotAfter: in(time.Hour)}},
	)...))
	check := func(version int, live, dead bool) {
		t.Helper()
		if got := s.SecretLive("cred_1", version, noon); got != live {
			t.Errorf("version %d live: %v", version, got)
		}
		if got := s.SecretDead("cred_1", version); got != dead {
			t.Errorf("version %d dead: %v", version, got)
		}
	}
	check(1, true, false)
	check(2, true, false)
	check(3, false, false) // its material may come before its event
	if s.SecretLive("cred_1", 1, noon.Add(time.Hour)) {
		t.Error("the overlap never ends")
	}
	s = fold(log(admitted(
		fact{"cred_1", credential.Rotated{SecretVersion: 2, RetiringVersion: 1, RetiringNotAfter: in(time.Hour)}},
		fact{"cred_1", credential.Rotated{SecretVersion: 3, RetiringVersion: 2, RetiringNotAfter: in(time.Hour)}},
	)...))
	check(1, false, true)
	check(2, true, false)
	check(3, true, false)
	s = fold(log(admitted(fact{"cred_1", credential.SecretRetired{SecretVersion: 1}})...))
	check(1, false, true)
	s = fold(log(admitted(fact{"cred_1", credential.Revoked{}})...))
	check(1, false, true)
	check(2, false, true)
	if s.SecretLive("cred_9", 1, noon) || s.SecretDead("cred_9", 1) {
		t.Error("an unknown credential has a secret")
	}
}

func TestWhetherThereAreLimitsIsToldWithTheDecision(t *testing.T) {
	unlimited := drafted(func(d *catalog.Drafted) { d.Plans = []catalog.Plan{{ID: "default"}} })
	rate := &consumer.Limits{Rate: &consumer.Rate{Requests: 1, PerSeconds: 1}}
	quota := &consumer.Limits{Quota: &consumer.Quota{Requests: 1, Per: "day"}}
	for name, c := range map[string]struct {
		service fact
		limits  *consumer.Limits
		limited bool
	}{
		"neither":                 {unlimited, nil, false},
		"a plan's rate":           {drafted(), nil, true},
		"a consumer's rate":       {unlimited, rate, true},
		"a consumer's quota":      {unlimited, quota, true},
		"both":                    {drafted(), rate, true},
		"limits that say nothing": {unlimited, &consumer.Limits{}, false},
		"a consumer's addresses":  {unlimited, &consumer.Limits{AllowedIPs: []string{"10.0.0.0/8"}}, true}, // looked at in any case
	} {
		t.Run(name, func(t *testing.T) {
			who := registered(func(d *consumer.Registered) { d.Limits = c.limits })
			s := fold(log(who, issued(), c.service, published(), requested("sub_1"), approved("sub_1", nil)))
			if d := call(s); !d.Allowed() || d.Limited != c.limited {
				t.Errorf("%q, limited %v, want %v", d.Code, d.Limited, c.limited)
			}
		})
	}
}
