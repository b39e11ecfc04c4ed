// Package compile makes programs: from definitions (Program), from the next
// version of them (Next), and from another program of which a part is already
// decided (Specialize, Select). It also says what a program depends on
// (Contextual, DependsOn) and which flags no context turns on (MayBeOn).
package compile
