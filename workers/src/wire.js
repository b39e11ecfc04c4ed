// The numbers and characters of rules/1: see docs/snapshot-format.md, and
// edgecore/eval/rules/format.go, which writes them.

// Operators of conditions.
export const IN = 0
export const STARTS_WITH = 1
export const ENDS_WITH = 2
export const CONTAINS = 3 // 4 to 6 are 1 to 3, in any case of letters
export const NUMBER = 7
export const DATE = 8
export const VERSION = 9
export const REGEX = 10
export const CIDR = 11
export const ALL = 12
export const SHARED_REGEX = 13

// A share is everybody, or a stickiness and a percentage from 0 to 100.
export const EVERYBODY = 1
export const FIRST_SHARE = 2
export const PER_STICKY = 101

// A stickiness by a random number.
export const RANDOM = -1

// Names are separated by SEPARATOR. The values of lists are between SEPARATOR and
// POSTINGS, and the numbers of their lists follow.
export const SEPARATOR = '\x7f'
export const POSTINGS = '\x80'

// Digits of these numbers, least first: from END on the last of a number, from
// MORE on the others, whose base is BASE.
export const END = 35
export const MORE = 93
export const BASE = 34
