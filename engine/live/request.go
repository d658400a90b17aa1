package live

import (
	"context"
	"strings"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

const topicPrefix = "event:"

// The methods of session below are called by the dispatchers.

// request carries out one message of a client.
func (s *session) request(data []byte) {
	var r codec.Request
	if !s.requests.take(s.srv.opts.RequestRate, s.srv.opts.RequestBurst, time.Now()) {
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
		s.reply(codec.AppendPong(nil, r.ID))
	case codec.RequestSubscribe:
		s.subscribe(&r)
	case codec.RequestUnsubscribe:
		s.unsubscribe(&r)
	case codec.RequestAuth:
		s.renew(&r)
	}
}

// eventOf is the event that a request's topic names. What names none is answered
// with an error.
func (s *session) eventOf(r *codec.Request) (event string, ok bool) {
	event, ok = strings.CutPrefix(r.Topic, topicPrefix)
	if !ok || event == "" {
		s.replyError(r.ID, "bad_request", "topic must be event:<event id>")
		return "", false
	}
	return event, true
}

// subscribe adds a topic, or changes the interval of one that is there.
func (s *session) subscribe(r *codec.Request) {
	event, ok := s.eventOf(r)
	if !ok {
		return
	}
	interval := shard.RoundInterval(time.Duration(r.Interval) * time.Millisecond)
	if w := s.watchOf(event); w != nil {
		w.interval = interval
		s.replySubscribed(r, w, 0)
		s.srv.core.Subscribe(s.conn, w.topic, interval, s.begin(nil))
		return
	}
	if len(s.topics) >= s.srv.opts.MaxSubscriptions {
		s.replyError(r.ID, "too_many_subscriptions", "unsubscribe from a topic first")
		return
	}
	then := func(said answer) {
		if said.err != nil {
			s.srv.faults.warn("authorisation failed", said.err)
			s.replyError(r.ID, "internal", "try again later")
			return
		}
		s.addTopic(r, event, interval, said.allowed)
	}
	who, access := s.who, s.srv.opts.Access
	allowed, key, err := access.Decide(who, event)
	if key == "" {
		then(answer{allowed: allowed, err: err})
		return
	}
	asked := strings.Clone(event) // the question may outlive the message: others share it
	s.awaitAuth("event "+key, func(ctx context.Context) (said answer) {
		said.allowed, said.err = access.Ask(ctx, who, asked, false)
		return said
	}, then)
}

// addTopic adds a topic, if that is allowed and there is one.
func (s *session) addTopic(r *codec.Request, event string, interval time.Duration, allowed bool) {
	topic, exists := s.srv.core.Watch(strings.Clone(event))
	if !allowed || !exists {
		if exists {
			s.srv.core.Unwatch(topic)
		}
		s.refuseTopic(r, allowed)
		return
	}
	w := &watch{topic: topic, interval: interval, confirmation: confirmation{at: time.Now()}}
	s.topics = append(s.topics, w)
	s.watches.Add(s.srv.watchCost())
	s.srv.m.subscriptions.Inc()
	s.replySubscribed(r, w, s.srv.core.Shards())
	s.srv.core.Subscribe(s.conn, topic, interval, s.begin(s.chargeSnapshot))
}

// refuseTopic answers for an event that is unknown or refused. The two look the
// same unless all events are public anyway: otherwise a stranger could find out
// which events exist.
func (s *session) refuseTopic(r *codec.Request, allowed bool) {
	if allowed && s.srv.opts.Access.AllPublic() {
		s.replyError(r.ID, "unknown_topic", "there is no such event")
		return
	}
	s.replyError(r.ID, "forbidden", "you may not watch this event")
}

// replySubscribed announces so many snapshot parts.
func (s *session) replySubscribed(r *codec.Request, w *watch, parts int) {
	every := w.interval
	if every == 0 {
		every = s.srv.core.Window()
	}
	s.reply(codec.AppendSubscribed(nil, r.ID, w.topic.Name(), s.srv.core.Devices(w.topic), parts, int(every.Milliseconds())))
}

// unsubscribe removes a topic. Its answer comes after the topic's last frame.
func (s *session) unsubscribe(r *codec.Request) {
	event, ok := s.eventOf(r)
	if !ok {
		return
	}
	frame := codec.AppendUnsubscribed(nil, r.ID, r.Topic)
	w := s.watchOf(event)
	if w == nil {
		s.reply(frame) // it is not subscribed, which is what was asked for
		return
	}
	s.removeWatch(w)
	s.srv.core.Unsubscribe(s.conn, w.topic, s.owe(shard.NewControl(frame)), s.begin(func() {
		s.srv.core.Unwatch(w.topic)
	}))
}
