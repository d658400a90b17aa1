package admin

import (
	"strings"

	"pitwall/engine/access"
)

// problem says why a token is refused, and what to do. The keys are the reasons of
// processor_live_refused_authentications_total.
func problem(x access.Explanation) string {
	if x.Accepted {
		return ""
	}
	words := map[string]string{
		"no_token":      "there is no token",
		"unreadable":    "it is too long, or has characters that no header may have",
		"malformed":     "it is no JSON Web Token, or its algorithm is one for which these settings have no key",
		"unknown_key":   "no key of these settings has its key id and algorithm; was it signed for another installation?",
		"signature":     "none of the keys of these settings has signed it: it was changed, or signed with another secret",
		"claims":        "a claim is missing or is not what it should be",
		"expired":       "it has expired: get a new one",
		"not_yet_valid": "it is not valid yet: compare the clocks of this machine and of the one that signed it",
		"issuer":        "its issuer (iss) is not JWT_ISSUER",
		"audience":      "its audience (aud) does not have JWT_AUDIENCE",
		"revoked":       "it was revoked (pitwall token list)",
		"platform":      "the platform refuses it",
	}
	text := words[x.Reason]
	if text == "" {
		text = "it is not valid"
	}
	if x.Kind == access.KindLink && x.Reason == "signature" {
		text = "it was made with another LINK_SECRET, or changed"
	}
	// The details of these reasons say more than the words.
	if x.Detail != "" && (x.Reason == "claims" || text == "it is not valid") {
		text += ": " + x.Detail
	}
	return text
}

// events says which events the token opens.
func (a *checkedToken) events() string {
	if len(a.Rules) == 0 {
		return "all without a delay: everybody may watch them"
	}
	if a.Kind == access.KindLink {
		return "the event " + a.Event
	}
	var parts []string
	for _, rule := range a.Rules {
		switch rule {
		case access.ByClaims:
			if len(a.Events) > 0 {
				parts = append(parts, strings.Join(a.Events, ", "))
			}
		case access.ByPublic:
			parts = append(parts, "the public ones")
		case access.BySQL:
			parts = append(parts, "those that AUTHZ_SQL allows (ask with --event)")
		case access.ByHTTP:
			parts = append(parts, "those that AUTHZ_URL allows (ask with --event)")
		}
	}
	if len(parts) == 0 {
		return "none: the token lists none, and AUTHZ_MODE is claims"
	}
	return strings.Join(parts, "; ")
}
