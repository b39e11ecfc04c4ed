// Package strictyaml decodes a YAML file into tagged structs, strictly: every
// fault is reported at once, with its line, its column and what to do, and no
// report shows a secret. It has no keys of its own.
//
// A field is named by its yaml tag, in snake_case; the file may use the
// camelCase of the same words. Further tags: min (shortest duration, smallest
// number), oneof (the words a text may be, separated by spaces), required, was
// (the former name). A text named "file" or "dir", or ending in "_file" or
// "_dir", is a path, which starts at the folder of the file. A field of secrets
// can come from a file, under its name with "_file" after it. ${NAME} in a text
// is an environment variable.
//
// A Schema decodes a text into a struct and returns the Settings, by which the
// caller checks what lies between settings and gets all faults at the end.
package strictyaml
