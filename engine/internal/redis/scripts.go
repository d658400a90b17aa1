package redis

// Scripts are the Lua scripts that this package runs, word for word. A server
// that runs no others, as the embedded one, needs to know them.
func Scripts() []string {
	return []string{
		waitingScript, stateScript, lastIDScript, entrySizeScript, takeLeaseScript, dropLeaseScript, deadLetterScript, boundBytesScript,
		takeConnectionSlotScript, renewConnectionSlotsScript, removeConsumersScript,
	}
}
