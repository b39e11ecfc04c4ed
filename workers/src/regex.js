const MAX_CHARACTERS = 2048
const MAX_STEPS = 2 ** 20 // instructions times characters

/**
 * Tells whether a regular expression matches somewhere in a text: Pike's
 * machine, in time linear in the text. Each instruction is met once per
 * character at most.
 *
 * @param {any[][]} code [0] match; [1, out, alt] both ways; [2, out, need] if
 *   that holds here; [3, out, first, last, ...] behind such a character, of
 *   ascending ranges; [3, out, i] behind one of the ranges of instruction i
 * @param {string} text without lone surrogates; one beyond a cap matches nothing
 */
export function matches(code, text) {
  if (text.length > 2 * MAX_CHARACTERS ||
    [...text].length > Math.min(MAX_CHARACTERS, MAX_STEPS / code.length)) return false
  const met = new Int32Array(code.length).fill(-1) // by instruction: the place where it was met last
  let waiting = []
  let before = -1
  for (let at = 0; ;) {
    const character = at < text.length ? text.codePointAt(at) : -1
    const here = between(before, character)
    const stack = waiting
    stack.push(0)
    waiting = []
    let ranges // that were looked at last, and whether they take the character
    let taken
    while (stack.length) {
      const pc = stack.pop()
      if (met[pc] === at) continue
      met[pc] = at
      const instruction = code[pc]
      const op = instruction[0]
      const out = instruction[1]
      if (!op) return true
      if (op === 1) stack.push(instruction[2], out)
      else if (op === 2) instruction[2] & ~here || stack.push(out)
      else {
        const next = instruction.length === 3 ? code[instruction[2]] : instruction
        if (ranges !== next) taken = takes(ranges = next, character)
        if (taken) waiting.push(out)
      }
    }
    if (character < 0) return false
    before = character
    at += character > 0xffff ? 2 : 1
  }
}

function takes(ranges, character) {
  let low = 2
  let high = ranges.length
  while (low < high) {
    const middle = low + high >> 2 << 1
    if (character > ranges[middle + 1]) low = middle + 2
    else if (character < ranges[middle]) high = middle
    else return true
  }
  return false
}

// What holds between two characters, -1 for none, as in Go's syntax.EmptyOp:
// 1 and 2 begin and end of a line, 4 and 8 of the text, 16 a word's edge, 32 none.
const between = (before, after) =>
  (before < 0 ? 5 : before === 10 ? 1 : 0) | (after < 0 ? 10 : after === 10 ? 2 : 0) | (isWord(before) === isWord(after) ? 32 : 16)

const isWord = c => c > 47 && c < 58 || c > 64 && c < 91 || c === 95 || c > 96 && c < 123
