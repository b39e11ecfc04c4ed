package file

// Explain lets a test hand in errors of the system.
var Explain = (*Sink).explain
