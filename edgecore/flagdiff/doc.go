// Package flagdiff says in terms of flags how two definitions, or a snapshot and
// what is stored, differ (Change). It also lists what a snapshot of one target
// fixes for every request (FixedAnswers) and how many identifiers it holds
// (CountIdentifiers).
package flagdiff
