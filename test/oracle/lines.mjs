/**
 * Answers each line of JSON on standard input by one line; one that cannot be
 * answered by {"error": "…"}.
 *
 * @param {(line: any) => any} answer
 */
export function answerLines(answer) {
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
}
