package testenv

import (
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
