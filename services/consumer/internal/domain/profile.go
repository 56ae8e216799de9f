package domain

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tidegate-io/tidegate/events/consumer"
)

// The bounds of a profile. Lengths are in characters.
const (
	MaxName        = 256
	MaxDescription = 4096
	MaxLabels      = 64
	MaxLabelValue  = 256
	MaxRequests    = 1_000_000_000_000 // of a rate or a quota
	MaxPerSeconds  = 86_400            // a rate's window; longer ones are quotas
	MaxAllowedIPs  = 256
)

// A label is found by "key:value", so its key has no colon.
var labelKey = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._/-]{0,61}[a-zA-Z0-9])?$`)

// canonical answers the profile in its one spelling, or why it is none.
func (p Profile) canonical() (Profile, error) {
	switch {
	case !isLine(p.Name, MaxName):
		return p, ErrText.At("body.name").Saying("a name has 1-%d characters, none of them a control character, and no space at its ends", MaxName)
	case utf8.RuneCountInString(p.Description) > MaxDescription:
		return p, ErrText.At("body.description").Saying("a description has at most %d characters", MaxDescription)
	}
	if err := checkLabels(p.Labels); err != nil {
		return p, err
	}
	if len(p.Labels) == 0 {
		p.Labels = nil
	}
	if len(p.ContactSealed) == 0 {
		p.ContactSealed = nil
	}
	var err error
	p.Limits, err = canonicalLimits(p.Limits)
	return p, err
}

func checkLabels(labels map[string]string) error {
	if len(labels) > MaxLabels {
		return ErrLabels.At("body.labels").Saying("a consumer has at most %d labels", MaxLabels)
	}
	for key, value := range labels {
		if !labelKey.MatchString(key) {
			return ErrLabels.At("body.labels").Saying("a label's key has 1-63 characters of a-z A-Z 0-9 . _ / - and begins and ends with a letter or digit")
		}
		if length := utf8.RuneCountInString(value); length < 1 || length > MaxLabelValue || !isPrintable(value) {
			return ErrLabels.At("body.labels."+key).Saying("a label's value has 1-%d characters, none of them a control character", MaxLabelValue)
		}
	}
	return nil
}

func canonicalLimits(l *consumer.Limits) (*consumer.Limits, error) {
	if l == nil || l.Rate == nil && l.Quota == nil && len(l.AllowedIPs) == 0 {
		return nil, nil
	}
	if r := l.Rate; r != nil {
		if r.Requests < 1 || r.Requests > MaxRequests {
			return nil, ErrLimits.At("body.limits.rate.requests").Saying("a rate admits 1-%d requests", int64(MaxRequests))
		}
		if r.PerSeconds < 1 || r.PerSeconds > MaxPerSeconds {
			return nil, ErrLimits.At("body.limits.rate.per_seconds").Saying("a rate is per 1-%d seconds", MaxPerSeconds)
		}
	}
	if q := l.Quota; q != nil {
		if q.Requests < 1 || q.Requests > MaxRequests {
			return nil, ErrLimits.At("body.limits.quota.requests").Saying("a quota admits 1-%d requests", int64(MaxRequests))
		}
		if q.Per != "day" && q.Per != "month" {
			return nil, ErrLimits.At("body.limits.quota.per").Saying("a quota is per day or month")
		}
	}
	if len(l.AllowedIPs) > MaxAllowedIPs {
		return nil, ErrLimits.At("body.limits.allowed_ips").Saying("at most %d addresses are allowed", MaxAllowedIPs)
	}
	var allowed []string
	for _, text := range l.AllowedIPs {
		address, ok := canonicalAddress(text)
		if !ok {
			return nil, ErrLimits.At("body.limits.allowed_ips").Saying("an allowed address is an IP address or a CIDR block")
		}
		if !slices.Contains(allowed, address) {
			allowed = append(allowed, address)
		}
	}
	return &consumer.Limits{Rate: l.Rate, Quota: l.Quota, AllowedIPs: allowed}, nil
}

// canonicalAddress answers an address or block in its shortest spelling: host
// bits are cleared, IPv4 is never mapped into IPv6, there is no zone.
func canonicalAddress(text string) (string, bool) {
	if strings.Contains(text, "/") {
		block, err := netip.ParsePrefix(text)
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
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return "", false
	}
	return address.Unmap().String(), true
}

// isLine tells whether text is one visible line of 1 to max characters.
func isLine(text string, max int) bool {
	length := utf8.RuneCountInString(text)
	return length >= 1 && length <= max && isPrintable(text) && strings.TrimSpace(text) == text
}

func isPrintable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
