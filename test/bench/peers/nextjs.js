// evaluateFlags of @unleash/nextjs as a worker with the frontend API. It decides
// all flags, whatever is asked.
import { evaluateFlags } from '../../node_modules/@unleash/nextjs/dist/evaluateFlags.js'
import text from 'definitions'
import { contextOf, json } from './context.js'

let definitions

export default {
  fetch(request) {
    definitions = definitions || JSON.parse(text)
    const { context, name } = contextOf(request)
    const { toggles } = evaluateFlags(definitions, { ...context, ...context.properties })
    return json(name ? toggles.find(toggle => toggle.name === name) || {} : { toggles })
  }
}
