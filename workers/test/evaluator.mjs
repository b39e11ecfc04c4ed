// The worker's evaluator as a line oracle (test/differential). Each line of
// standard input is a JSON object, and is answered by one line:
//
//   {"snapshot": "…"}                                          {"ok": true}
//   {"context": {…}, "toggle": "…", "time"?: ms, "seed"?: "…"}  {"enabled", "variant"}
//
// A flag that the snapshot does not have is off. With the seed "" a draw
// selects nobody. A line that cannot be answered is answered {"error": "…"}.
import { parseSnapshot } from '../src/snapshot.js'

const OFF = { enabled: false, variant: { name: 'disabled', enabled: false, feature_enabled: false, featureEnabled: false } }

let snapshot

function answer({ snapshot: text, context, toggle, time, seed }) {
  if (text !== undefined) {
    snapshot = parseSnapshot(text)
    return { ok: true }
  }
  const { enabled, variant } = snapshot.view(context, { time, seed }).toggle(toggle) || OFF
  return { enabled, variant }
}

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', chunk => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop()
  let out = ''
  for (const line of lines) {
    try {
      out += JSON.stringify(answer(JSON.parse(line))) + '\n'
    } catch (e) {
      out += JSON.stringify({ error: String(e) }) + '\n'
    }
  }
  process.stdout.write(out)
})
