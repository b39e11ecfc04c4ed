// Package cover finds contexts that together take every branch of a program.
// bundles/measure needs them to find the longest time that a request takes.
package cover
