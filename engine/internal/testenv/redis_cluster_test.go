package testenv

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestRedisClusterMovesSlotsAndPromotes(t *testing.T) {
	c := RedisCluster(t, 3)
	const key = "k"
	owner := c.Owner(key)
	owner.Do("SET", key, "v")
	owner.AwaitReplica()
	to := c.AddNode()
	// A move ends when every node knows the new owner, also one that does not listen for
	// a while. From then on it may take the slot.
	middle := c.Nodes()[(slices.Index(c.Nodes(), owner)+1)%3]
	ended := make(chan error, 1)
	go func() { ended <- c.cluster.MoveSlot(key, middle.server, func(string) { to.Signal(syscall.SIGSTOP) }) }()
	Eventually(t, time.Minute, "the old owner to name the new one", func() bool {
		return len(ended) > 0 || c.cluster.Owner(owner.server, key) == middle.server
	})
	if len(ended) > 0 {
		t.Errorf("the move ended before all nodes knew of it: %v", <-ended)
	}
	to.Signal(syscall.SIGCONT)
	if err := <-ended; err != nil || c.cluster.Owner(to.server, key) != middle.server {
		t.Errorf("after the move: %v, and the last node does not name the new owner", err)
	}
	moved := 0
	c.MoveSlot(key, to, func(string) { moved++ })
	if got := to.Do("GET", key); got != "v" || moved != 1 {
		t.Errorf("the key is %v on its new owner after %d moves", got, moved)
	}
	if _, err := owner.Try("GET", key); err == nil {
		t.Error("the old owner still serves the key")
	}

	first := c.Nodes()[0]
	replica := c.Nodes()[3]
	first.Signal(syscall.SIGSTOP)
	Eventually(t, time.Minute, "the replica to be promoted", func() bool {
		return replica.Role() == "master"
	})
	first.Signal(syscall.SIGCONT)
	Eventually(t, time.Minute, "the old master to become a replica", func() bool {
		return first.Role() == "slave"
	})
}

func TestSentinelsPromote(t *testing.T) {
	master, replica := RedisPair(t)
	sentinels, _ := Sentinels(t, master)
	master.Kill()
	Eventually(t, time.Minute, "the replica to be promoted", func() bool {
		return replica.Role() == "master"
	})
	Eventually(t, time.Minute, "a Sentinel to name it", func() bool {
		answer, _ := sentinels[1].Try("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "race")
		reply, _ := answer.([]any)
		return len(reply) == 2 && "127.0.0.1:"+reply[1].(string) == replica.Addr()
	})
}
