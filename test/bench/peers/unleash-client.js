// The evaluation of unleash-client, without its network and its timers, as a
// worker with the frontend API.
import module from 'unleash-client/lib/client.js'
import { defaultStrategies } from 'unleash-client/lib/strategy'
import text from 'definitions'
import { contextOf, json } from './context.js'

const Client = module.default
const fallback = { name: 'disabled', enabled: false }
let features, client

export default {
  fetch(request) {
    if (!client) {
      const definitions = JSON.parse(text)
      features = definitions.features
      const byName = new Map(features.map(feature => [feature.name, feature]))
      const byId = new Map(definitions.segments.map(segment => [segment.id, segment]))
      client = new Client({ getToggle: name => byName.get(name), getSegment: id => byId.get(id) }, defaultStrategies)
    }
    const { context, name } = contextOf(request)
    const toggle = name => {
      const variant = client.getVariant(name, context, fallback)
      return { name, enabled: variant.feature_enabled, variant, impressionData: false }
    }
    return json(name ? toggle(name) : { toggles: features.map(feature => toggle(feature.name)).filter(t => t.enabled) })
  }
}
