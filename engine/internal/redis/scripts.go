package redis

// Scripts returns the Lua scripts of this package, word for word. The embedded
// server runs these and no others.
func Scripts() []string {
	return []string{
		waitingScript, stateScript, lastIDScript, entrySizeScript, takeLeaseScript, dropLeaseScript, deadLetterScript, boundBytesScript,
		takeConnectionSlotScript, renewConnectionSlotsScript, removeConsumersScript,
	}
}
