// The worker's evaluator as a line oracle (test/differential). Each line of
// standard input is a JSON object, and is answered by one line:
//
//   {"snapshot": "…"}                                          {"ok": true}
//   {"context": {…}, "toggle": "…", "time"?: ms, "seed"?: "…"}  {"enabled", "variant"}
//
// A flag that the snapshot does not have is off. With the seed "" a draw
// selects nobody. A line that cannot be answered is answered {"error": "…"}.
import { answerLines } from '../../test/oracle/lines.mjs'
import { OFF } from '../src/rules.js'
import { parseSnapshot } from '../src/snapshot.js'

let snapshot

function answer({ snapshot: text, context, toggle, time, seed }) {
  if (text !== undefined) {
    snapshot = parseSnapshot(text)
    return { ok: true }
  }
  const { enabled, variant } = snapshot.view(context, { time, seed }).toggle(toggle) || { enabled: false, variant: OFF }
  return { enabled, variant }
}

answerLines(answer)
