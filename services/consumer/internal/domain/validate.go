package domain

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a profile may hold. Lengths are in characters.
const (
	MaxName        = 256
	MaxDescription = 4096
	MaxLabels      = 64
	MaxLabelValue  = 256
	MaxRequests    = 1_000_000_000_000 // of a rate or a quota
	MaxPerSeconds  = 86_400            // of a rate: what is longer is a quota
	MaxAllowedIPs  = 256
)

var (
	idPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,512}$`)
	// A label is looked for as "key:value", so a key has no colon.
	labelPattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._/-]{0,61}[a-zA-Z0-9])?$`)
)

// normal answers the profile in the one form in which it is kept, or what is
// wrong with it.
func (p Profile) normal() (Profile, error) {
	for _, err := range []error{
		line("body.name", p.Name, MaxName),
		text("body.description", p.Description, 0, MaxDescription),
		labels(p.Labels),
	} {
		if err != nil {
			return Profile{}, err
		}
	}
	if len(p.Labels) == 0 {
		p.Labels = nil
	}
	if len(p.ContactSealed) == 0 {
		p.ContactSealed = nil
	}
	var err error
	p.Limits, err = limits(p.Limits)
	return p, err
}

// line is a text in which there is something to see, on one line.
func line(at, value string, most int) error {
	if strings.TrimSpace(value) == "" || strings.ContainsAny(value, "\n\t") {
		return ErrInvalid.At(at).Saying("The text is 1 to %d characters on one line, and not blank.", most)
	}
	return text(at, value, 1, most)
}

func text(at, value string, least, most int) error {
	if n := utf8.RuneCountInString(value); n < least || n > most || !utf8.ValidString(value) {
		return ErrInvalid.At(at).Saying("The text is %d to %d characters of UTF-8.", least, most)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		return ErrInvalid.At(at).Saying("The text holds no control characters.")
	}
	return nil
}

func labels(all map[string]string) error {
	if len(all) > MaxLabels {
		return ErrInvalid.At("body.labels").Saying("There are 0 to %d labels.", MaxLabels)
	}
	for key, value := range all {
		if !labelPattern.MatchString(key) {
			return ErrInvalid.At("body.labels").Saying("A label's key matches %s.", labelPattern)
		}
		n := utf8.RuneCountInString(value)
		if n < 1 || n > MaxLabelValue || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
			return ErrInvalid.At("body.labels."+key).Saying("A label's value is 1 to %d characters of UTF-8, without control characters.", MaxLabelValue)
		}
	}
	return nil
}

// limits answers limits with canonical addresses; limits that limit nothing are
// none.
func limits(l *Limits) (*Limits, error) {
	if l == nil || l.Rate == nil && l.Quota == nil && len(l.AllowedIPs) == 0 {
		return nil, nil
	}
	if l.Rate != nil {
		if err := within("body.limits.rate.requests", l.Rate.Requests, 1, MaxRequests); err != nil {
			return nil, err
		}
		if err := within("body.limits.rate.per_seconds", l.Rate.PerSeconds, 1, MaxPerSeconds); err != nil {
			return nil, err
		}
	}
	if l.Quota != nil {
		if err := within("body.limits.quota.requests", l.Quota.Requests, 1, MaxRequests); err != nil {
			return nil, err
		}
		if l.Quota.Per != "day" && l.Quota.Per != "month" {
			return nil, ErrInvalid.At("body.limits.quota.per").Saying("The value is one of: day, month.")
		}
	}
	if len(l.AllowedIPs) > MaxAllowedIPs {
		return nil, ErrInvalid.At("body.limits.allowed_ips").Saying("There are 0 to %d values.", MaxAllowedIPs)
	}
	var allowed []string
	for i, given := range l.AllowedIPs {
		address, ok := canonicalAddress(given)
		if !ok {
			return nil, ErrInvalid.At(fmt.Sprintf("body.limits.allowed_ips[%d]", i)).Saying("The value is an IP address or a CIDR block.")
		}
		if !slices.Contains(allowed, address) {
			allowed = append(allowed, address)
		}
	}
	return &Limits{Rate: l.Rate, Quota: l.Quota, AllowedIPs: allowed}, nil
}

func within(at string, value, least, most int64) error {
	if value < least || value > most {
		return ErrInvalid.At(at).Saying("The value is %d to %d.", least, most)
	}
	return nil
}

// canonicalAddress answers an address or block in its one spelling: host bits
// are cleared, IPv4 is not mapped into IPv6, there is no zone.
func canonicalAddress(given string) (string, bool) {
	if !strings.Contains(given, "/") {
		address, err := netip.ParseAddr(given)
		if err != nil || address.Zone() != "" {
			return "", false
		}
		return address.Unmap().String(), true
	}
	block, err := netip.ParsePrefix(given)
	if err != nil {
		return "", false
	}
	if a := block.Addr(); a.Is4In6() {
		if block.Bits() < 96 {
			return "", false
		}
		block = netip.PrefixFrom(a.Unmap(), block.Bits()-96)
	}
	return block.Masked().String(), true
}
