package shard_test

import (
	"context"
	"fmt"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// A core with one shard and one writer. A connection subscribes to an event, a
// position of one of the event's devices comes in, and the writer takes the frames
// that the connection gets.
func Example() {
	core, err := shard.New(shard.Config{Shards: 1, Writers: 1, FutureTolerance: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- core.Run(ctx) }()
	defer func() { stop(); <-ended }()

	// Which device takes part in which event.
	roster := shard.Roster{Pairs: []shard.Pair{{Device: "kayak-7", Event: "42"}}}
	if err := core.Swap(ctx, roster); err != nil {
		fmt.Println(err)
		return
	}

	topic, ok := core.Watch("42") // false for an event that the roster does not have
	if !ok {
		return
	}
	defer core.Unwatch(topic)
	conn := core.NewConn(0, false, nil) // drained by writer 0, position frames
	subscribed := make(chan struct{})
	core.Subscribe(conn, topic, 0, func() { close(subscribed) })
	<-subscribed // its snapshot is queued

	batch := core.AcquireBatch()
	batch.Positions = append(batch.Positions, codec.Position{
		DeviceID: "kayak-7", TS: 1748779200500, Arrival: 1748779200900, Lat: 57.1, Lon: 11.9,
	})
	if err := core.Deliver(ctx, core.ShardOf("kayak-7"), batch); err != nil {
		fmt.Println(err)
		return
	}

	for frames := 0; frames < 2; {
		<-core.Queue(0).Wakeups()
		frames += write(core.Queue(0))
	}
	// Output:
	// {"type":"snapshot","topic":"event:42","part":1,"parts":1,"reason":"subscribe","positions":[]}
	// {"type":"position","topic":"event:42","deviceId":"kayak-7","ts":1748779200500,"lat":57.1,"lon":11.9}
}

// write is a writer's drain pass: every connection that has something to send gets a
// turn. It prints the frames instead of writing them to a socket.
func write(queue *shard.RunQueue) (frames int) {
	var list shard.ConnList
	queue.TakeInto(&list, &list, 0)
	for conn, ok := list.Next(); ok; conn, ok = list.Next() {
		for more := true; more; more = conn.Rest() {
			for chunk := conn.Take(); chunk != nil; chunk = conn.Take() {
				b := append(append([]byte{}, chunk.Head()...), chunk.Body()...)
				conn.Release(chunk) // the chunk must not be looked at from here on
				for ; len(b) > 0; frames++ {
					n := codec.FrameLen(b)
					fmt.Printf("%s\n", b[codec.FrameHeaderLen(b):n])
					b = b[n:]
				}
			}
		}
	}
	return frames
}
