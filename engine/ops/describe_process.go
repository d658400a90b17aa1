package ops

var processSections = []section{
	{"Process", []described{
		{"processor_build_info", "version,revision,go", gauge, "Always 1. The labels tell what the program was built from."},
		{"processor_ready", "", gauge, "1 while /readyz answers 200, otherwise 0."},
		{"processor_part_state", "part,state", gauge, "1 for the state that the part is in (ok, degraded or failed), 0 for the other two."},
	}},
}
