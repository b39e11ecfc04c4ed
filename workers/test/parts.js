// The parts from npm that these tests run against: test/node_modules has them.
// One that is missing is a skip that says why on a developer's machine, and a
// failure where FLAGCAST_NO_SKIP=1 (make test, CI).
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(new URL('../../test/package.json', import.meta.url))

/** The folder of the runtime's sources, with a slash at its end. */
export const SRC = fileURLToPath(new URL('../src/', import.meta.url))

/**
 * @param {...string} names of npm packages
 * @returns {{ skip: string | false, load(name: string): any }} skip goes into
 *   the options of a test; load gives a package
 */
export function need(...names) {
  const missing = names.filter(name => {
    try {
      require.resolve(name)
    } catch (e) {
      return true
    }
  })
  if (missing.length > 0) {
    const why = 'npm packages are not installed: ' + missing.join(', ') + ': run make deps'
    if (process.env.FLAGCAST_NO_SKIP === '1') throw new Error(why)
    return { skip: why, load: require }
  }
  return { skip: false, load: require }
}

/**
 * Links one script, as a deployment does.
 *
 * @param {{ entry?: string, contents?: string, format?: 'esm' | 'iife', constant?: string }} what
 *   entry: a path within src, or an absolute one; contents: the text of a file
 *   that would be in src; constant: the text of the module flagcast/bundle
 * @returns {Promise<{ text: string, inputs: Record<string, { imports: { path: string, kind: string }[] }> }>}
 *   inputs: what went into it, by path within src
 */
export async function bundle({ entry, contents, format = 'esm', constant }) {
  const built = await require('esbuild').build({
    ...(entry ? { entryPoints: [resolve(SRC, entry)] } : { stdin: { contents, resolveDir: SRC } }),
    absWorkingDir: SRC,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: 'neutral',
    target: 'es2020',
    format,
    logLevel: 'silent',
    external: ['cloudflare:workers'],
    plugins: [{
      name: 'flagcast',
      setup(build) {
        build.onResolve({ filter: /^flagcast$/ }, () => ({ path: SRC + 'index.js' }))
        build.onResolve({ filter: /^flagcast\/bundle$/ }, ({ path }) => ({ path, namespace: 'constant' }))
        build.onLoad({ filter: /./, namespace: 'constant' }, () => ({ contents: constant }))
      }
    }]
  })
  return { text: built.outputFiles[0].text, inputs: built.metafile.inputs }
}
