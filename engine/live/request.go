package live

import (
	"cmp"
	"context"
	"strings"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

const topicPrefix = "event:"

// The dispatchers call the methods of session below.

// request carries out one message of a client.
func (s *session) request(data []byte) {
	var r codec.Request
	if b := s.srv.bounds.Load(); !s.requests.take(b.RequestRate, b.RequestBurst, time.Now()) {
		_ = codec.ParseRequest(&r, data) // for its id
		s.replyError(r.ID, "rate_limited", "too many requests")
		s.throttle()
		return
	}
	if err := codec.ParseRequest(&r, data); err != nil {
		s.replyError(r.ID, "bad_request", err.Error())
		return
	}
	switch r.Type {
	case codec.RequestPing:
		cursor := ""
		if r.Cursor {
			cursor = s.cursor(s.subscriptions...)
		}
		s.reply(codec.AppendPong(nil, r.ID, time.Now().UnixMilli(), cursor))
	case codec.RequestSubscribe:
		s.subscribe(&r)
	case codec.RequestUnsubscribe:
		s.unsubscribe(&r)
	case codec.RequestAuth:
		s.renew(&r)
	}
}

// eventOf is the event that a request's topic names. If it names none, ok is false and
// the request was answered with an error.
func (s *session) eventOf(r *codec.Request) (event string, ok bool) {
	event, ok = strings.CutPrefix(r.Topic, topicPrefix)
	if !ok || event == "" {
		s.replyError(r.ID, "bad_request", "topic must be event:<event id>")
		return "", false
	}
	return event, true
}

// subscribe adds a subscription, or changes the interval of an existing one.
func (s *session) subscribe(r *codec.Request) {
	event, ok := s.eventOf(r)
	if !ok {
		return
	}
	interval := shard.RoundInterval(time.Duration(r.Interval) * time.Millisecond)
	if sub := s.subscription(event); sub != nil {
		sub.interval, sub.longest = interval, max(sub.longest, interval)
		s.replySubscribed(r, sub, 0)
		s.srv.core.Subscribe(s.conn, sub.topic, interval, s.begin(nil))
		return
	}
	if len(s.subscriptions) >= s.srv.bounds.Load().MaxSubscriptions {
		s.replyError(r.ID, "too_many_subscriptions", "unsubscribe from a topic first")
		return
	}
	since := strings.Clone(r.Since) // the message may be gone when there is an answer
	then := func(a answer) {
		if a.err != nil {
			s.srv.faults.warn("authorisation failed", a.err)
			s.replyError(r.ID, "internal", "try again later")
			return
		}
		s.addSubscription(r, event, interval, since, a.allowed)
	}
	identity, access := s.identity, s.srv.opts.Access
	allowed, key, err := access.Decide(identity, event)
	if key == "" {
		then(answer{allowed: allowed, err: err})
		return
	}
	asked := strings.Clone(event) // other sessions share the question, which may outlive the message
	s.awaitAuth(&authWait{key: "event " + key, ask: func(ctx context.Context) (a answer) {
		a.allowed, a.err = access.Ask(ctx, identity, asked, false)
		return a
	}, then: then})
}

// addSubscription subscribes to an event, if that is allowed and the event exists. cursor
// is what the client came with.
func (s *session) addSubscription(r *codec.Request, event string, interval time.Duration, cursor string, allowed bool) {
	topic, exists := s.srv.core.Watch(strings.Clone(event))
	if !allowed || !exists {
		if exists {
			s.srv.core.Unwatch(topic)
		}
		s.refuseTopic(r, allowed)
		return
	}
	sub := &subscription{topic: topic, interval: interval, longest: interval, confirmation: confirmation{at: time.Now()}}
	s.subscriptions = append(s.subscriptions, sub)
	s.subscribed.Add(s.srv.subscriptionCost())
	s.srv.m.subscriptions.Inc()
	s.replySubscribed(r, sub, s.srv.core.Shards())
	if since := s.resumesFrom(cursor, topic); since > 0 {
		s.resumeAt(sub, since)
		return
	}
	s.srv.core.Subscribe(s.conn, topic, interval, s.begin(s.chargeSnapshot))
}

// refuseTopic answers a subscribe to an event that does not exist or may not be watched.
// Unless all events are public anyway, the two answers are the same: otherwise a
// stranger could find out which events exist.
func (s *session) refuseTopic(r *codec.Request, allowed bool) {
	if allowed && s.srv.opts.Access.AllPublic() {
		s.replyError(r.ID, "unknown_topic", "there is no such event")
		return
	}
	s.replyError(r.ID, "forbidden", "you may not watch this event")
}

// replySubscribed answers a subscribe, and announces that many snapshot parts.
func (s *session) replySubscribed(r *codec.Request, sub *subscription, parts int) {
	s.reply(codec.AppendSubscribed(nil, r.ID, sub.topic.Name(), s.srv.core.Devices(sub.topic), parts, s.intervalMs(sub), s.cursor(sub)))
}

// intervalMs is the interval in force, in ms.
func (s *session) intervalMs(sub *subscription) int {
	return int(cmp.Or(sub.interval, s.srv.core.Window()).Milliseconds())
}

// unsubscribe ends a subscription. The answer comes after the topic's last frame.
func (s *session) unsubscribe(r *codec.Request) {
	event, ok := s.eventOf(r)
	if !ok {
		return
	}
	frame := codec.AppendUnsubscribed(nil, r.ID, r.Topic)
	sub := s.subscription(event)
	if sub == nil {
		s.reply(frame) // nothing to end: the client has what it wants
		return
	}
	s.endSubscription(sub, frame, nil)
}
